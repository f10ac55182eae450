//! Metrics and log lines of this service, one function for each event, so that both always agree.

use std::fmt::Display;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::outside::{Attempt, Health};

pub(crate) fn connections(change: f64) {
    metrics::gauge!("notification_connections").increment(change);
}

pub(crate) fn subscriptions(change: f64) {
    metrics::gauge!("notification_subscriptions").increment(change);
}

/// Refused before the upgrade, because the process holds as many connections as it may.
pub(crate) fn connection_refused() {
    metrics::counter!("notification_connections_refused_total").increment(1);
    tracing::warn!("too many connections, refusing another");
}

/// `code` is 0 where the client went away by itself.
pub(crate) fn disconnected(code: u16, reason: &str) {
    metrics::counter!("notification_disconnects_total", "code" => code.to_string()).increment(1);
    tracing::debug!(code, reason, "client disconnected");
}

pub(crate) fn published(event: &str) {
    metrics::counter!("notification_published_total", "event" => event.to_owned()).increment(1);
}

/// From the production of the source record until its push was handed to the network.
pub(crate) fn pushed(produced_at: DateTime<Utc>) {
    let latency = (Utc::now() - produced_at).to_std().unwrap_or_default();
    metrics::histogram!("notification_push_latency_seconds").record(latency.as_secs_f64());
}

pub(crate) fn repeated(topic: &'static str) {
    metrics::counter!("notification_repeats_dropped_total", "topic" => topic).increment(1);
}

/// A record that names no user, or none that can be one.
pub(crate) fn unroutable(topic: &'static str, partition: i32, offset: i64) {
    metrics::counter!("notification_unroutable_total", "topic" => topic).increment(1);
    tracing::debug!(topic, partition, offset, "record without a user, skipped");
}

/// An event that came after the ones that follow it had been pushed.
pub(crate) fn late(topic: &'static str) {
    metrics::counter!("notification_late_events_total", "topic" => topic).increment(1);
}

/// A hole in a session's sequence that wasn't filled in time.
pub(crate) fn gaps(count: u64) {
    metrics::counter!("notification_sequence_gaps_total").increment(count);
}

pub(crate) fn recovered(outcome: &'static str) {
    metrics::counter!("notification_recoveries_total", "outcome" => outcome).increment(1);
}

pub(crate) fn hub_sizes(channels: usize, history_bytes: usize, queued_bytes: usize) {
    metrics::gauge!("notification_channels").set(channels as f64);
    metrics::gauge!("notification_history_bytes").set(history_bytes as f64);
    metrics::gauge!("notification_queued_bytes").set(queued_bytes as f64);
}

/// A push that is missing from `realtime-updates`; browsers have it.
pub(crate) fn not_mirrored(error: &dyn Display) {
    metrics::counter!("notification_realtime_updates_lost_total").increment(1);
    tracing::error!(%error, "a push is missing from realtime-updates");
}

pub(crate) fn consumer_failed(error: &dyn Display, backoff: Duration) {
    metrics::counter!("notification_consumer_restarts_total").increment(1);
    tracing::error!(%error, retry_in = ?backoff, "the consumer ended, will start it again");
}

/// Too many records failed.
pub(crate) fn consumer_halted(error: &dyn Display) {
    metrics::counter!("notification_consumer_halts_total").increment(1);
    tracing::error!(%error, "the consumer has halted");
}

/// What replicas share doesn't answer, or not as it should.
pub(crate) fn store_lost(error: &dyn Display) {
    metrics::gauge!("notification_store_following").set(0.0);
    metrics::counter!("notification_store_errors_total").increment(1);
    tracing::warn!(%error, "what replicas share is away");
}

/// What replicas publish is received.
pub(crate) fn store_followed() {
    metrics::gauge!("notification_store_following").set(1.0);
    tracing::info!("following what replicas publish");
}

/// A target was called.
pub(crate) fn delivery_tried(form: &'static str, attempt: &Attempt, took: Duration) {
    let outcome = match attempt {
        Attempt::Delivered => "delivered",
        Attempt::Failed(failure) => {
            tracing::debug!(form, reason = failure.reason, "a target wasn't reached");
            "failed"
        }
    };
    metrics::counter!("notification_delivery_attempts_total", "form" => form, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("notification_delivery_duration_seconds", "form" => form)
        .record(took.as_secs_f64());
}

/// The mail server can't be reached, or doesn't let us in: no mail goes out.
pub(crate) fn mail_server_refused(error: &dyn Display) {
    metrics::counter!("notification_mail_server_errors_total").increment(1);
    tracing::warn!(%error, "the mail server (notifications.smtp) can't be used; mails wait");
}

/// A delivery that isn't tried any more: `failed`, `expired`, or `full` where too many waited.
pub(crate) fn delivery_given_up(why: &'static str) {
    metrics::counter!("notification_deliveries_given_up_total", "why" => why).increment(1);
}

/// A delivery beyond its user's limit an hour.
pub(crate) fn delivery_suppressed() {
    metrics::counter!("notification_deliveries_suppressed_total").increment(1);
}

pub(crate) fn deliveries_swept(expired: u64, waiting: i64) {
    metrics::counter!("notification_deliveries_given_up_total", "why" => "expired")
        .increment(expired);
    metrics::gauge!("notification_deliveries_waiting").set(waiting as f64);
}

/// How users' targets are, as all replicas find them.
pub(crate) fn targets(counts: &[(Health, i64)]) {
    for (health, count) in counts {
        metrics::gauge!("notification_targets", "health" => health.as_str()).set(*count as f64);
    }
}

/// The database doesn't answer, or not as it should: deliveries wait in it.
pub(crate) fn deliveries_halted(error: &sqlx::Error) {
    metrics::counter!("notification_delivery_errors_total").increment(1);
    tracing::warn!(%error, "deliveries wait for the database");
}
