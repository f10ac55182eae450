//! Outputs into the log, together with the offsets of their inputs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{Statistics, TopicPartitionList};

use super::deadline::call_within;
use super::outputs::OutputRecord;
use crate::acl::Operation;
use crate::error::ClientError;
use crate::settings::{Delivery, KafkaSettings};
use crate::statistics::ClientStatistics;
use crate::telemetry;

const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for offsets to become a part of a transaction; and beyond it, before the call is given up.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
const OFFSETS_GRACE: Duration = Duration::from_secs(1);
/// Time for a transaction that is there only to be aborted.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// The first delivery that failed since the last commit.
type FirstFailure = Arc<Mutex<Option<KafkaError>>>;

/// Notes whether a delivery failed.
#[derive(Debug, Default)]
pub(super) struct DeliveryContext {
    failed: FirstFailure,
    statistics: ClientStatistics,
}

impl ClientContext for DeliveryContext {
    fn stats(&self, statistics: Statistics) {
        self.statistics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        use rdkafka::message::Message as _;
        if let Err((error, message)) = result {
            let key = message
                .key()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            telemetry::output_failed(message.topic(), &key, message.payload_len(), error);
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| error.clone());
        }
    }
}

/// The producer of a processor.
pub(super) struct Committer {
    transactional_id: String,
    /// Shared with a call that hasn't ended.
    producer: Arc<BaseProducer<DeliveryContext>>,
    failed: FirstFailure,
    transactional: bool,
    in_transaction: bool,
    flush_timeout: Duration,
}

impl Committer {
    pub(super) fn start(settings: &KafkaSettings, service: &str) -> Result<Self, ClientError> {
        let transactional = settings.delivery == Delivery::ExactlyOnce;
        let config = match transactional {
            true => settings.transactional_producer(service),
            false => settings.outputs_producer(service),
        };
        let context = DeliveryContext::default();
        let failed = Arc::clone(&context.failed);
        let producer: BaseProducer<DeliveryContext> = config
            .create_with_context(context)
            .map_err(ClientError::kafka("creating the processor's producer"))?;
        if transactional {
            // Fences an earlier process of the same name, and ends what it left open.
            producer
                .init_transactions(TRANSACTION_TIMEOUT)
                .map_err(ClientError::needs(
                    &settings.security,
                    Operation::Write,
                    &settings.transactional_id(service),
                    "initialising transactions",
                ))?;
        }
        let flush_timeout = settings.delivery_timeout();
        Ok(Self {
            transactional_id: settings.transactional_id(service),
            producer: Arc::new(producer),
            failed,
            transactional,
            in_transaction: false,
            flush_timeout,
        })
    }

    /// Queues a record; the transaction begins with the first one.
    pub(super) fn send(&mut self, record: &OutputRecord) -> Result<(), ClientError> {
        self.begin()?;
        let started = Instant::now();
        let mut base = BaseRecord::to(&record.topic)
            .key(record.key.as_slice())
            .payload(record.value.as_slice())
            .headers(record.headers.clone());
        if let Some(partition) = record.partition {
            base = base.partition(partition);
        }
        loop {
            match self.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned))
                    if started.elapsed() < self.flush_timeout =>
                {
                    base = returned;
                    self.producer.poll(Duration::from_millis(5));
                }
                Err((source, _)) => {
                    return Err(ClientError::Kafka {
                        action: "queueing an output",
                        source,
                    });
                }
            }
        }
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        if self.transactional && !self.in_transaction {
            self.producer
                .begin_transaction()
                .map_err(self.failed_to("beginning a transaction"))?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Commits outputs and offsets. The broker refuses both if this member's generation is over.
    ///
    /// In a transaction the offsets go to the broker while the outputs are on their way: see
    /// `docs/decisions/0032-offsets-overtake-outputs.md`.
    pub(super) fn commit<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        self.begin()?;
        if !self.transactional {
            self.drain()?;
            return consumer
                .commit(offsets, CommitMode::Sync)
                .map_err(ClientError::kafka("committing offsets"));
        }
        let group = consumer.group_metadata().ok_or(ClientError::NoGroup)?;
        // Asked after the metadata: the client forgets who it was when it learns that the group
        // has given it up, and the broker takes a transaction of nobody for that of an old client
        // that names no member, and lets it pass.
        if consumer.assignment_lost() {
            return Err(ClientError::AssignmentLost);
        }
        self.send_offsets(offsets, group, OFFSETS_TIMEOUT)?;
        self.drain()?;
        self.producer
            .commit_transaction(TRANSACTION_TIMEOUT)
            .map_err(self.failed_to("committing the transaction"))?;
        self.in_transaction = false;
        Ok(())
    }

    /// Aborts what a failed commit has left open. Until it is over nobody reads past its outputs, and
    /// whoever takes its partitions over waits for its offsets; the broker would end it only after
    /// `transaction.timeout.ms`.
    pub(super) fn abandon(&mut self) {
        if !std::mem::take(&mut self.in_transaction) {
            return;
        }
        // The client first waits for what is queued, and for somebody to take its reports.
        let began = Instant::now();
        while self.producer.in_flight_count() > 0 && began.elapsed() < RELEASE_TIMEOUT {
            self.producer.poll(Duration::from_millis(5));
        }
        if let Err(error) = self.producer.abort_transaction(RELEASE_TIMEOUT) {
            // Fenced, and ended by whoever did that; or the broker is away, and will do it.
            tracing::warn!(%error, id = self.transactional_id, "a transaction is left to the broker");
        }
    }

    /// Adds offsets to a transaction and aborts it: whatever this producer's id had added to the
    /// group's offsets before, and what was never decided upon, is aborted with it. Changes no offset.
    pub(super) fn release<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        if !self.transactional || self.in_transaction {
            return Ok(());
        }
        let group = consumer.group_metadata().ok_or(ClientError::NoGroup)?;
        self.begin()?;
        // It is enough that the group has become a part of the transaction; whether the offsets
        // were taken doesn't matter.
        match self.send_offsets(offsets, group, RELEASE_TIMEOUT) {
            // The client is still busy with them.
            Err(error @ ClientError::Unanswered { .. }) => return Err(error),
            Err(error) => tracing::debug!(%error, "offsets to be aborted were not taken"),
            Ok(()) => {}
        }
        self.producer
            .abort_transaction(RELEASE_TIMEOUT)
            .map_err(self.failed_to("aborting a transaction"))?;
        self.in_transaction = false;
        Ok(())
    }

    fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: ConsumerGroupMetadata,
        timeout: Duration,
    ) -> Result<(), ClientError> {
        const ACTION: &str = "adding offsets to the transaction";
        let (producer, offsets) = (Arc::clone(&self.producer), offsets.clone());
        call_within(ACTION, timeout + OFFSETS_GRACE, move || {
            producer.send_offsets_to_transaction(&offsets, &group, timeout)
        })?
        .map_err(self.failed_to(ACTION))
    }

    fn failed_to(&self, action: &'static str) -> impl FnOnce(KafkaError) -> ClientError {
        let id = &self.transactional_id;
        move |source| {
            // Once fenced, librdkafka answers every call with "fatal" and keeps the cause apart.
            let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
            match is_fenced(source.rdkafka_error_code()) || is_fenced(fatal) {
                true => ClientError::Fenced(id.clone()),
                false => ClientError::Kafka { action, source },
            }
        }
    }

    /// A poll takes one event: the reports of one request.
    fn take_reports(&self) {
        let mut in_flight = self.producer.in_flight_count();
        while in_flight > 0 {
            self.producer.poll(Duration::ZERO);
            let left = self.producer.in_flight_count();
            if left >= in_flight {
                break;
            }
            in_flight = left;
        }
    }

    /// Waits for every delivery report. `Producer::flush` and `commit_transaction` of rust-rdkafka
    /// wait in steps of 100 ms; librdkafka's own flush in steps of 1 ms also cuts the linger short.
    /// It waits for reports that only we can take, so those that are there are taken first.
    fn drain(&mut self) -> Result<(), ClientError> {
        let started = Instant::now();
        loop {
            self.take_reports();
            if self.producer.in_flight_count() == 0 {
                break;
            }
            if started.elapsed() > self.flush_timeout {
                let source = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
                return Err(ClientError::Kafka {
                    action: "flushing outputs",
                    source,
                });
            }
            // SAFETY: the pointer belongs to `self.producer`, which outlives the call; the
            // function is thread-safe and keeps no reference.
            #[allow(unsafe_code, reason = "rust-rdkafka has no flush with a finer step")]
            unsafe {
                rdkafka::bindings::rd_kafka_flush(self.producer.client().native_ptr(), 1);
            }
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = failed.take();
        drop(failed);
        failure.map_or(Ok(()), |source| {
            Err(self.failed_to("delivering outputs")(source))
        })
    }
}

fn is_fenced(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
        )
    )
}
