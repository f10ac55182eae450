//! Outputs into the log, together with the offsets of their inputs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::outputs::OutputRecord;
use crate::error::ClientError;
use crate::settings::{Delivery, KafkaSettings};
use crate::telemetry;

const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Notes whether any delivery failed since the last commit.
#[derive(Debug, Default)]
pub(super) struct DeliveryContext {
    failed: Arc<AtomicBool>,
}

impl ClientContext for DeliveryContext {
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
            telemetry::send_failed(message.topic(), &key, message.payload_len(), error);
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// The producer of a processor.
pub(super) struct Committer {
    producer: BaseProducer<DeliveryContext>,
    failed: Arc<AtomicBool>,
    transactional: bool,
    in_transaction: bool,
    flush_timeout: Duration,
}

impl Committer {
    pub(super) fn start(settings: &KafkaSettings, service: &str) -> Result<Self, ClientError> {
        let transactional = settings.delivery == Delivery::ExactlyOnce;
        let config = match transactional {
            true => settings.transactional_producer(service),
            false => settings.producer(service),
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
                .map_err(ClientError::kafka("initialising transactions"))?;
        }
        let flush_timeout = settings.delivery_timeout();
        Ok(Self {
            producer,
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
                .map_err(ClientError::kafka("beginning a transaction"))?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Commits outputs and offsets.
    pub(super) fn commit<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        self.begin()?;
        self.drain()?;
        // Outputs without a moved position: a session that starts on a quiet market.
        let moved = offsets.count() > 0;
        if !self.transactional {
            if !moved {
                return Ok(());
            }
            return consumer
                .commit(offsets, CommitMode::Sync)
                .map_err(ClientError::kafka("committing offsets"));
        }
        if moved {
            let group = consumer.group_metadata().ok_or_else(|| {
                ClientError::Thread("the consumer has no group to commit for".to_owned())
            })?;
            self.producer
                .send_offsets_to_transaction(offsets, &group, TRANSACTION_TIMEOUT)
                .map_err(ClientError::kafka("adding offsets to the transaction"))?;
        }
        self.producer
            .commit_transaction(TRANSACTION_TIMEOUT)
            .map_err(ClientError::kafka("committing the transaction"))?;
        self.in_transaction = false;
        Ok(())
    }

    /// Waits for every delivery report. `Producer::flush` and `commit_transaction` of rust-rdkafka
    /// wait in steps of 100 ms; librdkafka's own flush in steps of 1 ms also cuts the linger short.
    fn drain(&mut self) -> Result<(), ClientError> {
        let started = Instant::now();
        while self.producer.in_flight_count() > 0 {
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
            self.producer.poll(Duration::ZERO);
        }
        match self.failed.swap(false, Ordering::Relaxed) {
            false => Ok(()),
            true => {
                let source = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
                Err(ClientError::Kafka {
                    action: "delivering outputs",
                    source,
                })
            }
        }
    }
}
