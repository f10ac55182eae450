//! The blocking thread that owns the client.
//!
//! librdkafka runs rebalance callbacks inside `poll`, and closing a client waits: both belong on a
//! thread of their own. It polls also while the handlers are busy, so that a slow handler doesn't
//! cost the membership in the group.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::context::{Context, ENDLESS, commit};
use super::credits::Credits;
use super::event::Event;
use super::options::Position;
use super::positions::{REQUEST_TIMEOUT, resolve};
use super::received::{Chunk, Received};
use super::slot::Slot;
use crate::error::{self, ClientError};
use crate::telemetry;

/// How long a poll waits when nothing comes; also how quickly a stop, a pause or a seek is noticed.
const POLL: Duration = Duration::from_millis(50);
/// How often what is finished is committed.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// Without room for records for this long, everything is paused and the client polled only for
/// its callbacks. Pausing drops what is prefetched, so it isn't done at once.
const STARVED: Duration = Duration::from_secs(1);

/// A seek while running, with the answer: each partition with its new position.
pub(super) struct SeekRequest {
    pub(super) subscription: usize,
    pub(super) partition: Option<i32>,
    pub(super) to: Position,
    pub(super) answer: oneshot::Sender<Result<Vec<(i32, i64)>, ClientError>>,
}

pub(super) struct Poller {
    pub(super) client: BaseConsumer<Context>,
    pub(super) credits: Arc<Credits>,
    pub(super) requests: mpsc::Receiver<SeekRequest>,
    pub(super) stop: CancellationToken,
    /// Most records of a batch.
    pub(super) batch: usize,
    /// Whether this reads bounded ranges instead of what the group assigns; commits nothing then.
    pub(super) replaying: bool,
}

impl Poller {
    /// Until it is stopped or the engine is gone; then commits, and leaves the group.
    pub(super) fn run(mut self) {
        let mut committed = Instant::now();
        let mut fed = Instant::now();
        let mut chunk = Chunk::default();
        while !self.stop.is_cancelled() && !self.context().events.is_closed() {
            self.answer_requests();
            if !self.replaying && committed.elapsed() >= COMMIT_INTERVAL {
                commit(&self.client, &self.context().slots.all(), CommitMode::Async);
                committed = Instant::now();
            }
            let room = self.credits.take(self.batch, POLL);
            if room > 0 {
                fed = Instant::now();
            }
            let starved = fed.elapsed() >= STARVED;
            self.apply_pauses(starved);
            let batch = match room {
                0 if !starved => continue,
                0 => self.poll_starved(&mut chunk),
                room => self.poll_batch(room, &mut chunk),
            };
            match batch {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => self.tell(Event::Batch(batch)),
                Err(error) => {
                    self.tell(Event::Failed(error));
                    break;
                }
            }
            if self.replaying && self.all_ended() {
                self.tell(Event::End);
                break;
            }
        }
        if !self.replaying {
            commit(&self.client, &self.context().slots.all(), CommitMode::Sync);
        }
    }

    fn context(&self) -> &Context {
        self.client.context()
    }

    /// The engine may be gone; the loop sees that by itself.
    fn tell(&self, event: Event) {
        let _gone = self.context().events.blocking_send(event);
    }

    /// What is there, at most `room` records; waits for the first one.
    fn poll_batch(&self, room: usize, chunk: &mut Chunk) -> Result<Vec<Received>, ClientError> {
        let mut batch = Vec::new();
        let mut wait = POLL;
        while batch.len() < room {
            match self.client.poll(wait) {
                None => break,
                Some(outcome) => self.take(outcome, &mut batch, chunk)?,
            }
            wait = Duration::ZERO;
        }
        self.credits.give_back(room - batch.len());
        Ok(batch)
    }

    /// Everything is paused; a record that was on its way already is taken all the same, because
    /// librdkafka counts it as delivered.
    fn poll_starved(&self, chunk: &mut Chunk) -> Result<Vec<Received>, ClientError> {
        let mut batch = Vec::new();
        if let Some(outcome) = self.client.poll(POLL) {
            self.take(outcome, &mut batch, chunk)?;
            batch.iter().for_each(|_| self.credits.overdraw());
        }
        Ok(batch)
    }

    fn take(
        &self,
        outcome: Result<rdkafka::message::BorrowedMessage<'_>, KafkaError>,
        batch: &mut Vec<Received>,
        chunk: &mut Chunk,
    ) -> Result<(), ClientError> {
        match outcome {
            Ok(message) => {
                let (topic, partition) = (message.topic(), message.partition());
                // Records come in runs of one partition.
                let same = batch.last().map(|last| &last.slot);
                let same = same.filter(|slot| slot.takes(topic, partition));
                let slot = match same {
                    Some(slot) => Some(Arc::clone(slot)),
                    None => self.context().slots.find(topic, partition),
                };
                // Given back meanwhile: it is its new owner's.
                let Some(slot) = slot else {
                    return Ok(());
                };
                if message.offset() >= slot.end {
                    slot.ended.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                if message.offset() + 1 == slot.end {
                    slot.ended.store(true, Ordering::Relaxed);
                }
                batch.push(Received::of(&message, slot, chunk));
                Ok(())
            }
            // Only replays ask for it, and they read one topic.
            Err(KafkaError::PartitionEOF(partition)) => {
                for slot in self.context().slots.all() {
                    if slot.partition == partition {
                        slot.ended.store(true, Ordering::Relaxed);
                    }
                }
                Ok(())
            }
            Err(source) if error::is_fatal(&source) => Err(ClientError::Kafka {
                action: "consuming",
                source,
            }),
            // The error callback has told it, and librdkafka tries again by itself.
            Err(_) => Ok(()),
        }
    }

    fn all_ended(&self) -> bool {
        let slots = self.context().slots.all();
        slots.iter().all(|slot| slot.ended.load(Ordering::Relaxed))
    }

    /// Brings librdkafka's pauses in line with what is wanted now.
    fn apply_pauses(&self, all: bool) {
        let (mut pause, mut resume) = (TopicPartitionList::new(), TopicPartitionList::new());
        for slot in self.context().slots.all() {
            let wanted = all || slot.wants_pause.load(Ordering::Acquire);
            if wanted != slot.is_paused.swap(wanted, Ordering::Relaxed) {
                let list = if wanted { &mut pause } else { &mut resume };
                list.add_partition(&slot.topic, slot.partition);
            }
        }
        for (list, paused) in [(pause, true), (resume, false)] {
            if list.count() == 0 {
                continue;
            }
            let outcome = match paused {
                true => self.client.pause(&list),
                false => self.client.resume(&list),
            };
            if let Err(error) = outcome {
                telemetry::pausing_failed(&self.context().group, &error);
                // Not as wanted: tried again by the next round.
                for element in list.elements() {
                    let slots = &self.context().slots;
                    if let Some(slot) = slots.find(element.topic(), element.partition()) {
                        slot.is_paused.store(!paused, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    fn answer_requests(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            let outcome = self.seek(&request);
            // Whoever asked may not wait any more.
            let _unheard = request.answer.send(outcome);
        }
    }

    /// Gives the partitions new slots at their new positions. What is in hand of the old ones is
    /// finished first, or given up, as in a revocation.
    fn seek(&self, request: &SeekRequest) -> Result<Vec<(i32, i64)>, ClientError> {
        let context = self.context();
        let mut targets = Vec::new();
        for slot in context.slots.all() {
            if slot.subscription == request.subscription
                && request.partition.is_none_or(|only| only == slot.partition)
            {
                let offset = resolve(&self.client, &slot.topic, slot.partition, request.to)?;
                targets.push((slot, offset));
            }
        }
        let old: Vec<Arc<Slot>> = targets.iter().map(|(slot, _)| Arc::clone(slot)).collect();
        context.retire(&old, context.drain);
        let mut opened = Vec::new();
        for (slot, offset) in &targets {
            let new = context.slots.open(
                slot.subscription,
                &slot.topic,
                slot.partition,
                Some(*offset),
                ENDLESS,
            );
            let paused = slot.is_paused.load(Ordering::Relaxed);
            new.is_paused.store(paused, Ordering::Relaxed);
            opened.push(new);
        }
        self.tell(Event::Assigned(opened));
        for (slot, offset) in &targets {
            if let Err(source) = self.seek_one(slot, *offset) {
                let failed = |source| ClientError::Kafka {
                    action: "seeking",
                    source,
                };
                // The partition now reads on from its old place: the engine must not go on.
                self.tell(Event::Failed(failed(source.clone())));
                return Err(failed(source));
            }
        }
        for (slot, offset) in &targets {
            telemetry::sought(&context.group, &slot.topic, slot.partition, *offset);
        }
        Ok(targets
            .iter()
            .map(|(slot, offset)| (slot.partition, *offset))
            .collect())
    }

    /// A partition that was just assigned isn't fetched from yet, and can't be sought in for a
    /// moment.
    fn seek_one(&self, slot: &Slot, offset: i64) -> Result<(), KafkaError> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        loop {
            let sought = self.client.seek(
                &slot.topic,
                slot.partition,
                Offset::Offset(offset),
                REQUEST_TIMEOUT,
            );
            match sought {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => std::thread::sleep(POLL),
            }
        }
    }
}
