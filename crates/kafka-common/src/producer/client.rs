//! librdkafka's producer: a bounded queue in, one answer for every message out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientConfig, ClientContext, Statistics};
use tokio::sync::{Notify, oneshot};

use super::breaker::{Outcome, Permit};
use super::delivery::{Answer, Delivered, InFlight, PendingDelivery, Undelivered};
use super::destination::Destination;
use super::polled::Polled;
use super::retry::{self, Attempt};
use crate::error::{ClientError, ProduceError};
use crate::security::ConnectionWatch;
use crate::settings::KafkaSettings;
use crate::statistics::ClientStatistics;
use crate::telemetry;
use crate::trace::OpenSpan;

/// A full queue is looked at again after this long even if no delivery was reported.
const QUEUE_FULL_STEP: Duration = Duration::from_millis(50);
/// Time for the reports of messages that were taken back.
const PURGE_TIMEOUT: Duration = Duration::from_secs(2);

/// A message as it is handed to librdkafka.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) headers: OwnedHeaders,
    pub(crate) span: Option<OpenSpan>,
}

pub(crate) struct DeliveryContext {
    statistics: ClientStatistics,
    watch: ConnectionWatch,
    /// Told at each delivery: there is room in the queue.
    room: Arc<Notify>,
}

impl ClientContext for DeliveryContext {
    fn stats(&self, statistics: Statistics) {
        self.statistics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
        self.watch.note(&error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = Box<InFlight>;

    /// Accounts for a message whether or not anybody awaits it.
    fn delivery(&self, result: &DeliveryResult<'_>, message: Box<InFlight>) {
        message.destination.answered();
        self.room.notify_waiters();
        let answer: Answer = match result {
            Ok(report) => {
                let seconds = message.started.elapsed().as_secs_f64();
                message.destination.delivered(seconds);
                if let Some(span) = message.span {
                    span.end(None);
                }
                tell(message.permit, Outcome::Answered);
                Ok(Delivered {
                    partition: report.partition(),
                    offset: report.offset(),
                })
            }
            Err((error, report)) => {
                // SAFETY: the pointer is librdkafka's own, valid for the time of this callback;
                // the function only reads the message's status.
                #[allow(unsafe_code, reason = "rust-rdkafka does not show the status")]
                let status = unsafe { rdkafka::bindings::rd_kafka_message_status(report.ptr()) };
                let maybe_in_log = status
                    != rdkafka::bindings::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
                let now = Instant::now();
                let retry_after = message.attempt.retry_after(error, maybe_in_log, now);
                let failure = telemetry::SendFailure {
                    topic: message.destination.topic,
                    key: report.key().unwrap_or_default(),
                    size: message.size,
                    attempt: message.attempt.number,
                    error,
                };
                failure.tell(retry_after);
                // One that is tried again is still on its way.
                if let (Some(span), None) = (message.span, retry_after) {
                    span.end(Some(error.to_string()));
                }
                tell(message.permit, retry::outcome(error));
                Err(Undelivered::refused(
                    &message.destination,
                    &self.watch,
                    error.clone(),
                    maybe_in_log,
                    retry_after,
                ))
            }
        };
        // Nobody may be waiting for it any more.
        let _ = message.answer.send(answer);
    }
}

fn tell(permit: Option<Permit>, outcome: Outcome) {
    if let Some(permit) = permit {
        permit.tell(outcome);
    }
}

/// One instance of librdkafka's producer.
pub(crate) struct Client {
    producer: Polled<DeliveryContext>,
    watch: ConnectionWatch,
    room: Arc<Notify>,
}

impl Client {
    pub(crate) fn start(
        config: &ClientConfig,
        settings: &KafkaSettings,
    ) -> Result<Self, ClientError> {
        let watch = ConnectionWatch::new(settings);
        let room = Arc::new(Notify::new());
        let context = DeliveryContext {
            statistics: ClientStatistics::default(),
            watch: watch.clone(),
            room: Arc::clone(&room),
        };
        Ok(Self {
            producer: Polled::start(config, context)?,
            watch,
            room,
        })
    }

    /// Queues a message; waits for room up to the bound.
    pub(crate) async fn enqueue(
        &self,
        destination: &Arc<Destination>,
        message: Outgoing<'_>,
        attempt: Attempt,
        permit: Option<Permit>,
        bound: Duration,
    ) -> Result<PendingDelivery, Undelivered> {
        let started = Instant::now();
        let (sender, answer) = oneshot::channel();
        let mut headers = Some(message.headers);
        let mut in_flight = Box::new(InFlight {
            destination: Arc::clone(destination),
            size: message.value.len(),
            attempt,
            started,
            span: message.span,
            permit,
            answer: sender,
        });
        loop {
            // Registered before the attempt, so that no report is missed between the two.
            let room = self.room.notified();
            let mut record = BaseRecord::with_opaque_to(&destination.physical, in_flight)
                .key(message.key)
                .payload(message.value);
            record.headers = headers;
            // Counted before it can be reported.
            destination.queued();
            let (error, record) = match self.producer.send(record) {
                Ok(()) => {
                    return Ok(PendingDelivery {
                        topic: destination.topic,
                        answer,
                    });
                }
                Err(refused) => refused,
            };
            destination.answered();
            if !is_queue_full(&error) {
                let in_flight = &record.delivery_opaque;
                return Err(not_queued(in_flight, message.key, &self.watch, error));
            }
            let waited = started.elapsed();
            if waited >= bound {
                telemetry::queue_full(destination.topic, message.key, message.value.len());
                tell(record.delivery_opaque.permit, Outcome::Failed);
                return Err(Undelivered {
                    error: ProduceError::QueueFull {
                        topic: destination.topic,
                        waited,
                    },
                    retry_after: None,
                });
            }
            headers = record.headers;
            in_flight = record.delivery_opaque;
            let _ = tokio::time::timeout(QUEUE_FULL_STEP.min(bound - waited), room).await;
        }
    }

    /// Whether the instance refuses everything from now on: an idempotent producer that can no
    /// longer keep its promise. Only a new one helps.
    pub(crate) fn is_broken(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Delivers what is queued, within the deadline. Blocks.
    pub(crate) fn flush(&self, deadline: Duration) {
        // What is left is counted by its destinations.
        let _ = self.producer.flush(deadline);
    }

    /// Takes back what is queued and in flight: each message is reported as failed. Blocks.
    pub(crate) fn purge(&self) {
        self.producer
            .purge(PurgeConfig::default().queue().inflight());
        let _ = self.producer.flush(PURGE_TIMEOUT);
    }

    #[cfg(test)]
    pub(crate) fn break_for_good(&self) {
        let reason = c"made by a test";
        // SAFETY: the client outlives the call, and the text is copied.
        #[allow(
            unsafe_code,
            reason = "rust-rdkafka has no way to provoke a fatal error"
        )]
        unsafe {
            rdkafka::bindings::rd_kafka_test_fatal_error(
                self.producer.client().native_ptr(),
                rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                reason.as_ptr(),
            );
        }
    }
}

/// A message that never got into the queue; its permit goes unused.
fn not_queued(
    message: &InFlight,
    key: &[u8],
    watch: &ConnectionWatch,
    error: KafkaError,
) -> Undelivered {
    let topic = message.destination.topic;
    let retry_after = message.attempt.retry_after(&error, false, Instant::now());
    if !is_fatal(&error) {
        let failure = telemetry::SendFailure {
            topic,
            key,
            size: message.size,
            attempt: message.attempt.number,
            error: &error,
        };
        failure.tell(retry_after);
    }
    Undelivered::refused(&message.destination, watch, error, false, retry_after)
}

fn is_queue_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}
