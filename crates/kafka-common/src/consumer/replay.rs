//! Bounded replays: a range of the log through the same handlers, outside the group.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::context::{Context, Starts};
use super::credits::Credits;
use super::engine::Engine;
use super::event::Event;
use super::handling::Retry;
use super::letters::DeadLetters;
use super::options::Position;
use super::poller::Poller;
use super::positions::{REQUEST_TIMEOUT, resolve};
use super::slot::Slots;
use super::started::{channel_capacity, credit_capacity, drive};
use super::{KafkaConsumer, thread};
use crate::error::ClientError;
use crate::matrix::{Consumes, Service};
use crate::statistics::ClientStatistics;
use crate::topics::Topic;

/// What a bounded replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Records whose handler succeeded.
    pub handled: u64,
    /// Stale records that were skipped.
    pub skipped: u64,
    /// Records that went to the dead-letter topic.
    pub dead_lettered: u64,
}

impl<S: Service> KafkaConsumer<S> {
    /// Reads a topic from `from` up to, and without, `to`, through the handler that was added for
    /// it, with the same order, retries, staleness policy and dead letters. Both ends are resolved
    /// once, at the beginning, for each partition. It ends by itself; the group's committed
    /// offsets stay as they are, and running members aren't disturbed.
    ///
    /// # Errors
    /// No handler was added for the topic, the broker can't be reached, or what ends a consumer.
    /// Records before the error have been handled.
    pub async fn replay<T: Topic>(
        &self,
        _topic: T,
        from: Position,
        to: Position,
        shutdown: CancellationToken,
    ) -> Result<ReplayReport, ClientError>
    where
        S: Consumes<T>,
    {
        self.check()?;
        let mut subscription = self
            .subscriptions
            .iter()
            .find(|subscription| subscription.topic == T::SPEC.name)
            .cloned()
            .ok_or(ClientError::NoHandler)?;
        subscription.staleness = self.policy_for(subscription.topic);
        let topic = Arc::clone(&subscription.physical);
        let batch = self.settings.max_poll_records;
        let (sender, events) = mpsc::channel(channel_capacity(batch));
        let slots = Arc::new(Slots::default());
        let client: BaseConsumer<Context> = self
            .settings
            .reader(S::NAME, S::GROUP)
            .create_with_context(Context {
                group: self.settings.group(S::GROUP),
                topics: HashMap::from([(Arc::clone(&topic), 0)]),
                slots,
                events: sender,
                drain: self.options.drain,
                starts: Mutex::new(Starts::default()),
                // A replay is no member: the group's lag isn't its own.
                statistics: ClientStatistics::default(),
            })
            .map_err(ClientError::kafka("creating the consumer"))?;
        let credits = Arc::new(Credits::new(credit_capacity(batch)));
        let letters = DeadLetters::new(&self.settings, S::NAME, S::GROUP);
        let engine = Engine::new(
            vec![subscription],
            letters,
            Retry::of(&self.settings),
            self.options,
            Arc::clone(&credits),
        );
        let stop = CancellationToken::new();
        // Seeking in a replay makes no sense.
        let (_, requests) = mpsc::channel(1);
        let poller = Poller {
            client,
            credits,
            requests,
            stop: stop.clone(),
            batch,
            replaying: true,
        };
        let guard = stop.drop_guard();
        let ended = thread::spawn("kafka-replay", move || {
            match assign(&poller.client, &topic, from, to) {
                Ok(()) => poller.run(),
                Err(error) => {
                    let failed = Event::Failed(error);
                    let _gone = poller.client.context().events.blocking_send(failed);
                }
            }
        })?;
        let group = self.settings.group(S::GROUP);
        drive(engine, events, guard, ended, &group, shutdown).await
    }
}

/// Assigns the range to the client itself. Blocks.
fn assign(
    client: &BaseConsumer<Context>,
    topic: &Arc<str>,
    from: Position,
    to: Position,
) -> Result<(), ClientError> {
    let metadata = client
        .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
        .map_err(ClientError::kafka("reading the topic's partitions"))?;
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(|found| found.partitions());
    let mut ids: Vec<i32> = partitions.map(|partition| partition.id()).collect();
    ids.sort_unstable();
    if ids.is_empty() {
        return Err(ClientError::Consumer(format!(
            "the topic `{topic}` has no partitions: is it set up?"
        )));
    }
    let context = client.context();
    let mut assignment = TopicPartitionList::new();
    let mut opened = Vec::new();
    for partition in ids {
        let start = resolve(client, topic, partition, from)?;
        let end = resolve(client, topic, partition, to)?;
        let slot = context.slots.open(0, topic, partition, None, end);
        if start < end {
            assignment
                .add_partition_offset(topic, partition, Offset::Offset(start))
                .map_err(ClientError::kafka("building the assignment"))?;
        } else {
            slot.ended.store(true, Ordering::Relaxed);
        }
        opened.push(slot);
    }
    let _gone = context.events.blocking_send(Event::Assigned(opened));
    client
        .assign(&assignment)
        .map_err(ClientError::kafka("assigning partitions"))
}
