//! Metrics and log lines of this layer, one function for each event, so that both always agree.
//! Names are OpenTelemetry's messaging conventions in Prometheus form.

use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};

use crate::error::ErrorClass;

/// Logs the client's own events: what librdkafka reports outside of any call.
#[derive(Debug, Clone, Copy)]
pub struct LoggedContext;

impl ClientContext for LoggedContext {
    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client_error(&error, reason);
    }
}

pub(crate) fn client_error(error: &KafkaError, reason: &str) {
    metrics::counter!("messaging_client_errors_total").increment(1);
    tracing::warn!(%error, reason, "kafka client reports an error");
}

pub(crate) fn sent(topic: &'static str) {
    metrics::counter!("messaging_client_sent_messages_total", "messaging_destination_name" => topic)
        .increment(1);
}

pub(crate) fn send_failed(topic: &str, key: &str, size: usize, error: &KafkaError) {
    metrics::counter!(
        "messaging_client_send_failures_total",
        "messaging_destination_name" => topic.to_owned()
    )
    .increment(1);
    tracing::error!(topic, key, size, %error, "message not delivered");
}

pub(crate) fn consumed(topic: &'static str, count: u64) {
    metrics::counter!(
        "messaging_client_consumed_messages_total",
        "messaging_destination_name" => topic
    )
    .increment(count);
}

pub(crate) fn retried(topic: &'static str, partition: i32, offset: i64, attempt: u32, why: &str) {
    metrics::counter!("messaging_process_retries_total", "messaging_destination_name" => topic)
        .increment(1);
    tracing::warn!(
        topic,
        partition,
        offset,
        attempt,
        error = why,
        "handler failed, will retry"
    );
}

pub(crate) fn dead_lettered(
    topic: &'static str,
    partition: i32,
    offset: i64,
    class: ErrorClass,
    why: &str,
) {
    metrics::counter!(
        "messaging_process_dead_letters_total",
        "messaging_destination_name" => topic,
        "error_type" => class.as_str()
    )
    .increment(1);
    tracing::error!(
        topic,
        partition,
        offset,
        class = class.as_str(),
        error = why,
        "record goes to the dead-letter topic"
    );
}

pub(crate) fn committed(processor: &'static str, records: usize, seconds: f64) {
    metrics::counter!("processor_committed_records_total", "processor" => processor)
        .increment(records as u64);
    metrics::histogram!("processor_commit_duration_seconds", "processor" => processor)
        .record(seconds);
}

pub(crate) fn restarted(processor: &'static str, error: &str, wait_seconds: f64) {
    metrics::counter!("processor_restarts_total", "processor" => processor).increment(1);
    tracing::error!(
        processor,
        error,
        wait_seconds,
        "processor restarts from its last commit"
    );
}

pub(crate) fn restored(processor: &'static str, unit: i32, records: i64, from_snapshot: bool) {
    tracing::info!(
        processor,
        unit,
        records_to_reapply = records,
        from_snapshot,
        "unit assigned"
    );
}
