//! What the engine knows of an assigned partition.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use futures_util::future::AbortHandle;
use rdkafka::message::Message;
use tokio::time::Instant;

use super::engine::Work;
use super::prefix::Prefix;
use super::slot::Slot;

/// Partitions that are to go, as soon as nothing of them is in hand.
pub(super) struct Revocation {
    pub(super) slots: Vec<u64>,
    pub(super) deadline: Instant,
    pub(super) ack: SyncSender<()>,
}

pub(super) struct Partition {
    slot: Arc<Slot>,
    prefix: Prefix,
    /// Records that are not finished.
    pub(super) held: usize,
    /// How many of them hold no credit: those of a partition that is paused must not keep other
    /// partitions' records out.
    uncredited: usize,
    /// Records that failed and aren't finished; the partition is paused while there are any.
    troubled: usize,
    /// Handlers and dead letters under way.
    pub(super) in_hand: usize,
    under_way: HashMap<u64, AbortHandle>,
}

impl Partition {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self {
            slot,
            prefix: Prefix::default(),
            held: 0,
            uncredited: 0,
            troubled: 0,
            in_hand: 0,
            under_way: HashMap::new(),
        }
    }

    /// A record came. Returns the credits that are free again.
    pub(super) fn begin(&mut self, offset: i64) -> usize {
        self.prefix.begin(offset);
        self.held += 1;
        match self.troubled {
            0 => 0,
            // It was on its way when the partition was paused.
            _ => self.release_credits(),
        }
    }

    /// A record is finished. Returns the credits that are free again.
    pub(super) fn finish(&mut self, work: &Work, at: std::time::Instant) -> usize {
        self.slot.touch(at);
        if let Some(position) = self.prefix.finish(work.message.offset()) {
            self.slot.set_finished(position);
        }
        if work.failed_at.is_some() {
            self.troubled -= 1;
            if self.troubled == 0 {
                self.slot.wants_pause.store(false, Ordering::Release);
            }
        }
        self.held -= 1;
        match self.uncredited {
            0 => 1,
            _ => {
                self.uncredited -= 1;
                0
            }
        }
    }

    /// A record failed and will be tried again. Returns the credits that are free again.
    pub(super) fn trouble(&mut self) -> usize {
        self.troubled += 1;
        self.slot.wants_pause.store(true, Ordering::Release);
        self.release_credits()
    }

    pub(super) fn release_credits(&mut self) -> usize {
        let credited = self.held - self.uncredited;
        self.uncredited = self.held;
        credited
    }

    pub(super) fn follow(&mut self, lane_key: u64, handle: AbortHandle) {
        self.in_hand += 1;
        self.under_way.insert(lane_key, handle);
    }

    pub(super) fn unfollow(&mut self, lane_key: u64) {
        self.in_hand -= 1;
        self.under_way.remove(&lane_key);
    }

    /// Gives up what is in hand: handlers end where they wait. Returns how many.
    pub(super) fn give_up(&mut self) -> usize {
        let given_up = self.in_hand;
        for (_, handle) in self.under_way.drain() {
            handle.abort();
        }
        self.in_hand = 0;
        given_up
    }
}
