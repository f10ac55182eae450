//! `market-data-updates` and `symbol-subscriptions`.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which side took liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TakerSide {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// Trades that are missing from the log at the place of the record that has this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MissingTrades {
    /// The first trade id that is missing.
    pub first_trade_id: u64,
    /// The last trade id that is missing.
    pub last_trade_id: u64,
}

impl MissingTrades {
    /// The value of the header `record-kind` of a record that has this.
    pub const RECORD_KIND: &'static str = "gap";
}

/// One trade on the market; or, with [`gap`](Self::gap), the mark of trades that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MarketDataUpdate {
    /// For example `BTCUSD`.
    pub symbol: String,
    /// In the quote currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub price: Decimal,
    /// The trade's size, in the base currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub volume: Decimal,
    /// When the exchange matched the trade.
    #[schemars(with = "crate::schema::Time")]
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
    #[schemars(with = "Option<crate::schema::Number>")]
    pub bid: Option<Decimal>,
    /// Best ask after the trade.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub ask: Option<Decimal>,
    /// How much older than the trade bid and ask are, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_age_ms: Option<u32>,
    /// The feed didn't bring the trade: it was fetched from the exchange afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backfilled: bool,
    /// The record is no trade: it stands for trades that nobody has any more. Its price is that of
    /// the trade before them, and its volume 0, so that a reader who doesn't know this field does
    /// nothing wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<MissingTrades>,
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
    /// Best bid after the trade.
    #[serde(default, with = "crate::decimal::number_opt")]
    pub bid: Option<Decimal>,
    /// Best ask after the trade.
    #[serde(default, with = "crate::decimal::number_opt")]
    pub ask: Option<Decimal>,
    /// How much older than the trade bid and ask are, in milliseconds.
    #[serde(default)]
    pub quote_age_ms: Option<u32>,
    /// The record is no tick: it marks trades that are missing.
    #[serde(default)]
    pub gap: Option<MissingTrades>,
}

/// What happened to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubscriptionAction {
    /// The feed now carries the symbol.
    Subscribed,
    /// The feed no longer carries the symbol.
    Unsubscribed,
}

/// A change of the set of symbols that the feed carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SymbolSubscription {
    /// For example `BTCUSD`.
    pub symbol: String,
    /// What happened.
    pub action: SubscriptionAction,
    /// A user, a session, or `configuration`.
    pub requested_by: String,
    /// When.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
}
