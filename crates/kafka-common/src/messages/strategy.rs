//! `strategy-signals` and `strategy-compilations`.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::OrderDetails;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalAction {
    /// Buy.
    Buy,
    /// Sell.
    Sell,
    /// Do nothing: what start, stop and progress records carry.
    Hold,
}

/// What `quantity` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuantityType {
    /// Units of the base currency: the specification's meaning.
    #[default]
    Units,
    /// An amount of the quote currency.
    CashAmount,
    /// Percent of the session's cash.
    PercentOfCash,
    /// Percent of the session's position.
    PercentOfPosition,
    /// Percent of the session's equity, at most its cash.
    PercentOfEquity,
    /// As many units as lose this percentage of the equity if the price falls by `risk_distance`.
    PercentAtRisk,
    /// As many units as lose this amount if the price falls by `risk_distance`.
    AmountAtRisk,
}

/// The signal proper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What to do.
    pub action: SignalAction,
    /// How much, in the unit of `quantity_type`.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub quantity: Decimal,
    /// Why, for a person.
    pub reason: String,
    /// What `quantity` counts; units where it is missing.
    #[serde(default)]
    pub quantity_type: QuantityType,
}

/// The market at the time of the signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalMarketData {
    /// For example `BTCUSD`.
    pub symbol: String,
    /// The price that the strategy saw. A fill never uses it.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub price: Decimal,
}

/// The tick of `market-data-updates` that a record follows: ticks of the partition up to and
/// including `offset` are applied first, then the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Partition of `market-data-updates`.
    pub partition: i32,
    /// Offset in it; -1 before its first record.
    pub offset: i64,
    /// The exchange's trade id of the tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_id: Option<u64>,
    /// Event time of the tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Time>")]
    pub timestamp: Option<DateTime<Utc>>,
}

/// The terms on which a session trades, carried by its start record so that the log alone
/// determines the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionStart {
    /// Cash to begin with, in the quote currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub initial_balance: Decimal,
    /// Fee as a fraction of the notional: 0.001 is 0.1 %.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub fee_rate: Decimal,
    /// How the session's market answers and its limits, as `POST /v1/sessions` takes them; absent
    /// where orders fill whole at the next trade, for one fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub terms: Option<serde_json::Value>,
}

/// A record of `strategy-signals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategySignal {
    /// The session; nil on progress records.
    #[schemars(with = "crate::schema::Id")]
    pub session_id: Uuid,
    /// The strategy; nil on progress records.
    #[schemars(with = "crate::schema::Id")]
    pub strategy_id: Uuid,
    /// What to do.
    pub signal: Signal,
    /// Where the market was.
    pub market_data: SignalMarketData,
    /// UUIDv5 of session and tick: reprocessing produces the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub signal_id: Option<Uuid>,
    /// Owner of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `market`, `limit`, `stop`, `stop_limit`, `trailing_stop` or `take_profit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_type: Option<String>,
    /// What the order carries besides; absent of a market order and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<OrderDetails>>,
    /// The place in the market data that the record follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Of a session that begins in the past, until it has caught up: the offset after which the
    /// record takes its place among the others, which is later than its cause. The session alone
    /// meets what lies between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<i64>,
    /// On a start record: the session's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<SessionStart>,
}

/// What a record of `strategy-signals` is, told by the header `record-kind`. A reader that knows
/// only the specification sees a HOLD and does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A buy or a sell.
    Signal,
    /// The session trades from here.
    Start,
    /// The session has traded up to here.
    Stop,
    /// The strategy service has evaluated the partition up to here.
    Progress,
    /// The user takes back the order that `order` names.
    Cancel,
    /// The user changes the order that `order` names.
    Replace,
    /// The strategy's orders are rejected from here.
    Pause,
    /// They are taken again.
    Resume,
    /// The session sells its position and stops.
    Close,
}

impl RecordKind {
    /// The header's name.
    pub const HEADER: &'static str = "record-kind";

    /// The header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Progress => "progress",
            Self::Cancel => "cancel",
            Self::Replace => "replace",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Close => "close",
        }
    }

    /// Reads the header's value; a record without one is a signal, as the specification's are.
    #[must_use]
    pub fn parse(value: Option<&str>) -> Option<Self> {
        match value {
            None | Some("signal") => Some(Self::Signal),
            Some("start") => Some(Self::Start),
            Some("stop") => Some(Self::Stop),
            Some("progress") => Some(Self::Progress),
            Some("cancel") => Some(Self::Cancel),
            Some("replace") => Some(Self::Replace),
            Some("pause") => Some(Self::Pause),
            Some("resume") => Some(Self::Resume),
            Some("close") => Some(Self::Close),
            Some(_) => None,
        }
    }
}

/// An attempt to compile a strategy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StrategyCompilation {
    /// The strategy; absent when an unsaved source was compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub strategy_id: Option<Uuid>,
    /// Who asked.
    pub user_id: String,
    /// The strategy's version that was compiled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Whether a plan came out.
    pub success: bool,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// The plan's content hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// The compiler's diagnostics.
    #[schemars(with = "serde_json::Value")]
    pub diagnostics: Box<RawValue>,
    /// When.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
}
