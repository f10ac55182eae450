//! The producer: typed, idempotent, bounded.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use uuid::Uuid;

use crate::envelope;
use crate::error::{ClientError, ProduceError};
use crate::matrix::{Produces, Service};
use crate::record;
use crate::settings::KafkaSettings;
use crate::telemetry::{self, LoggedContext};
use crate::topics::Topic;

/// How long to wait between two looks at a full queue.
const QUEUE_FULL_STEP: Duration = Duration::from_millis(5);

/// Where a delivered message landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A message that is queued and will be delivered or fail: await it to know which.
#[must_use = "a delivery that nobody awaits is a loss that nobody sees"]
pub struct PendingDelivery {
    topic: &'static str,
    key: String,
    size: usize,
    future: DeliveryFuture,
}

impl std::fmt::Debug for PendingDelivery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PendingDelivery")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl PendingDelivery {
    /// Waits for the broker's acknowledgement.
    ///
    /// # Errors
    /// The message was not delivered within the delivery timeout, or was refused.
    pub async fn wait(self) -> Result<Delivered, ProduceError> {
        let topic = self.topic;
        match self.future.await {
            Ok(Ok(delivery)) => {
                telemetry::sent(topic);
                Ok(Delivered {
                    partition: delivery.partition,
                    offset: delivery.offset,
                })
            }
            Ok(Err((source, _message))) => {
                telemetry::send_failed(topic, &self.key, self.size, &source);
                Err(ProduceError::Delivery { topic, source })
            }
            Err(_canceled) => Err(ProduceError::Stopped { topic }),
        }
    }
}

/// A producer that can write just the topics of its service's row in the matrix. Cheap to clone.
pub struct KafkaProducer<S> {
    inner: Arc<Inner>,
    service: PhantomData<fn() -> S>,
}

struct Inner {
    producer: FutureProducer<LoggedContext>,
    settings: KafkaSettings,
}

impl<S> Clone for KafkaProducer<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            service: PhantomData,
        }
    }
}

impl<S> std::fmt::Debug for KafkaProducer<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaProducer")
            .finish_non_exhaustive()
    }
}

impl<S: Service> KafkaProducer<S> {
    /// Creates the client. The connection is made, and made again, in the background.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn start(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let producer = settings
            .producer(S::NAME)
            .create_with_context(LoggedContext)
            .map_err(ClientError::kafka("creating the producer"))?;
        let inner = Arc::new(Inner {
            producer,
            settings: settings.clone(),
        });
        Ok(Self {
            inner,
            service: PhantomData,
        })
    }

    /// Sends a message in its envelope and waits until the broker has it.
    ///
    /// # Errors
    /// See [`ProduceError`]; whether the message is in the log is known only for `Ok`.
    pub async fn send_message<T: Topic>(
        &self,
        topic: T,
        message: &T::Message,
        key: &str,
    ) -> Result<Delivered, ProduceError>
    where
        S: Produces<T>,
    {
        self.enqueue_message(topic, message, key)
            .await?
            .wait()
            .await
    }

    /// Queues a message; messages of one key are delivered in the order of their calls. A full
    /// queue is waited for, within `queue_full_wait_ms`.
    ///
    /// # Errors
    /// The message can't be encoded, or the queue stayed full.
    pub async fn enqueue_message<T: Topic>(
        &self,
        _topic: T,
        message: &T::Message,
        key: &str,
    ) -> Result<PendingDelivery, ProduceError>
    where
        S: Produces<T>,
    {
        let topic = T::SPEC.name;
        let value = envelope::encode(S::NAME, Utc::now(), message)
            .map_err(|source| ProduceError::Encode { topic, source })?;
        let headers = record::headers(self.inner.settings.record_headers, Uuid::now_v7(), &[]);
        self.enqueue(
            topic,
            &self.inner.settings.topic(topic),
            key,
            &value,
            headers,
        )
        .await
    }

    /// Queues bytes for a topic by its name on the broker; for dead letters, which keep the
    /// original's bytes.
    pub(crate) async fn enqueue(
        &self,
        topic: &'static str,
        physical: &str,
        key: &str,
        value: &[u8],
        headers: OwnedHeaders,
    ) -> Result<PendingDelivery, ProduceError> {
        let started = Instant::now();
        let bound = Duration::from_millis(u64::from(self.inner.settings.queue_full_wait_ms));
        let mut record = FutureRecord::to(physical)
            .key(key)
            .payload(value)
            .headers(headers);
        loop {
            match self.inner.producer.send_result(record) {
                Ok(future) => {
                    let key = key.to_owned();
                    return Ok(PendingDelivery {
                        topic,
                        key,
                        size: value.len(),
                        future,
                    });
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    if started.elapsed() >= bound {
                        return Err(ProduceError::QueueFull {
                            topic,
                            waited: bound,
                        });
                    }
                    record = returned;
                    tokio::time::sleep(QUEUE_FULL_STEP).await;
                }
                Err((source, _record)) => {
                    telemetry::send_failed(topic, key, value.len(), &source);
                    return Err(ProduceError::Delivery { topic, source });
                }
            }
        }
    }

    /// Delivers what is queued, within the deadline, and tells how many messages were not
    /// delivered.
    pub async fn stop(self, deadline: Duration) -> usize {
        let producer = self.inner.producer.clone();
        // `flush` blocks; on the runtime's threads it would stop everything else.
        let flushed = tokio::task::spawn_blocking(move || {
            let outcome = producer.flush(deadline);
            (outcome.is_ok(), producer.in_flight_count())
        })
        .await;
        match flushed {
            Ok((true, _)) => 0,
            Ok((false, left)) => {
                let undelivered = usize::try_from(left).unwrap_or_default();
                tracing::error!(
                    undelivered,
                    "producer stopped before everything was delivered"
                );
                undelivered
            }
            Err(_) => 0,
        }
    }
}
