//! `trade-executions` and `forward-test-events`.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ExecutedOrder, OrderUpdate};

/// The side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeAction {
    /// Bought.
    Buy,
    /// Sold.
    Sell,
}

impl TradeAction {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionStatus {
    /// Traded, wholly or in part.
    Filled,
    /// Refused, for the reason given.
    Rejected,
}

impl ExecutionStatus {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filled => "FILLED",
            Self::Rejected => "REJECTED",
        }
    }
}

/// The result of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TradeExecution {
    /// UUIDv5 of the signal and an ordinal.
    #[schemars(with = "crate::schema::Id")]
    pub trade_id: Uuid,
    /// The session.
    #[schemars(with = "crate::schema::Id")]
    pub session_id: Uuid,
    /// For example `BTCUSD`.
    pub symbol: String,
    /// Bought or sold.
    pub action: TradeAction,
    /// In the base currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub quantity: Decimal,
    /// In the quote currency: the market's at the fill, never the strategy's.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub price: Decimal,
    /// Filled or rejected.
    pub status: ExecutionStatus,
    /// Event time of the trade on the market that filled the order.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// Owner of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub strategy_id: Option<Uuid>,
    /// What asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub signal_id: Option<Uuid>,
    /// Fee paid, in the quote currency.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub fee: Option<Decimal>,
    /// Cost of slippage, in the quote currency.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub slippage: Option<Decimal>,
    /// Profit that this execution realised, after its fee.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub realized_pnl: Option<Decimal>,
    /// Cash after it.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub cash: Option<Decimal>,
    /// Position after it, in the base currency.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub position: Option<Decimal>,
    /// The signal's reason, or why the order was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Position in the session's one sequence of outputs, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The order that was filled or rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<ExecutedOrder>>,
}

/// The kind of a forward-test event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ForwardTestEventKind {
    /// The session trades from here on.
    SessionStarted,
    /// A point of the equity curve.
    Equity,
    /// The session has ended.
    SessionStopped,
    /// The session was halted by an error, told in `reason`.
    SessionError,
    /// The strategy's orders are rejected from here on.
    SessionPaused,
    /// They are taken again.
    SessionResumed,
    /// A risk limit was hit, told in `reason`.
    RiskLimit,
    /// An order changed without an execution.
    Order,
}

/// A point of the equity curve, in the quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Equity {
    /// Price at which the position is valued.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub price: Decimal,
    /// Cash.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub cash: Decimal,
    /// Position, in the base currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub position: Decimal,
    /// Cash and the position's value.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub equity: Decimal,
}

/// An event of a forward-test session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardTestEvent {
    /// The session.
    #[schemars(with = "crate::schema::Id")]
    pub session_id: Uuid,
    /// Its owner.
    pub user_id: String,
    /// The strategy.
    #[schemars(with = "crate::schema::Id")]
    pub strategy_id: Uuid,
    /// For example `BTCUSD`.
    pub symbol: String,
    /// What happened.
    pub event: ForwardTestEventKind,
    /// Position in the session's one sequence of outputs, from 1.
    pub sequence: u64,
    /// Event time.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// With `EQUITY` and `SESSION_STOPPED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equity: Option<Equity>,
    /// With errors and risk limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With `ORDER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<OrderUpdate>>,
    /// The session in figures, as `GET /v1/sessions/{id}/metrics` shows them: with
    /// `SESSION_STOPPED`, and with the first `EQUITY` of a UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub metrics: Option<serde_json::Value>,
}
