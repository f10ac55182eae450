//! A consumer that has joined its group: consuming, seeking, stopping.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::context::{Context, Starts};
use super::credits::Credits;
use super::engine::Engine;
use super::event::Event;
use super::handling::Retry;
use super::letters::DeadLetters;
use super::options::Position;
use super::poller::{Poller, SeekRequest};
use super::replay::ReplayReport;
use super::slot::Slots;
use super::watchdog::{Monitor, Watchdog};
use super::{KafkaConsumer, thread};
use crate::error::ClientError;
use crate::matrix::{Consumes, Service};
use crate::statistics::ClientStatistics;
use crate::telemetry;
use crate::topics::Topic;

/// How long the last commit and leaving the group may take before they are left to their thread.
const CLOSE_BOUND: Duration = Duration::from_secs(4);
/// Seeks that wait for the poller.
const SEEK_CAPACITY: usize = 16;

/// Records on their way: one batch being handled, and one that is fetched meanwhile.
pub(super) fn credit_capacity(batch: usize) -> usize {
    2 * batch
}

/// Each batch holds a credit, so it never fills with them; there is room for the rare other ones.
pub(super) fn channel_capacity(batch: usize) -> usize {
    credit_capacity(batch) + 64
}

/// The client until its thread has it. Closing it waits for the broker, so whoever drops a
/// consumer that never ran must not be the one who waits.
struct Client(Option<BaseConsumer<Context>>);

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            // Without a thread it is closed here, which may wait, but loses nothing.
            let _detached = thread::spawn("kafka-close", move || drop(client));
        }
    }
}

/// A consumer that has joined its group.
pub struct StartedConsumer<S> {
    consumer: KafkaConsumer<S>,
    client: Client,
    events: mpsc::Receiver<Event>,
    letters: DeadLetters,
    seeks: mpsc::Sender<SeekRequest>,
    requests: mpsc::Receiver<SeekRequest>,
    monitor: Arc<Monitor>,
}

impl<S> std::fmt::Debug for StartedConsumer<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StartedConsumer")
            .finish_non_exhaustive()
    }
}

impl<S: Service> StartedConsumer<S> {
    pub(super) fn start(consumer: KafkaConsumer<S>) -> Result<Self, ClientError> {
        let settings = &consumer.settings;
        let (sender, events) = mpsc::channel(channel_capacity(settings.max_poll_records));
        let (seeks, requests) = mpsc::channel(SEEK_CAPACITY);
        let slots = Arc::new(Slots::default());
        let topics = consumer.subscriptions.iter().enumerate();
        let group = settings.group(S::GROUP);
        let mut config = settings.consumer(S::NAME, S::GROUP);
        // The poller commits by itself: only it knows what a revocation or a seek makes void.
        config.set("enable.auto.commit", "false");
        let client: BaseConsumer<Context> = config
            .create_with_context(Context {
                group: group.clone(),
                topics: topics
                    .map(|(index, subscription)| (Arc::clone(&subscription.physical), index))
                    .collect::<HashMap<_, _>>(),
                slots: Arc::clone(&slots),
                events: sender,
                drain: consumer.options.drain,
                starts: Mutex::new(Starts::default()),
                statistics: ClientStatistics::of_group(&group),
            })
            .map_err(ClientError::kafka("creating the consumer"))?;
        // From here on it is closed on a thread, also where the rest fails.
        let client = Client(Some(client));
        let topics: Vec<&str> = consumer
            .subscriptions
            .iter()
            .map(|subscription| &*subscription.physical)
            .collect();
        if let Some(client) = &client.0 {
            client
                .subscribe(&topics)
                .map_err(ClientError::kafka("subscribing"))?;
        }
        let letters = DeadLetters::new(settings, S::NAME, S::GROUP);
        let monitor = Arc::new(Monitor::new(
            group,
            Arc::clone(&slots),
            consumer.options.stuck_after,
            settings.reader(S::NAME, S::GROUP),
        ));
        Ok(Self {
            consumer,
            client,
            events,
            letters,
            seeks,
            requests,
            monitor,
        })
    }

    /// Begins a topic, or one partition of it, at a position instead of the committed offset.
    /// It holds for the first assignment of each partition to this consumer, and is committed.
    pub fn seek<T: Topic>(&self, _topic: T, partition: Option<i32>, to: Position)
    where
        S: Consumes<T>,
    {
        if let (Some(client), Some(subscription)) = (&self.client.0, self.index_of::<T>()) {
            let starts = &client.context().starts;
            let mut starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
            starts.wanted.push((subscription, partition, to));
        }
    }

    fn index_of<T: Topic>(&self) -> Option<usize> {
        let mut subscriptions = self.consumer.subscriptions.iter();
        subscriptions.position(|subscription| subscription.topic == T::SPEC.name)
    }

    /// For seeking while it consumes.
    #[must_use]
    pub fn control(&self) -> ConsumerControl<S> {
        ConsumerControl {
            seeks: self.seeks.clone(),
            topics: self
                .consumer
                .subscriptions
                .iter()
                .map(|subscription| subscription.topic)
                .collect(),
            service: PhantomData,
        }
    }

    /// Tells whether the consumer makes progress; for health checks.
    #[must_use]
    pub fn watchdog(&self) -> Watchdog {
        Watchdog::new(Arc::clone(&self.monitor))
    }

    /// Consumes until `shutdown`: then handlers in hand are finished within the drain timeout,
    /// what is finished is committed, and the group is left. It returns soon after the drain
    /// timeout at the latest, whatever the broker does. Dropping the future ends it too.
    ///
    /// # Errors
    /// The client failed for good, a dead letter couldn't be written (going on would lose the
    /// record), or [`ClientError::Halted`]: too many records failed.
    pub async fn start_consuming(self, shutdown: CancellationToken) -> Result<(), ClientError> {
        let Self {
            consumer,
            mut client,
            events,
            letters,
            seeks: _seeks,
            requests,
            monitor,
        } = self;
        let settings = &consumer.settings;
        let batch = settings.max_poll_records;
        let credits = Arc::new(Credits::new(credit_capacity(batch)));
        let engine = Engine::new(
            consumer.subscriptions,
            letters,
            Retry::of(settings),
            consumer.options,
            Arc::clone(&credits),
        );
        let Some(client) = client.0.take() else {
            return Ok(());
        };
        let stop = CancellationToken::new();
        let poller = Poller {
            client,
            credits,
            requests,
            stop: stop.clone(),
            batch,
            replaying: false,
        };
        let guard = stop.drop_guard();
        let watch = Monitor::watch(&monitor)?;
        let ended = thread::spawn("kafka-consumer", move || poller.run())?;
        let group = settings.group(S::GROUP);
        let outcome = drive(engine, events, guard, ended, &group, shutdown).await;
        drop(watch);
        monitor.ended(outcome.as_ref().err());
        outcome.map(|_| ())
    }
}

/// Runs the engine, then stops the poller and waits a while for it.
pub(super) async fn drive(
    engine: Engine,
    events: mpsc::Receiver<Event>,
    stop: DropGuard,
    ended: oneshot::Receiver<()>,
    group: &str,
    shutdown: CancellationToken,
) -> Result<ReplayReport, ClientError> {
    let outcome = engine.run(events, shutdown).await;
    drop(stop);
    if tokio::time::timeout(CLOSE_BOUND, ended).await.is_err() {
        telemetry::closing_late(group);
    }
    outcome
}

/// Seeks in a consumer that runs. Cheap to clone.
pub struct ConsumerControl<S> {
    seeks: mpsc::Sender<SeekRequest>,
    topics: Vec<&'static str>,
    service: PhantomData<fn() -> S>,
}

impl<S> Clone for ConsumerControl<S> {
    fn clone(&self) -> Self {
        Self {
            seeks: self.seeks.clone(),
            topics: self.topics.clone(),
            service: PhantomData,
        }
    }
}

impl<S> std::fmt::Debug for ConsumerControl<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ConsumerControl")
            .finish_non_exhaustive()
    }
}

impl<S: Service> ConsumerControl<S> {
    /// Moves a topic's partitions, or one, to a position, as far as they are assigned to this
    /// member. Records in hand are finished first, within the drain timeout; the new position is
    /// committed. Returns each partition with its new position.
    ///
    /// # Errors
    /// No handler was added for the topic, the consumer doesn't run, or the broker can't be asked.
    pub async fn seek<T: Topic>(
        &self,
        _topic: T,
        partition: Option<i32>,
        to: Position,
    ) -> Result<Vec<(i32, i64)>, ClientError>
    where
        S: Consumes<T>,
    {
        let mut topics = self.topics.iter();
        let subscription = topics
            .position(|topic| *topic == T::SPEC.name)
            .ok_or(ClientError::NoHandler)?;
        let not_running = || ClientError::Thread("it doesn't run".to_owned());
        let (answer, answered) = oneshot::channel();
        let request = SeekRequest {
            subscription,
            partition,
            to,
            answer,
        };
        self.seeks.send(request).await.map_err(|_| not_running())?;
        answered.await.map_err(|_| not_running())?
    }
}
