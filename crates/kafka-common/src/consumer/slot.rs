//! One assignment of one partition.
//!
//! A partition that is revoked and assigned again, or that is sought in, gets a new slot. Records
//! carry theirs: what belongs to an old one is recognised wherever it comes late.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No offset.
const NONE: i64 = -1;

#[derive(Debug)]
pub(super) struct Slot {
    /// Unique in this process's consumer; never reused.
    pub(super) id: u64,
    /// Which subscription.
    pub(super) subscription: usize,
    /// The topic's name on the broker.
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    /// Where reading ends (replays only): the first offset that isn't handed over.
    pub(super) end: i64,
    /// The position to commit.
    finished: AtomicI64,
    /// The position that the broker is known to have.
    committed: AtomicI64,
    /// Whether the engine wants no more records for now.
    pub(super) wants_pause: AtomicBool,
    /// Whether librdkafka was told so; written by the poller only.
    pub(super) is_paused: AtomicBool,
    /// Reading has reached `end` (replays only).
    pub(super) ended: AtomicBool,
    /// Whether the partition was given back, or has another slot since.
    is_closed: AtomicBool,
    created: Instant,
    /// Milliseconds from `created` to the last sign of life.
    active_at: AtomicU64,
}

impl Slot {
    /// The position to commit, if something is finished.
    pub(super) fn finished(&self) -> Option<i64> {
        some(self.finished.load(Ordering::Acquire))
    }

    /// The engine's: the finished prefix has grown, or reading starts at a place of its own.
    pub(super) fn set_finished(&self, position: i64) {
        self.finished.store(position, Ordering::Release);
    }

    pub(super) fn set_committed(&self, position: i64) {
        self.committed.store(position, Ordering::Release);
    }

    /// The position to commit, if the broker doesn't have it yet.
    pub(super) fn uncommitted(&self) -> Option<i64> {
        self.finished()
            .filter(|position| *position != self.committed.load(Ordering::Acquire))
    }

    /// Whether records of this partition are still this slot's. The poller's: it is the poller that
    /// opens and closes slots.
    pub(super) fn takes(&self, topic: &str, partition: i32) -> bool {
        self.partition == partition
            && *self.topic == *topic
            && !self.is_closed.load(Ordering::Relaxed)
    }

    /// A record was finished or tried.
    pub(super) fn touch(&self, at: Instant) {
        let age = at.saturating_duration_since(self.created).as_millis();
        let age = u64::try_from(age).unwrap_or(u64::MAX);
        self.active_at.store(age, Ordering::Relaxed);
    }

    /// Time since the last sign of life.
    pub(super) fn quiet_for(&self) -> Duration {
        let active_at = Duration::from_millis(self.active_at.load(Ordering::Relaxed));
        self.created.elapsed().saturating_sub(active_at)
    }
}

fn some(offset: i64) -> Option<i64> {
    (offset != NONE).then_some(offset)
}

/// The slots of what is assigned.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next_id: AtomicU64,
    assigned: Mutex<Vec<Arc<Slot>>>,
}

impl Slots {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new slot, in place of an old one of the same partition. `start` is a position that was
    /// asked for: it is committed even before the first record is finished.
    pub(super) fn open(
        &self,
        subscription: usize,
        topic: &Arc<str>,
        partition: i32,
        start: Option<i64>,
        end: i64,
    ) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            subscription,
            topic: Arc::clone(topic),
            partition,
            end,
            finished: AtomicI64::new(start.unwrap_or(NONE)),
            committed: AtomicI64::new(NONE),
            wants_pause: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            created: Instant::now(),
            active_at: AtomicU64::new(0),
        });
        let mut assigned = self.lock();
        assigned.retain(|old| {
            let stays = old.partition != partition || old.topic != *topic;
            old.is_closed.store(!stays, Ordering::Relaxed);
            stays
        });
        assigned.push(Arc::clone(&slot));
        slot
    }

    /// The slot of a partition; a consumer has few, so they are looked through.
    pub(super) fn find(&self, topic: &str, partition: i32) -> Option<Arc<Slot>> {
        let assigned = self.lock();
        let mut found = assigned
            .iter()
            .filter(|slot| slot.partition == partition && &*slot.topic == topic);
        found.next().cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        self.lock().clone()
    }

    pub(super) fn close(&self, closed: &[Arc<Slot>]) {
        self.lock().retain(|slot| {
            let stays = !closed.iter().any(|closed| closed.id == slot.id);
            slot.is_closed.store(!stays, Ordering::Relaxed);
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_takes_no_records_of_its_successor() {
        let slots = Slots::default();
        let topic: Arc<str> = "topic".into();
        let open = |partition| slots.open(0, &topic, partition, None, i64::MAX);
        let (first, other) = (open(0), open(1));
        assert!(first.takes("topic", 0) && other.takes("topic", 1));
        assert!(!first.takes("topic", 1) && !first.takes("other", 0));
        let second = open(0);
        assert!(!first.takes("topic", 0), "sought in");
        assert!(second.takes("topic", 0) && other.takes("topic", 1));
        slots.close(std::slice::from_ref(&second));
        assert!(!second.takes("topic", 0), "given back");
        assert!(other.takes("topic", 1));
    }
}
