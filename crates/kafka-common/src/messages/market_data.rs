//! `market-data-updates` and `symbol-subscriptions`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Which side took liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TakerSide {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// One trade on the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketDataUpdate {
    /// For example `BTCUSD`.
    pub symbol: String,
    /// In the quote currency.
    #[serde(with = "crate::decimal::number")]
    pub price: Decimal,
    /// The trade's size, in the base currency.
    #[serde(with = "crate::decimal::number")]
    pub volume: Decimal,
    /// When the exchange matched the trade.
    pub timestamp: DateTime<Utc>,
    /// `coinbase` or `simulator`.
    pub source: String,
    /// The exchange's id: contiguous per product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_id: Option<u64>,
    /// The exchange's sequence in the product's full stream (not contiguous here).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The taker's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<TakerSide>,
    /// Best bid after the trade.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    pub bid: Option<Decimal>,
    /// Best ask after the trade.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    pub ask: Option<Decimal>,
}

/// What a strategy and a paper exchange need of a [`MarketDataUpdate`], borrowed from the record:
/// it is read for every trade of the market.
#[derive(Debug, Clone, Deserialize)]
pub struct TickView<'a> {
    /// For example `BTCUSD`.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// In the quote currency.
    #[serde(with = "crate::decimal::number")]
    pub price: Decimal,
    /// The trade's size, in the base currency.
    #[serde(with = "crate::decimal::number")]
    pub volume: Decimal,
    /// When the exchange matched the trade.
    pub timestamp: DateTime<Utc>,
    /// The exchange's id.
    #[serde(default)]
    pub trade_id: Option<u64>,
}

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubscriptionAction {
    /// The feed now carries the symbol.
    Subscribed,
    /// The feed no longer carries the symbol.
    Unsubscribed,
}

/// A change of the set of symbols that the feed carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolSubscription {
    /// For example `BTCUSD`.
    pub symbol: String,
    /// What happened.
    pub action: SubscriptionAction,
    /// A user, a session, or `configuration`.
    pub requested_by: String,
    /// When.
    pub timestamp: DateTime<Utc>,
}
