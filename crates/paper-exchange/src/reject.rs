//! Why an order was rejected, and the words for it. The words enter the ledger hash.

use rust_decimal::Decimal;

use crate::order::{MAX_PENDING_ORDERS, QuantityType};

/// A reason with its numbers (all without trailing zeros).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reject {
    #[error("too_many_orders: {MAX_PENDING_ORDERS} orders are already waiting for a trade")]
    TooManyOrders,
    #[error("quantity_not_positive: the quantity is {quantity}, it must be above 0")]
    QuantityNotPositive { quantity: Decimal },
    #[error("quantity_too_precise: the quantity {quantity} has more than 8 decimals")]
    QuantityTooPrecise { quantity: Decimal },
    #[error("percent_too_large: the quantity is {quantity} percent, it must be at most 100")]
    PercentTooLarge { quantity: Decimal },
    #[error(
        "quantity_too_large: the quantity is {quantity}, it must be below 100000000000000000000"
    )]
    QuantityTooLarge { quantity: Decimal },
    #[error("no_position: there is nothing to sell")]
    NoPosition,
    #[error("insufficient_cash: the order is for {amount}, cash is {cash}")]
    AmountAboveCash { amount: Decimal, cash: Decimal },
    #[error(
        "insufficient_cash: buying {quantity} at {price} costs {cost} with a fee of {fee}, \
         cash is {cash}"
    )]
    CostAboveCash {
        quantity: Decimal,
        price: Decimal,
        cost: Decimal,
        fee: Decimal,
        cash: Decimal,
    },
    #[error("budget_too_large: {quantity} percent of cash is not below 100000000000000000000")]
    BudgetTooLarge { quantity: Decimal },
    #[error(
        "quantity_rounds_to_zero: {quantity} {} at {price} is less than 0.00000001 units",
        .quantity_type.as_str()
    )]
    RoundsToZero {
        quantity: Decimal,
        quantity_type: QuantityType,
        price: Decimal,
    },
    #[error("exceeds_position: selling {quantity}, the position is {position}")]
    ExceedsPosition {
        quantity: Decimal,
        position: Decimal,
    },
    #[error("precision_exceeded: a fill at {price} can't be computed exactly")]
    PrecisionExceeded { price: Decimal },
    #[error("session_stopped: the session stopped before a trade could fill the order")]
    SessionStopped,
    #[error("session_paused: the session is paused")]
    SessionPaused,
    #[error("session_closing: the session sells its position and stops")]
    SessionClosing,
    #[error("{0}")]
    RiskBlocked(String),
    #[error("risk_max_orders_per_minute: {limit} orders were taken in this minute already")]
    RiskOrders { limit: u32 },
    #[error("risk_max_order: the order is worth {worth}, the limit is {limit}")]
    RiskOrder { worth: Decimal, limit: Decimal },
    #[error("risk_max_position: the position would be worth {worth}, the limit is {limit}")]
    RiskPosition { worth: Decimal, limit: Decimal },
    #[error("invalid_order: {0}")]
    Invalid(&'static str),
    #[error("quantity_increment: {quantity} is not a multiple of {increment}")]
    QuantityIncrement {
        quantity: Decimal,
        increment: Decimal,
    },
    #[error("price_increment: {price} is not a multiple of {increment}")]
    PriceIncrement { price: Decimal, increment: Decimal },
    #[error("below_min_quantity: the order is for {quantity}, it must be at least {least}")]
    MinQuantity { quantity: Decimal, least: Decimal },
    #[error("below_min_notional: the order is worth {worth}, it must be at least {least}")]
    MinNotional { worth: Decimal, least: Decimal },
    #[error("post_only: at {price} the order would fill at once")]
    PostOnly { price: Decimal },
    #[error("no_quote: the trade came without bid and ask")]
    NoQuote,
    #[error("stale_quote: bid and ask are {age_ms} ms older than the trade, the limit is {limit}")]
    StaleQuote { age_ms: u32, limit: u32 },
    #[error("market_gap: trades of the market are missing")]
    MarketGap,
    #[error("slippage_exceeds_price: nothing is left of the price {price}")]
    SlippageExceedsPrice { price: Decimal },
}
