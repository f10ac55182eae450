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
}
