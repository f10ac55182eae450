//! The producer: typed, idempotent, bounded.

mod breaker;
mod client;
mod delivery;
mod destination;
mod polled;
mod retry;
mod stop;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::message::{Header, OwnedHeaders};
use uuid::Uuid;

pub use breaker::{BreakerSettings, CircuitState};
pub(crate) use client::{Client, Outgoing};
pub(crate) use delivery::Undelivered;
pub use delivery::{Delivered, PendingDelivery};
pub(crate) use destination::Destination;
pub(crate) use retry::Attempt;
pub use stop::StopReport;

use crate::envelope;
use crate::error::{ClientError, ProduceError};
use crate::matrix::{Produces, Service};
use crate::messages::RecordKind;
use crate::record;
use crate::settings::KafkaSettings;
use crate::telemetry;
use crate::topics::Topic;
use crate::trace::OpenSpan;
use breaker::{Breaker, Permit};

/// A producer that has broken down is replaced; the next one is given this long, so that a cause
/// that stays doesn't make clients without end.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// A producer that can write just the topics of its service's row in the matrix. Cheap to clone.
pub struct KafkaProducer<S> {
    inner: Arc<Inner>,
    service: PhantomData<fn() -> S>,
}

struct Inner {
    settings: KafkaSettings,
    service: &'static str,
    client: RwLock<Arc<Client>>,
    /// When the present client was made; held while it is replaced, so that one caller does.
    made: tokio::sync::Mutex<Instant>,
    breaker: Arc<Breaker>,
    destinations: RwLock<HashMap<&'static str, Arc<Destination>>>,
    stopped: AtomicBool,
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

/// An encoded message.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) value: Vec<u8>,
    pub(crate) headers: OwnedHeaders,
    /// Until the broker has it; none where nobody wants to know.
    span: Option<OpenSpan>,
}

impl<S: Service> KafkaProducer<S> {
    /// Creates the client. The connection is made, and made again, in the background.
    ///
    /// # Errors
    /// librdkafka refuses the settings.
    pub fn start(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let client = Client::start(&settings.producer(S::NAME), settings)?;
        let inner = Arc::new(Inner {
            settings: settings.clone(),
            service: S::NAME,
            client: RwLock::new(Arc::new(client)),
            made: tokio::sync::Mutex::new(Instant::now()),
            breaker: Arc::new(Breaker::new(&settings.breaker)),
            destinations: RwLock::default(),
            stopped: AtomicBool::new(false),
        });
        Ok(Self {
            inner,
            service: PhantomData,
        })
    }

    /// Sends a message in its envelope and waits until the broker has it. A refusal for a passing
    /// reason is tried again, up to `send_attempts` times and within the delivery timeout.
    ///
    /// # Errors
    /// See [`ProduceError`]; it tells whether the message may be in the log all the same.
    pub async fn send_message<T: Topic>(
        &self,
        topic: T,
        message: &T::Message,
        key: &str,
    ) -> Result<Delivered, ProduceError>
    where
        S: Produces<T>,
    {
        let encoded = self.encode(topic, message)?;
        let destination = self.destination::<T>();
        let settings = &self.inner.settings;
        let mut attempt = Attempt {
            number: 1,
            of: settings.send_attempts,
            deadline: Instant::now() + settings.delivery_timeout(),
            first_backoff: Duration::from_millis(u64::from(settings.retry_backoff_ms)),
        };
        loop {
            let outgoing = Outgoing {
                key: key.as_bytes(),
                value: &encoded.value,
                headers: encoded.headers.clone(),
                span: encoded.span,
            };
            let undelivered = match self.inner.queue(&destination, outgoing, attempt).await {
                Ok(pending) => match pending.answer().await {
                    Ok(delivered) => return Ok(delivered),
                    Err(undelivered) => undelivered,
                },
                Err(undelivered) => undelivered,
            };
            match undelivered.retry_after {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(undelivered.error),
            }
            attempt.number += 1;
        }
    }

    /// Queues a message; messages of one key are delivered in the order of their calls. A full
    /// queue is waited for, within `queue_full_wait_ms`.
    ///
    /// # Errors
    /// The message can't be encoded, the queue stayed full, or the circuit is open.
    pub async fn enqueue_message<T: Topic>(
        &self,
        topic: T,
        message: &T::Message,
        key: &str,
    ) -> Result<PendingDelivery, ProduceError>
    where
        S: Produces<T>,
    {
        let encoded = self.encode(topic, message)?;
        let outgoing = Outgoing {
            key: key.as_bytes(),
            value: &encoded.value,
            headers: encoded.headers,
            span: encoded.span,
        };
        let once = Attempt::only(Instant::now());
        self.inner
            .queue(&self.destination::<T>(), outgoing, once)
            .await
            .map_err(|undelivered| undelivered.error)
    }

    /// As [`enqueue_message`](Self::enqueue_message), with the header `record-kind`, which tells a
    /// record apart from the topic's usual ones. It is written even where other headers aren't.
    ///
    /// # Errors
    /// As [`enqueue_message`](Self::enqueue_message).
    pub async fn enqueue_kind<T: Topic>(
        &self,
        topic: T,
        kind: &str,
        message: &T::Message,
        key: &str,
    ) -> Result<PendingDelivery, ProduceError>
    where
        S: Produces<T>,
    {
        let encoded = self.encode(topic, message)?;
        let header = Header {
            key: RecordKind::HEADER,
            value: Some(kind),
        };
        let outgoing = Outgoing {
            key: key.as_bytes(),
            value: &encoded.value,
            headers: encoded.headers.insert(header),
            span: encoded.span,
        };
        let once = Attempt::only(Instant::now());
        self.inner
            .queue(&self.destination::<T>(), outgoing, once)
            .await
            .map_err(|undelivered| undelivered.error)
    }

    /// Where the circuit to the broker stands.
    #[must_use]
    pub fn circuit(&self) -> CircuitState {
        self.inner.breaker.state()
    }

    /// Whether messages are taken: for readiness.
    ///
    /// # Errors
    /// Why not: the circuit is open, or the producer was stopped.
    pub fn check(&self) -> Result<(), String> {
        if self.inner.stopped.load(Ordering::Acquire) {
            return Err("the producer was stopped".to_owned());
        }
        self.inner.breaker.check()
    }

    /// Delivers what is queued, within the deadline, and tells what was not delivered. All clones
    /// are stopped: what they send later fails with [`ProduceError::Stopped`].
    pub async fn stop(self, deadline: Duration) -> StopReport {
        self.inner.stopped.store(true, Ordering::Release);
        let client = self.inner.client();
        let destinations = self.inner.destinations();
        stop::stop(client, destinations, deadline).await
    }

    pub(crate) fn encode<T: Topic>(
        &self,
        _topic: T,
        message: &T::Message,
    ) -> Result<Encoded, ProduceError>
    where
        S: Produces<T>,
    {
        let topic = T::SPEC.name;
        let value = envelope::encode(S::NAME, Utc::now(), message)
            .map_err(|source| ProduceError::Encode { topic, source })?;
        let (standard, id) = (self.inner.settings.record_headers, Uuid::now_v7());
        Ok(Encoded {
            value,
            headers: record::headers(standard, id, &[]),
            // Without headers a record names no trace.
            span: standard
                .then(|| OpenSpan::of_message(S::NAME, topic, id))
                .flatten(),
        })
    }

    pub(crate) fn settings(&self) -> &KafkaSettings {
        &self.inner.settings
    }

    fn destination<T: Topic>(&self) -> Arc<Destination> {
        let topic = T::SPEC.name;
        let known = self.inner.destinations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = known.get(topic) {
            return Arc::clone(destination);
        }
        drop(known);
        let destination = Destination::new(topic, self.inner.settings.topic(topic));
        let known = self.inner.destinations.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        // Another caller may have been first.
        let kept = known.entry(topic).or_insert_with(|| Arc::new(destination));
        Arc::clone(kept)
    }
}

impl Inner {
    fn client(&self) -> Arc<Client> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&client)
    }

    fn destinations(&self) -> Vec<Arc<Destination>> {
        let known = self.destinations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.values().map(Arc::clone).collect()
    }

    fn admit(&self, topic: &'static str) -> Result<Permit, ProduceError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(ProduceError::Stopped { topic });
        }
        self.breaker.admit().map_err(|retry_in| {
            telemetry::circuit_refused(topic);
            ProduceError::CircuitOpen { topic, retry_in }
        })
    }

    async fn queue(
        &self,
        destination: &Arc<Destination>,
        message: Outgoing<'_>,
        attempt: Attempt,
    ) -> Result<PendingDelivery, Undelivered> {
        let permit = self
            .admit(destination.topic)
            .map_err(Undelivered::from_error)?;
        let bound = Duration::from_millis(u64::from(self.settings.queue_full_wait_ms));
        let client = self.client();
        let client = match client.is_broken() {
            true => self.renew(&client, destination.topic).await?,
            false => client,
        };
        client
            .enqueue(destination, message, attempt, Some(permit), bound)
            .await
    }

    /// Puts a new client into the place of one that has broken down. What the old one still held
    /// has failed with its fatal error, and was reported so.
    async fn renew(
        &self,
        broken: &Arc<Client>,
        topic: &'static str,
    ) -> Result<Arc<Client>, Undelivered> {
        let mut made = self.made.lock().await;
        let present = self.client();
        if !Arc::ptr_eq(&present, broken) {
            return Ok(present);
        }
        tokio::time::sleep(RENEWAL_PAUSE.saturating_sub(made.elapsed())).await;
        let config = self.settings.producer(self.service);
        let next = Client::start(&config, &self.settings).map_err(|error| {
            Undelivered::from_error(ProduceError::Client {
                topic,
                error: error.to_string(),
            })
        })?;
        telemetry::client_renewed(self.service);
        *made = Instant::now();
        let next = Arc::new(next);
        let mut current = self.client.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::clone(&next));
        drop(current);
        // The last owner of a client waits for its thread.
        tokio::task::spawn_blocking(move || drop(old));
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
