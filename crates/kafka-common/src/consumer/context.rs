//! librdkafka's callbacks: assignment, revocation, commits. They run inside `poll`, on the
//! poller's thread.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::mpsc;

use super::event::Event;
use super::options::Position;
use super::positions::resolve;
use super::slot::{Slot, Slots};
use crate::error::ClientError;
use crate::statistics::ClientStatistics;
use crate::telemetry;

/// What the engine is given beyond the drain before it is taken for blocked.
const GRACE: Duration = Duration::from_secs(1);
/// Where reading doesn't end.
pub(super) const ENDLESS: i64 = i64::MAX;

/// Where reading shall begin: subscription, partition (`None` for all), position.
pub(super) type Start = (usize, Option<i32>, Position);

pub(super) struct Context {
    pub(super) group: String,
    /// Subscriptions by the topic's name on the broker.
    pub(super) topics: HashMap<Arc<str>, usize>,
    pub(super) slots: Arc<Slots>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) drain: Duration,
    /// Asked for before consuming began; for each partition's first assignment only.
    pub(super) starts: Mutex<Starts>,
    pub(super) statistics: ClientStatistics,
}

#[derive(Debug, Default)]
pub(super) struct Starts {
    pub(super) wanted: Vec<Start>,
    used: HashSet<(usize, i32)>,
}

impl Starts {
    /// The latest wish for a partition, once.
    fn take(&mut self, subscription: usize, partition: i32) -> Option<Position> {
        let wish = self.wanted.iter().rev().find(|(wanted, only, _)| {
            *wanted == subscription && only.is_none_or(|only| only == partition)
        })?;
        let position = wish.2;
        self.used
            .insert((subscription, partition))
            .then_some(position)
    }
}

impl Context {
    fn assign(
        &self,
        client: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        let mut assignment = TopicPartitionList::new();
        let mut opened = Vec::new();
        let mut outcome = Ok(());
        for element in partitions.elements() {
            let partition = element.partition();
            let Some((topic, subscription)) = self.topics.get_key_value(element.topic()) else {
                continue;
            };
            let wish = self
                .starts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(*subscription, partition);
            let start = match wish.map(|position| resolve(client, topic, partition, position)) {
                Some(Ok(offset)) => Some(offset),
                Some(Err(error)) => {
                    outcome = Err(error);
                    None
                }
                None => None,
            };
            let offset = start.map_or(element.offset(), Offset::Offset);
            assignment
                .add_partition_offset(topic, partition, offset)
                .map_err(ClientError::kafka("building the assignment"))?;
            let slot = self
                .slots
                .open(*subscription, topic, partition, start, ENDLESS);
            opened.push(slot);
        }
        telemetry::partitions_assigned(&self.group, opened.len());
        // Before their first record, which comes over the same channel. Nobody listens any more
        // while the client is being closed.
        let _closing = self.events.blocking_send(Event::Assigned(opened));
        // librdkafka waits for the call even where there is nothing to assign.
        match client.rebalance_protocol() {
            RebalanceProtocol::Cooperative => client.incremental_assign(&assignment),
            _ => client.assign(&assignment),
        }
        .map_err(ClientError::kafka("assigning partitions"))?;
        // A partition that was paused for a retry when it went comes back unpaused.
        if assignment.count() > 0 {
            client
                .resume(&assignment)
                .map_err(ClientError::kafka("resuming partitions"))?;
        }
        outcome
    }

    fn revoke(
        &self,
        client: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> Result<(), ClientError> {
        let revoked: Vec<Arc<Slot>> = partitions
            .elements()
            .iter()
            .filter_map(|element| self.slots.find(element.topic(), element.partition()))
            .collect();
        // A lost assignment has another owner already: there is nothing to finish for.
        let lost = client.assignment_lost();
        telemetry::partitions_revoked(&self.group, revoked.len(), lost);
        let within = if lost { Duration::ZERO } else { self.drain };
        self.retire(&revoked, within);
        if !lost {
            commit(client, &revoked, CommitMode::Sync);
        }
        self.slots.close(&revoked);
        match client.rebalance_protocol() {
            RebalanceProtocol::Cooperative => client.incremental_unassign(partitions),
            _ => client.unassign(),
        }
        .map_err(ClientError::kafka("giving partitions back"))
    }

    /// Has the engine finish or give up what it has of these partitions. After this call what it
    /// still finishes of them changes nothing.
    pub(super) fn retire(&self, slots: &[Arc<Slot>], within: Duration) {
        if slots.is_empty() {
            return;
        }
        let (ack, acked) = sync_channel(1);
        let event = Event::Revoked {
            slots: slots.to_vec(),
            within,
            ack,
        };
        if self.events.blocking_send(event).is_ok() && acked.recv_timeout(within + GRACE).is_err() {
            telemetry::revocation_unanswered(&self.group, slots.len());
        }
    }
}

/// Commits what is finished and not committed yet. What fails is tried again by the next commit.
pub(super) fn commit(client: &BaseConsumer<Context>, slots: &[Arc<Slot>], mode: CommitMode) {
    let mut offsets = TopicPartitionList::new();
    for slot in slots {
        if let Some(position) = slot.uncommitted() {
            let added =
                offsets.add_partition_offset(&slot.topic, slot.partition, Offset::Offset(position));
            if let Err(error) = added {
                telemetry::commit_failed(&client.context().group, &error);
            }
        }
    }
    if offsets.count() == 0 {
        return;
    }
    match (client.commit(&offsets, mode), mode) {
        (Err(error), _) => telemetry::commit_failed(&client.context().group, &error),
        (Ok(()), CommitMode::Sync) => client.context().note_committed(&offsets),
        // The answer comes to the callback.
        (Ok(()), CommitMode::Async) => {}
    }
}

impl Context {
    fn note_committed(&self, offsets: &TopicPartitionList) {
        for element in offsets.elements() {
            if let (Ok(()), Some(offset)) = (element.error(), element.offset().to_raw())
                && let Some(slot) = self.slots.find(element.topic(), element.partition())
            {
                slot.set_committed(offset);
            }
        }
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        self.statistics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        telemetry::client_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        event: rd_kafka_resp_err_t,
        partitions: &mut TopicPartitionList,
    ) {
        let outcome = match event {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(client, partitions)
            }
            _ => self.revoke(client, partitions),
        };
        // A callback can't return an error: the engine ends with it.
        if let Err(error) = outcome {
            let _closing = self.events.blocking_send(Event::Failed(error));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => self.note_committed(offsets),
            Err(error) => telemetry::commit_failed(&self.group, &error),
        }
    }
}
