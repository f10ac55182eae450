//! The consumer: typed handlers, offsets stored only when a handler is done, retries, dead letters.
//!
//! One blocking thread owns the client, because librdkafka runs rebalance callbacks inside `poll`
//! and its drop waits; records come to the handlers over a bounded channel. When the handlers are
//! slow the channel fills and the thread waits: nothing is fetched that can't be held.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dead_letter::{DeadLetter, Failure};
use crate::envelope;
use crate::error::{self, ClientError, ErrorClass, HandlerError, ProduceError};
use crate::matrix::{Consumes, Service, dead_letter_topic};
use crate::producer::KafkaProducer;
use crate::record::{Record, RecordMeta, broker_timestamp};
use crate::settings::KafkaSettings;
use crate::telemetry;
use crate::topics::Topic;

/// How long a poll waits when nothing comes; also how quickly a stop is noticed.
const POLL: Duration = Duration::from_millis(100);
/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

type Outcome = Result<(), HandlerError>;
/// Decodes a record and calls its handler; the inner error is a record that can't be decoded.
type Dispatch =
    Arc<dyn Fn(&OwnedMessage) -> Result<BoxFuture<'static, Outcome>, String> + Send + Sync>;

struct Subscription {
    topic: &'static str,
    dispatch: Dispatch,
}

/// A consumer that can read just the topics of its service's row in the matrix.
pub struct KafkaConsumer<S> {
    settings: KafkaSettings,
    group: &'static str,
    /// By the topic's name on the broker.
    subscriptions: HashMap<String, Subscription>,
    service: PhantomData<fn() -> S>,
}

impl<S> std::fmt::Debug for KafkaConsumer<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaConsumer")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

struct Context {
    group: String,
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(group = self.group, count = partitions.count(), "assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(group = self.group, count = partitions.count(), "revoked");
                // What is finished is committed before another member starts from it. A later
                // store for a revoked partition is refused by librdkafka: the late ack is fenced.
                match consumer.commit_consumer_state(CommitMode::Sync) {
                    Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
                    Err(error) => tracing::warn!(%error, "commit before revocation failed"),
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }
}

impl<S: Service> KafkaConsumer<S> {
    /// A consumer in the service's group, without handlers yet.
    #[must_use]
    pub fn new(settings: &KafkaSettings) -> Self {
        Self {
            settings: settings.clone(),
            group: S::GROUP,
            subscriptions: HashMap::new(),
            service: PhantomData,
        }
    }

    /// Subscribes to a topic and sets its handler. Records come one at a time, those of one
    /// partition in order. A handler that fails with [`HandlerError::Transient`] is called again
    /// with backoff; then, as at once for [`HandlerError::Permanent`], the record goes to the
    /// dead-letter topic.
    #[must_use]
    pub fn add_message_handler<T, F, R>(mut self, _topic: T, handler: F) -> Self
    where
        T: Topic,
        S: Consumes<T>,
        F: Fn(Record<T::Message>) -> R + Send + Sync + 'static,
        R: Future<Output = Outcome> + Send + 'static,
    {
        let dispatch: Dispatch = Arc::new(move |message| {
            let envelope = envelope::decode::<T::Message>(message.payload())
                .map_err(|error| error.to_string())?;
            let meta = RecordMeta {
                topic: T::SPEC.name,
                partition: message.partition(),
                offset: message.offset(),
                key: message
                    .key()
                    .and_then(|key| String::from_utf8(key.to_vec()).ok()),
                timestamp: broker_timestamp(message),
            };
            Ok(Box::pin(handler(Record {
                meta,
                producer_service: envelope.producer_service,
                produced_at: envelope.timestamp,
                data: envelope.data,
            })))
        });
        let topic = T::SPEC.name;
        self.subscriptions
            .insert(self.settings.topic(topic), Subscription { topic, dispatch });
        self
    }

    /// Joins the group.
    ///
    /// # Errors
    /// No handler was added, librdkafka refuses the settings, or the subscription would read this
    /// group's own dead letters.
    pub fn start(self) -> Result<StartedConsumer<S>, ClientError> {
        if self.subscriptions.is_empty() {
            return Err(ClientError::NoHandler);
        }
        let own_dead_letters = format!(".{}.dlq", self.group);
        if let Some(topic) = self
            .subscriptions
            .keys()
            .find(|t| t.ends_with(&own_dead_letters))
        {
            return Err(ClientError::DeadLetterLoop(topic.clone()));
        }
        let client: BaseConsumer<Context> = self
            .settings
            .consumer(S::NAME, self.group)
            .create_with_context(Context {
                group: self.settings.group(self.group),
            })
            .map_err(ClientError::kafka("creating the consumer"))?;
        let topics: Vec<&str> = self.subscriptions.keys().map(String::as_str).collect();
        client
            .subscribe(&topics)
            .map_err(ClientError::kafka("subscribing"))?;
        let dead_letters = KafkaProducer::start(&self.settings)?;
        Ok(StartedConsumer {
            consumer: self,
            client: Arc::new(client),
            dead_letters,
        })
    }
}

/// A consumer that has joined its group.
pub struct StartedConsumer<S> {
    consumer: KafkaConsumer<S>,
    client: Arc<BaseConsumer<Context>>,
    dead_letters: KafkaProducer<S>,
}

impl<S> std::fmt::Debug for StartedConsumer<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StartedConsumer")
            .finish_non_exhaustive()
    }
}

impl<S: Service> StartedConsumer<S> {
    /// Consumes until `shutdown`: then the record in hand is finished, offsets are committed, and
    /// the group is left.
    ///
    /// # Errors
    /// The client failed for good, or a dead letter couldn't be written: going on would lose the
    /// record.
    pub async fn start_consuming(self, shutdown: CancellationToken) -> Result<(), ClientError> {
        let capacity = self.consumer.settings.max_poll_records;
        let (sender, mut records) = mpsc::channel::<OwnedMessage>(capacity);
        let stopping = shutdown.child_token();
        let poller = {
            let client = Arc::clone(&self.client);
            let stopping = stopping.clone();
            tokio::task::spawn_blocking(move || poll(&client, &sender, &stopping))
        };
        let mut outcome = Ok(());
        while let Some(message) = records.recv().await {
            if stopping.is_cancelled() {
                break;
            }
            if let Err(error) = self.process(&message).await {
                outcome = Err(error);
                break;
            }
        }
        stopping.cancel();
        drop(records);
        let polled = poller
            .await
            .map_err(|error| ClientError::Thread(error.to_string()))?;
        let client = self.client;
        // Committing and leaving the group block.
        let closed = tokio::task::spawn_blocking(move || {
            if let Err(error) = client.commit_consumer_state(CommitMode::Sync)
                && !matches!(
                    error,
                    KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)
                )
            {
                tracing::warn!(%error, "last commit failed: records will be delivered again");
            }
            drop(client);
        })
        .await;
        closed.map_err(|error| ClientError::Thread(error.to_string()))?;
        outcome.and(polled)
    }

    /// Handles one record to its end: done, or in the dead letters. Then its offset is stored.
    async fn process(&self, message: &OwnedMessage) -> Result<(), ClientError> {
        let Some(subscription) = self.consumer.subscriptions.get(message.topic()) else {
            return Ok(());
        };
        if let Err(failure) = self.attempt(subscription, message).await {
            self.bury(subscription.topic, message, &failure).await?;
        }
        telemetry::consumed(subscription.topic, 1);
        let stored =
            self.client
                .store_offset(message.topic(), message.partition(), message.offset());
        match stored {
            Ok(()) => Ok(()),
            // Revoked meanwhile: the new owner will see the record again.
            Err(KafkaError::StoreOffset(RDKafkaErrorCode::State)) => Ok(()),
            Err(source) => Err(ClientError::Kafka {
                action: "storing an offset",
                source,
            }),
        }
    }

    async fn attempt(
        &self,
        subscription: &Subscription,
        message: &OwnedMessage,
    ) -> Result<(), Failure> {
        let settings = &self.consumer.settings;
        let mut backoff = Duration::from_millis(u64::from(settings.retry_backoff_ms));
        let mut attempt = 1;
        loop {
            let handling = (subscription.dispatch)(message).map_err(|error| Failure {
                class: ErrorClass::Poison,
                error,
                attempts: 1,
            })?;
            match handling.await {
                Ok(()) => return Ok(()),
                Err(HandlerError::Permanent(error)) => {
                    let class = ErrorClass::Permanent;
                    return Err(Failure {
                        class,
                        error,
                        attempts: attempt,
                    });
                }
                Err(HandlerError::Transient(error)) if attempt >= settings.max_attempts => {
                    let class = ErrorClass::Transient;
                    return Err(Failure {
                        class,
                        error,
                        attempts: attempt,
                    });
                }
                Err(HandlerError::Transient(error)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    telemetry::retried(subscription.topic, partition, offset, attempt, &error);
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                    attempt += 1;
                }
            }
        }
    }

    async fn bury(
        &self,
        topic: &'static str,
        message: &OwnedMessage,
        failure: &Failure,
    ) -> Result<(), ClientError> {
        let group = self.consumer.group;
        let (partition, offset) = (message.partition(), message.offset());
        telemetry::dead_lettered(topic, partition, offset, failure.class, &failure.error);
        let letter = DeadLetter::of(message, topic, group, failure);
        let physical = self
            .consumer
            .settings
            .topic(&dead_letter_topic(topic, group));
        let key = String::from_utf8_lossy(&letter.key).into_owned();
        let delivery = self
            .dead_letters
            .enqueue(topic, &physical, &key, &letter.value, letter.headers)
            .await;
        let delivered = match delivery {
            Ok(pending) => pending.wait().await,
            Err(error) => Err(error),
        };
        match delivered {
            Ok(_) => Ok(()),
            Err(ProduceError::Delivery { source, .. }) => Err(ClientError::Kafka {
                action: "writing a dead letter",
                source,
            }),
            Err(error) => Err(ClientError::Thread(error.to_string())),
        }
    }
}

/// The blocking thread's loop.
fn poll(
    client: &BaseConsumer<Context>,
    sender: &mpsc::Sender<OwnedMessage>,
    stopping: &CancellationToken,
) -> Result<(), ClientError> {
    while !stopping.is_cancelled() {
        match client.poll(POLL) {
            None => {}
            Some(Ok(message)) => match sender.blocking_send(message.detach()) {
                Ok(()) => {}
                // The handlers' side has ended.
                Err(_) => break,
            },
            Some(Err(source)) if error::is_fatal(&source) => {
                return Err(ClientError::Kafka {
                    action: "consuming",
                    source,
                });
            }
            // Everything else librdkafka retries by itself.
            Some(Err(error)) => tracing::warn!(%error, "consuming, will go on"),
        }
    }
    Ok(())
}
