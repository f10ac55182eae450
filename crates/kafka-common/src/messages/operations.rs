//! Notifications, pushes, and the operator's topics.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// How much a notification matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Error,
}

/// A notification for one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserNotification {
    /// Whom it is for.
    pub user_id: String,
    /// One line.
    pub title: String,
    /// The text.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
    /// When.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// What it is about, for who sorts them: `session_error`, `order_rejected`, `daily_summary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What was pushed to browsers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RealtimeUpdate {
    /// For example `user:alice`.
    pub channel: String,
    /// `trade-execution`, `forward-test-event` or `user-notification`.
    pub event: String,
    /// Position in the channel.
    pub offset: u64,
    /// `data` of the record that it came from.
    #[schemars(with = "serde_json::Value")]
    pub payload: Box<RawValue>,
    /// When it was pushed.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
}

/// Balance and position of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortfolioUpdate {
    /// The session.
    #[schemars(with = "crate::schema::Id")]
    pub session_id: Uuid,
    /// Cash in the quote currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub cash: Decimal,
    /// Position in the base currency.
    #[serde(with = "crate::decimal::number")]
    #[schemars(with = "crate::schema::Number")]
    pub position: Decimal,
    /// Event time.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// Owner of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// For example `BTCUSD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// What the position cost on average, in the quote currency for one of the base currency;
    /// 0 without a position.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub average_price: Option<Decimal>,
    /// Profit that was realised so far, after fees.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub realized_pnl: Option<Decimal>,
    /// Fees that were paid so far.
    #[serde(
        default,
        with = "crate::decimal::number_opt",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<crate::schema::Number>")]
    pub fees: Option<Decimal>,
    /// Orders that were filled so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trades: Option<u64>,
    /// `sequence` of the execution that it follows from: a reader drops repeats by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// A service's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceHealth {
    /// The service's name.
    pub service: String,
    /// `ready` or what it lacks.
    pub status: String,
    /// When it was asked.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// How long it took to answer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Records that its consumer group is behind, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// How long the first of them has been waiting, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_ms: Option<u64>,
}

/// A change and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditLog {
    /// A user or a service.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// When.
    #[schemars(with = "crate::schema::Time")]
    pub timestamp: DateTime<Utc>,
    /// Tells repeats of one change, where it was relayed from a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::schema::Id>")]
    pub id: Option<Uuid>,
}
