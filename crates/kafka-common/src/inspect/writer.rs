//! Writing bytes to topics by their names, with delivery reports, and in transactions.

use std::marker::PhantomData;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::error::InspectError;
use crate::matrix::WritesAnyTopic;
use crate::producer::Delivered;
use crate::settings::KafkaSettings;
use crate::telemetry;

/// Bound of each step of a transaction.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one look at the delivery reports waits.
const STEP: Duration = Duration::from_millis(5);

/// Collects delivery reports.
#[derive(Default)]
struct Reports {
    delivered: Mutex<Vec<(usize, Result<Delivered, KafkaError>)>>,
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let outcome = match result {
            Ok(message) => Ok(Delivered {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, _)) => Err(error.clone()),
        };
        if let Ok(mut delivered) = self.delivered.lock() {
            delivered.push((index, outcome));
        }
    }
}

/// A record to be written.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// The topic's name on the broker.
    pub(super) topic: String,
    /// Only where it isn't the key's own.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: OwnedHeaders,
}

/// Writes records of any topic, for a service that may.
pub(super) struct Writer<S> {
    producer: BaseProducer<Reports>,
    transactional: bool,
    delivery_timeout: Duration,
    service: PhantomData<fn() -> S>,
}

impl<S: WritesAnyTopic> Writer<S> {
    pub(super) fn start(settings: &KafkaSettings) -> Result<Self, InspectError> {
        let producer = settings
            .producer(S::NAME)
            .create_with_context(Reports::default())
            .map_err(InspectError::kafka("creating the producer"))?;
        Ok(Self::of(producer, false, settings))
    }

    /// A writer whose batches are transactions. Starting it fences an earlier one of the same
    /// name, wherever it runs, and ends what that one left open.
    pub(super) fn start_transactional(
        settings: &KafkaSettings,
        name: &str,
    ) -> Result<Self, InspectError> {
        let mut config = settings.transactional_producer(S::NAME);
        config.set("transactional.id", settings.group(name));
        let producer: BaseProducer<Reports> = config
            .create_with_context(Reports::default())
            .map_err(InspectError::kafka("creating the producer"))?;
        producer
            .init_transactions(TRANSACTION_TIMEOUT)
            .map_err(InspectError::kafka("initialising transactions"))?;
        Ok(Self::of(producer, true, settings))
    }

    fn of(producer: BaseProducer<Reports>, transactional: bool, settings: &KafkaSettings) -> Self {
        Self {
            producer,
            transactional,
            delivery_timeout: settings.delivery_timeout(),
            service: PhantomData,
        }
    }

    /// Writes records in their order, all or, in a transaction, none, and tells where each is.
    pub(super) fn write(&self, records: &[Outgoing]) -> Result<Vec<Delivered>, InspectError> {
        if self.transactional {
            self.producer
                .begin_transaction()
                .map_err(InspectError::kafka("beginning a transaction"))?;
        }
        let written = self.deliver(records).and_then(|delivered| {
            if self.transactional {
                self.producer
                    .commit_transaction(TRANSACTION_TIMEOUT)
                    .map_err(InspectError::kafka("committing the transaction"))?;
            }
            Ok(delivered)
        });
        if written.is_err() && self.transactional {
            // Fails if the producer is fenced, and then there is nothing to abort.
            if let Err(error) = self.producer.abort_transaction(TRANSACTION_TIMEOUT) {
                tracing::debug!(%error, "the transaction is not aborted");
            }
        }
        written
    }

    fn deliver(&self, records: &[Outgoing]) -> Result<Vec<Delivered>, InspectError> {
        let deadline = Instant::now() + self.delivery_timeout;
        // Of an earlier batch that failed.
        self.take_reports();
        for (index, record) in records.iter().enumerate() {
            self.queue(index, record, deadline)?;
        }
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= deadline {
                let source = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
                return Err(InspectError::kafka("delivering")(source));
            }
            self.producer.poll(STEP);
        }
        let mut reports = self.take_reports();
        reports.sort_by_key(|(index, _)| *index);
        reports
            .into_iter()
            .map(|(index, outcome)| {
                outcome.map_err(|source| InspectError::NotDelivered {
                    index: index + 1,
                    source,
                })
            })
            .collect()
    }

    fn take_reports(&self) -> Vec<(usize, Result<Delivered, KafkaError>)> {
        match self.producer.context().delivered.lock() {
            Ok(mut reports) => std::mem::take(&mut *reports),
            Err(_) => Vec::new(),
        }
    }

    fn queue(
        &self,
        index: usize,
        record: &Outgoing,
        deadline: Instant,
    ) -> Result<(), InspectError> {
        let mut base: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&record.topic, index).headers(record.headers.clone());
        if let Some(key) = &record.key {
            base = base.key(key);
        }
        if let Some(value) = &record.value {
            base = base.payload(value);
        }
        if let Some(partition) = record.partition {
            base = base.partition(partition);
        }
        loop {
            match self.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned))
                    if Instant::now() < deadline =>
                {
                    base = returned;
                    self.producer.poll(STEP);
                }
                Err((source, _)) => {
                    return Err(InspectError::NotDelivered {
                        index: index + 1,
                        source,
                    });
                }
            }
        }
    }
}

impl InspectError {
    /// Whether another producer of the same transactional id has begun.
    pub(super) fn is_fenced(&self) -> bool {
        use RDKafkaErrorCode as Code;
        let source = match self {
            Self::Client(crate::error::ClientError::Kafka { source, .. })
            | Self::NotDelivered { source, .. } => source,
            _ => return false,
        };
        matches!(
            source.rdkafka_error_code(),
            Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
        )
    }
}
