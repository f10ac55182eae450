//! Metrics and log lines of this layer, one function for each event, so that both always agree.
//! Names are OpenTelemetry's messaging conventions in Prometheus form.

use std::time::Duration;

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Statistics};

use crate::error::ErrorClass;
use crate::producer::CircuitState;

/// Says what each metric of this layer means; called once a process.
pub fn describe_metrics() {
    describe_counter!(
        "messaging_client_sent_messages_total",
        "Messages handed to Kafka, by topic; those that were not delivered have an error_type"
    );
    describe_histogram!(
        "messaging_client_operation_duration_seconds",
        Unit::Seconds,
        "From the call to the broker's acknowledgement, by topic"
    );
    describe_counter!(
        "messaging_client_send_retries_total",
        "Messages that the broker refused for a passing reason and that were sent again"
    );
    describe_counter!(
        "messaging_client_queue_full_total",
        "Messages that found no room in the local queue within the bound, by topic"
    );
    describe_counter!(
        "messaging_client_circuit_refused_messages_total",
        "Messages that weren't tried because most before them had failed, by topic"
    );
    describe_gauge!(
        "messaging_client_circuits",
        "Producers of this process by the state of their circuit: closed, half_open, open"
    );
    describe_counter!(
        "messaging_client_circuit_changes_total",
        "Changes of a circuit's state, by the new state"
    );
    describe_counter!(
        "messaging_client_renewals_total",
        "Producers that had broken down and were replaced"
    );
    describe_counter!(
        "messaging_client_errors_total",
        "What clients reported outside of any call"
    );
    describe_counter!(
        "messaging_client_consumed_messages_total",
        "Records handled, by topic"
    );
    describe_histogram!(
        "messaging_process_duration_seconds",
        Unit::Seconds,
        "Time in a handler, retries included, by topic"
    );
    describe_counter!(
        "messaging_process_retries_total",
        "Handlers that failed and were called again, by topic"
    );
    describe_counter!(
        "messaging_process_dead_letters_total",
        "Records that went to a dead-letter topic, by topic and error_type"
    );
    describe_gauge!(
        "messaging_spool_messages",
        "Messages on disk that the broker hasn't acknowledged yet, by spool"
    );
    describe_gauge!("messaging_spool_bytes", Unit::Bytes, "The same in bytes");
    describe_counter!(
        "messaging_spool_refused_messages_total",
        "Messages that a full spool didn't take, by spool"
    );
    describe_counter!(
        "messaging_spool_torn_tails_total",
        "Messages that were cut off by a crash while they were written, by spool"
    );
    describe_consumers();
    describe_processors();
    crate::statistics::describe();
}

fn describe_consumers() {
    describe_counter!(
        "messaging_consumer_revocations_total",
        "Times that partitions were taken back; with lost=\"true\" the group had given us up"
    );
    describe_counter!(
        "messaging_consumer_revocations_unanswered_total",
        "Partitions given back without waiting for a handler that blocked its thread"
    );
    describe_counter!(
        "messaging_process_given_up_total",
        "Records in hand when a drain or a revocation ended; they are delivered again"
    );
    describe_counter!(
        "messaging_process_fenced_total",
        "Records finished after their partition had gone; not committed, by topic"
    );
    describe_counter!(
        "messaging_client_commit_failures_total",
        "Commits of offsets that failed"
    );
    describe_counter!(
        "messaging_process_stale_total",
        "Records that were too old to be handled, by topic and outcome"
    );
    describe_counter!(
        "messaging_consumer_halts_total",
        "Consumers that stopped because too many records failed, by topic"
    );
    describe_gauge!(
        "messaging_consumer_stuck",
        "1 while records wait and none comes, by group; a restart mends it"
    );
}

fn describe_processors() {
    describe_counter!(
        "processor_committed_records_total",
        "Input records whose effect is committed"
    );
    describe_counter!(
        "processor_produced_records_total",
        "Output records of committed transactions"
    );
    describe_histogram!(
        "processor_commit_duration_seconds",
        Unit::Seconds,
        "Time of a transaction's commit"
    );
    describe_counter!(
        "processor_restarts_total",
        "Times that a processor failed and began again from its last commit"
    );
    describe_counter!(
        "processor_offsets_released_total",
        "Times that undecided transactional offsets of a processor's own had to be aborted"
    );
    describe_histogram!(
        "processor_restore_duration_seconds",
        Unit::Seconds,
        "From the assignment until everything committed is in the state again"
    );
    describe_gauge!(
        "processor_lag_records",
        "Records of an assigned partition that aren't applied yet, transactions' marks not counted"
    );
    describe_gauge!(
        "processor_lag_seconds",
        Unit::Seconds,
        "How long the first of them has been in the log"
    );
    describe_counter!(
        "processor_expired_records_total",
        "Records that retention deleted before they were applied, by topic"
    );
}

/// Logs the client's own events: what librdkafka reports outside of any call.
#[derive(Debug, Clone, Copy)]
pub struct LoggedContext;

impl ClientContext for LoggedContext {
    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        client_error(&error, reason);
    }
}

/// The end of a partition, which a reader asks to be told of, comes the same way and is none.
pub(crate) fn client_error(error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    metrics::counter!("messaging_client_errors_total").increment(1);
    tracing::warn!(%error, reason, "kafka client reports an error");
}

/// The metrics of messages to a topic: looked up once, used for each.
pub(crate) fn sending(topic: &'static str) -> (Counter, Histogram) {
    let sent = counter!(
        "messaging_client_sent_messages_total",
        "messaging_system" => "kafka",
        "messaging_operation_name" => "send",
        "messaging_destination_name" => topic
    );
    let duration = histogram!(
        "messaging_client_operation_duration_seconds",
        "messaging_system" => "kafka",
        "messaging_operation_name" => "send",
        "messaging_destination_name" => topic
    );
    (sent, duration)
}

/// A message that was not delivered. What it says stays out of the log: it may be private, and
/// large.
#[derive(Debug)]
pub(crate) struct SendFailure<'a> {
    pub(crate) topic: &'static str,
    pub(crate) key: &'a [u8],
    pub(crate) size: usize,
    pub(crate) attempt: u32,
    pub(crate) error: &'a KafkaError,
}

impl SendFailure<'_> {
    /// Given up, or to be sent again after a while.
    pub(crate) fn tell(&self, retry_after: Option<Duration>) {
        let Self {
            topic,
            size,
            attempt,
            error,
            ..
        } = self;
        let key = String::from_utf8_lossy(self.key);
        if let Some(wait) = retry_after {
            counter!(
                "messaging_client_send_retries_total",
                "messaging_destination_name" => *topic
            )
            .increment(1);
            tracing::warn!(topic, %key, size, %error, attempt, ?wait, "message refused, will retry");
            return;
        }
        send_failed(topic, &error_type(error));
        tracing::error!(topic, %key, size, %error, attempts = attempt, "message not delivered");
    }
}

/// librdkafka's name of the error: one of a bounded set.
fn error_type(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => format!("{code:?}"),
        None => "Client".to_owned(),
    }
}

fn send_failed(topic: &str, error_type: &str) {
    counter!(
        "messaging_client_sent_messages_total",
        "messaging_system" => "kafka",
        "messaging_operation_name" => "send",
        "messaging_destination_name" => topic.to_owned(),
        "error_type" => error_type.to_owned()
    )
    .increment(1);
}

/// A processor's output was not delivered: its transaction ends, and the run begins again.
pub(crate) fn output_failed(topic: &str, key: &str, size: usize, error: &KafkaError) {
    send_failed(topic, &error_type(error));
    tracing::error!(topic, key, size, %error, "message not delivered");
}

pub(crate) fn queue_full(topic: &'static str, key: &[u8], size: usize) {
    counter!("messaging_client_queue_full_total", "messaging_destination_name" => topic)
        .increment(1);
    let key = String::from_utf8_lossy(key);
    tracing::warn!(topic, %key, size, "no room in the local queue: message not sent");
}

pub(crate) fn circuit_refused(topic: &'static str) {
    counter!(
        "messaging_client_circuit_refused_messages_total",
        "messaging_destination_name" => topic
    )
    .increment(1);
}

pub(crate) fn circuit_made(state: CircuitState) {
    gauge!("messaging_client_circuits", "state" => state.as_str()).increment(1.0);
}

pub(crate) fn circuit_gone(state: CircuitState) {
    gauge!("messaging_client_circuits", "state" => state.as_str()).decrement(1.0);
}

pub(crate) fn circuit_changed(before: CircuitState, after: CircuitState) {
    circuit_gone(before);
    circuit_made(after);
    counter!("messaging_client_circuit_changes_total", "state" => after.as_str()).increment(1);
    match after {
        CircuitState::Open => tracing::error!("most messages to Kafka fail: the circuit opens"),
        CircuitState::HalfOpen => tracing::info!("one message to Kafka is tried"),
        CircuitState::Closed => tracing::info!("Kafka takes messages again: the circuit closes"),
    }
}

pub(crate) fn client_renewed(service: &'static str) {
    counter!("messaging_client_renewals_total").increment(1);
    tracing::error!(
        service,
        "the producer has broken down: a new one takes over"
    );
}

pub(crate) fn spool_opened(spool: &'static str, waiting: u64, torn_bytes: u64) {
    if torn_bytes > 0 {
        counter!("messaging_spool_torn_tails_total", "spool" => spool).increment(1);
        tracing::warn!(
            spool,
            torn_bytes,
            "a crash cut off the last message: it was never kept"
        );
    }
    tracing::info!(spool, waiting, "spool opened");
}

pub(crate) fn spool_size(spool: &'static str, messages: u64, bytes: u64) {
    gauge!("messaging_spool_messages", "spool" => spool).set(messages as f64);
    gauge!("messaging_spool_bytes", "spool" => spool).set(bytes as f64);
}

pub(crate) fn spool_refused(
    spool: &'static str,
    topic: &'static str,
    key: &str,
    size: usize,
    error: &dyn std::fmt::Display,
) {
    counter!("messaging_spool_refused_messages_total", "spool" => spool).increment(1);
    tracing::error!(spool, topic, key, size, %error, "message not kept");
}

pub(crate) fn spool_stalled(spool: &'static str, reason: &str, wait: Duration) {
    tracing::error!(
        spool,
        reason,
        ?wait,
        "the spool's messages can't be sent, will retry"
    );
}

pub(crate) fn consumed(topic: &'static str, count: u64) {
    metrics::counter!(
        "messaging_client_consumed_messages_total",
        "messaging_destination_name" => topic
    )
    .increment(count);
}

/// How long the handler of a topic takes with a record, for good or ill.
pub(crate) fn process_duration(topic: &'static str, group: &'static str) -> metrics::Histogram {
    histogram!(
        "messaging_process_duration_seconds",
        "messaging_system" => "kafka",
        "messaging_destination_name" => topic,
        "messaging_consumer_group_name" => group
    )
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

/// Transactional offsets hang, and are to be aborted.
pub(crate) fn offsets_hang(processor: &'static str, error: &str) {
    metrics::counter!("processor_offsets_released_total", "processor" => processor).increment(1);
    tracing::warn!(
        processor,
        error,
        "the group's offsets can't be told: what transactions of this id left undecided is aborted"
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

pub(crate) fn partitions_assigned(group: &str, count: usize) {
    tracing::info!(group, count, "partitions assigned");
}

pub(crate) fn partitions_revoked(group: &str, count: usize, lost: bool) {
    metrics::counter!("messaging_consumer_revocations_total", "lost" => lost.to_string())
        .increment(1);
    tracing::info!(group, count, lost, "partitions revoked");
}

pub(crate) fn revocation_unanswered(group: &str, count: usize) {
    metrics::counter!("messaging_consumer_revocations_unanswered_total").increment(1);
    tracing::error!(
        group,
        count,
        "a handler blocks its thread: partitions are given back without waiting for it"
    );
}

/// Handlers and dead letters that did not end within a drain or a revocation.
pub(crate) fn given_up(count: usize) {
    metrics::counter!("messaging_process_given_up_total").increment(count as u64);
    if count > 0 {
        tracing::warn!(
            count,
            "records in hand given up, they will be delivered again"
        );
    }
}

/// A record that was finished after its partition had gone: not committed.
pub(crate) fn fenced(topic: &'static str) {
    metrics::counter!("messaging_process_fenced_total", "messaging_destination_name" => topic)
        .increment(1);
}

pub(crate) fn commit_failed(group: &str, error: &KafkaError) {
    metrics::counter!("messaging_client_commit_failures_total").increment(1);
    tracing::warn!(group, %error, "offsets not committed");
}

pub(crate) fn pausing_failed(group: &str, error: &KafkaError) {
    tracing::warn!(group, %error, "partitions not paused or resumed, will try again");
}

pub(crate) fn sought(group: &str, topic: &str, partition: i32, offset: i64) {
    tracing::info!(group, topic, partition, offset, "sought");
}

pub(crate) fn stale(topic: &'static str, dead_lettered: bool, partition: i32, offset: i64) {
    let outcome = if dead_lettered { "dead_letter" } else { "skip" };
    metrics::counter!(
        "messaging_process_stale_total",
        "messaging_destination_name" => topic,
        "outcome" => outcome
    )
    .increment(1);
    tracing::debug!(topic, partition, offset, outcome, "record is stale");
}

pub(crate) fn halted(topic: &'static str, error: &str) {
    metrics::counter!("messaging_consumer_halts_total", "messaging_destination_name" => topic)
        .increment(1);
    tracing::error!(topic, error, "too many records fail: the consumer halts");
}

pub(crate) fn closing_late(group: &str) {
    tracing::warn!(
        group,
        "the client takes long to close and is left to its thread"
    );
}

pub(crate) fn consumer_state(group: &str, state: &str, stuck: bool) {
    metrics::gauge!("messaging_consumer_stuck", "messaging_consumer_group_name" => group.to_owned())
        .set(f64::from(u8::from(stuck)));
    if stuck {
        tracing::error!(group, state, "the consumer is stuck");
    } else {
        tracing::info!(group, state, "the consumer's state has changed");
    }
}

pub(crate) fn produced(processor: &'static str, outputs: usize) {
    metrics::counter!("processor_produced_records_total", "processor" => processor)
        .increment(outputs as u64);
}

/// From the assignment until everything that was committed is in the state again.
pub(crate) fn caught_up(processor: &'static str, unit: i32, seconds: f64) {
    metrics::histogram!("processor_restore_duration_seconds", "processor" => processor)
        .record(seconds);
    tracing::info!(processor, unit, seconds, "unit restored");
}

pub(crate) fn lag(
    processor: &'static str,
    topic: &'static str,
    partition: i32,
    records: i64,
    seconds: f64,
) {
    let labels = [
        ("processor", processor.to_owned()),
        ("messaging_destination_name", topic.to_owned()),
        ("messaging_destination_partition_id", partition.to_string()),
    ];
    metrics::gauge!("processor_lag_records", &labels).set(records as f64);
    metrics::gauge!("processor_lag_seconds", &labels).set(seconds);
}

pub(crate) fn expired(processor: &'static str, topic: &'static str, partition: i32, records: i64) {
    metrics::counter!(
        "processor_expired_records_total",
        "processor" => processor,
        "messaging_destination_name" => topic
    )
    .increment(records.unsigned_abs());
    tracing::error!(
        processor,
        topic,
        partition,
        records,
        "records have expired before they were applied: the unit goes on without them"
    );
}

pub(crate) fn assignment_lost(partitions: usize) {
    tracing::warn!(
        partitions,
        "the group has given this member up: what isn't committed is done by another one"
    );
}
