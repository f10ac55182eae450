//! The consumer: typed handlers, offsets committed only when a handler is done, retries, dead
//! letters, and a watchdog.
//!
//! ```text
//!  librdkafka ── poller (a thread) ── events, bounded ──> engine (the caller's task) ── handlers
//!                   ▲                                        │
//!                   └── credits, pauses, finished positions ─┘
//! ```
//!
//! The *poller* owns the client: it polls, commits, pauses and serves rebalances. The *engine*
//! schedules handlers. They share no queue that could grow: the poller takes a credit for each
//! record before it polls, and what the engine wants of it (pause this, commit up to here) is state
//! that the poller looks at, not messages. An assigned partition is a *slot*; a record belongs to
//! the slot that it came by, so whatever is finished after its partition has gone is recognised.

mod breaker;
mod call;
mod context;
mod credits;
mod engine;
mod event;
mod handling;
mod letters;
mod options;
mod partition;
mod poller;
mod positions;
mod prefix;
mod probe;
mod received;
mod replay;
mod scheduler;
mod slot;
mod started;
mod subscription;
mod thread;
mod watchdog;

use std::marker::PhantomData;
use std::time::Duration;

pub use options::{AgeOf, DeadLetterLimit, Position, StaleOutcome, Staleness};
pub use replay::ReplayReport;
pub use started::{ConsumerControl, StartedConsumer};
pub use watchdog::{ConsumerState, Watchdog};

use crate::error::{ClientError, HandlerError};
use crate::matrix::{Consumes, Service, dead_letter_topic};
use crate::record::Record;
use crate::settings::KafkaSettings;
use crate::topics::Topic;
use options::Options;
use subscription::{Subscription, dispatch};

/// A consumer that can read just the topics of its service's row in the matrix.
pub struct KafkaConsumer<S> {
    settings: KafkaSettings,
    options: Options,
    subscriptions: Vec<Subscription>,
    staleness: Vec<(&'static str, Staleness)>,
    service: PhantomData<fn() -> S>,
}

impl<S: Service> std::fmt::Debug for KafkaConsumer<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaConsumer")
            .field("group", &S::GROUP)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S: Service> KafkaConsumer<S> {
    /// A consumer in the service's group, without handlers yet.
    #[must_use]
    pub fn new(settings: &KafkaSettings) -> Self {
        Self {
            settings: settings.clone(),
            options: Options::default(),
            subscriptions: Vec::new(),
            staleness: Vec::new(),
            service: PhantomData,
        }
    }

    /// Subscribes to a topic and sets its handler. Records come one at a time, those of one
    /// partition in order; see [`concurrency`](Self::concurrency). A handler that fails with
    /// [`HandlerError::Transient`] is called again with backoff while only its partition is
    /// paused; then, as at once for the other errors, for a record that can't be decoded and for a
    /// handler that panics, the record goes to the dead-letter topic.
    ///
    /// A handler may be called again for a record that it has handled: after a crash, and where a
    /// partition changes hands before its offset is committed.
    #[must_use]
    pub fn add_message_handler<T, F, R>(mut self, _topic: T, handler: F) -> Self
    where
        T: Topic,
        S: Consumes<T>,
        F: Fn(Record<T::Message>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let topic = T::SPEC.name;
        self.subscriptions.push(Subscription {
            topic,
            physical: self.settings.topic(topic).into(),
            dispatch: dispatch::<S, T, F, R>(handler),
            staleness: None,
        });
        self
    }

    /// Says what becomes of records of a topic that are too old to be handled. Without it, no
    /// record is too old.
    #[must_use]
    pub fn stale<T: Topic>(mut self, _topic: T, policy: Staleness) -> Self
    where
        S: Consumes<T>,
    {
        self.staleness.push((T::SPEC.name, policy));
        self
    }

    /// Most handlers at the same time (1 to 1,024; 1 where it isn't set). With more than one,
    /// records of the same key keep their order, and those of different keys pass each other also
    /// within a partition. Handlers run side by side on one task: it is for handlers that wait,
    /// not for ones that compute.
    #[must_use]
    pub fn concurrency(mut self, most: usize) -> Self {
        self.options.concurrency = most;
        self
    }

    /// How long handlers in hand may take when a partition is revoked or the consumer stops (5 s
    /// where it isn't set, at most 120 s). After it they end where they wait, and their records
    /// are delivered again.
    #[must_use]
    pub fn drain_timeout(mut self, most: Duration) -> Self {
        self.options.drain = most;
        self
    }

    /// When to halt instead of writing yet another dead letter.
    #[must_use]
    pub fn dead_letter_limit(mut self, limit: DeadLetterLimit) -> Self {
        self.options.dead_letter_limit = limit;
        self
    }

    /// How long a partition with unread records may show no progress before the [`Watchdog`] calls
    /// the consumer stuck (60 s where it isn't set). It must be longer than the slowest handler.
    #[must_use]
    pub fn stuck_after(mut self, quiet: Duration) -> Self {
        self.options.stuck_after = quiet;
        self
    }

    /// Joins the group. Consuming begins with
    /// [`start_consuming`](StartedConsumer::start_consuming).
    ///
    /// # Errors
    /// No handler was added, the set-up contradicts itself, librdkafka refuses the settings, or
    /// the subscription would read this group's own dead letters.
    pub fn start(self) -> Result<StartedConsumer<S>, ClientError> {
        StartedConsumer::start(self.checked()?)
    }

    /// With each policy at its subscription.
    fn checked(mut self) -> Result<Self, ClientError> {
        self.check()?;
        for index in 0..self.subscriptions.len() {
            self.subscriptions[index].staleness = self.policy_for(self.subscriptions[index].topic);
        }
        Ok(self)
    }

    fn policy_for(&self, topic: &str) -> Option<Staleness> {
        let mut policies = self.staleness.iter().rev();
        policies
            .find(|(named, _)| *named == topic)
            .map(|(_, policy)| *policy)
    }

    fn check(&self) -> Result<(), ClientError> {
        self.options.check()?;
        if self.subscriptions.is_empty() {
            return Err(ClientError::NoHandler);
        }
        let own_dead_letters = |topic: &str| {
            let written = self.subscriptions.iter();
            topic.ends_with(&dead_letter_topic("", S::GROUP))
                || written
                    .map(|subscription| dead_letter_topic(subscription.topic, S::GROUP))
                    .any(|dead_letters| dead_letters == topic)
        };
        for (index, subscription) in self.subscriptions.iter().enumerate() {
            let topic = subscription.topic;
            if own_dead_letters(topic) {
                return Err(ClientError::DeadLetterLoop(topic.to_owned()));
            }
            if self.subscriptions[..index].iter().any(|s| s.topic == topic) {
                return Err(ClientError::Consumer(format!(
                    "`{topic}` has two message handlers"
                )));
            }
        }
        for (topic, _) in &self.staleness {
            if !self.subscriptions.iter().any(|s| s.topic == *topic) {
                return Err(ClientError::Consumer(format!(
                    "`stale` names `{topic}`, for which no message handler was added"
                )));
            }
        }
        let settings = self.settings.problems();
        match settings.into_iter().next() {
            None => Ok(()),
            Some((field, problem)) => Err(ClientError::Consumer(format!("`{field}` {problem}"))),
        }
    }
}
