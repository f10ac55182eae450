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
}
