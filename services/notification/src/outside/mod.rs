//! Notifications that go out of the house: to webhooks, to Slack, Discord and Telegram, which are
//! forms of one, and by e-mail.
//!
//! What shall go out is written in the transaction that keeps the notification, so that it is
//! neither forgotten nor made up. Workers of all replicas take it from there: each target by one
//! worker at a time, its deliveries in order. A delivery may come twice, after a crash or an answer
//! that was lost, and then has the same id.

mod address;
mod client;
mod confirmation;
mod form;
mod letter;
mod mail;
mod outcome;
mod pace;
mod preferences;
mod queue;
mod signature;
mod targets;
mod worker;

pub(crate) use client::Client;
pub(crate) use confirmation::{CodeRefused, Confirmed};
pub(crate) use form::Form;
pub(crate) use letter::address as mail_address;
pub(crate) use outcome::Attempt;
pub(crate) use pace::Health;
pub(crate) use preferences::{KINDS, MAX_PER_HOUR, Preferences, Verdict};
pub(crate) use queue::{Delivery, DeliveryState, Queue};
pub(crate) use signature::Secret;
pub(crate) use targets::{Changes, MAILTO, MAX_TARGETS, NewTarget, Target, TargetError, Targets};
pub(crate) use worker::{Limits, Worker};

use chrono::{DateTime, Utc};
use kafka_common::messages::Severity;
use uuid::Uuid;

/// What is told, whatever its form.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The same for each attempt.
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) message: String,
    pub(crate) severity: Severity,
    pub(crate) at: DateTime<Utc>,
}

/// As the database and the API have it.
pub(crate) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// From the name; what nobody wrote counts as an error, so that it isn't held back.
pub(crate) fn severity_of(name: &str) -> Severity {
    match name {
        "info" => Severity::Info,
        "warning" => Severity::Warning,
        _ => Severity::Error,
    }
}
