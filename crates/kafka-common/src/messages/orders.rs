//! What an order carries besides side and size, and what becomes of it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TradeAction;

/// How far from a price: one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDistance {
    /// Percent of the price.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub percent: Option<Decimal>,
    /// An amount of the quote currency.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub amount: Option<Decimal>,
    /// So many times the distance of the stop-loss; of a take-profit.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub risk_multiple: Option<Decimal>,
}

/// Where what was bought is sold at a loss.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderStopLoss {
    /// Below the price of the fill.
    pub distance: OrderDistance,
    /// Percent below the best price since, at which it follows, if it does.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub trailing_percent: Option<Decimal>,
}

/// Where what was bought, or part of it, is sold at a profit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderTakeProfit {
    /// Above the price of the fill.
    pub distance: OrderDistance,
    /// Percent of what was bought.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub portion: Decimal,
}

/// What an order carries besides side and size; everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderDetails {
    /// The worst price of a limit or stop-limit order.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub limit_price: Option<Decimal>,
    /// Where a stop, a stop-limit or a take-profit order is triggered.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub stop_price: Option<Decimal>,
    /// How far a trailing stop follows the best price.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub trail_percent: Option<Decimal>,
    /// `gtc`, `ioc`, `fok`, `gtd` or `day`; `gtc` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_in_force: Option<String>,
    /// With `gtd`: when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Time>")]
    pub expires_at: Option<DateTime<Utc>>,
    /// It never sells more than there is, and ends when there is nothing left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reduce_only: bool,
    /// It is rejected where it would fill at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub post_only: bool,
    /// When one order of a group is reached, the others are cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub group: Option<Uuid>,
    /// Of a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_loss: Option<OrderStopLoss>,
    /// Of a purchase, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub take_profit: Vec<OrderTakeProfit>,
    /// What the price may fall, for a size by what is at risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_distance: Option<OrderDistance>,
    /// The most that a size from the equity may cost.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub max_cost: Option<Decimal>,
    /// The user's own order, not the strategy's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// On a cancel or a replace record: the order that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub order_id: Option<Uuid>,
}

/// The order behind an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutedOrder {
    /// The signal's id, or one derived from it for an exit.
    #[schemars(with = "crate::schema::Id")]
    pub order_id: Uuid,
    /// `market`, `limit`, `stop`, `stop_limit`, `trailing_stop` or `take_profit`.
    pub order_type: String,
    /// `entry`, `stop_loss` or `take_profit`.
    pub leg: String,
    /// `maker` or `taker`; absent of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liquidity: Option<String>,
    /// Units that the order still waits for.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub remaining: Decimal,
}

/// An order that changed without an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderUpdate {
    /// The signal's id, or one derived from it for an exit.
    #[schemars(with = "crate::schema::Id")]
    pub order_id: Uuid,
    /// What asked for it.
    #[schemars(with = "crate::schema::Id")]
    pub signal_id: Uuid,
    /// `OPEN`, `TRIGGERED`, `CANCELLED` or `EXPIRED`.
    pub status: String,
    /// Bought or sold.
    pub action: TradeAction,
    /// `market`, `limit`, `stop`, `stop_limit`, `trailing_stop` or `take_profit`.
    pub order_type: String,
    /// `entry`, `stop_loss` or `take_profit`.
    pub leg: String,
    /// `gtc`, `ioc`, `fok`, `gtd` or `day`.
    pub time_in_force: String,
    /// Units in all; absent until they are known.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub quantity: Option<Decimal>,
    /// Units filled.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub filled: Decimal,
    /// The worst price, if it has one.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub limit_price: Option<Decimal>,
    /// Where it is triggered now, if it waits for that.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub stop_price: Option<Decimal>,
    /// The order's reason while it is open, or why it ended.
    pub reason: String,
}
