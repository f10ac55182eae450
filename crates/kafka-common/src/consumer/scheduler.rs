//! Which record is handled next: those of a lane one after the other, lanes in turn, and no more
//! at the same time than the limit.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// What keeps its order: a partition, or a key within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    /// The assignment of the partition.
    pub(super) slot: u64,
    /// A hash of the key; always the same where a whole partition is one lane. Two keys with the
    /// same hash only wait for each other.
    pub(super) key: u64,
}

#[derive(Debug)]
struct Queue<T> {
    /// Its first record is being handled, or waits for another attempt.
    busy: bool,
    waiting: VecDeque<T>,
}

/// Records by lane. Bounded by what is pushed: the consumer's credits.
#[derive(Debug)]
pub(super) struct Scheduler<T> {
    limit: usize,
    running: usize,
    lanes: FxHashMap<Lane, Queue<T>>,
    /// Lanes that aren't busy and have something, in turn.
    ready: VecDeque<Lane>,
}

impl<T> Scheduler<T> {
    /// Lets `limit` records be handled at the same time.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            running: 0,
            lanes: FxHashMap::default(),
            ready: VecDeque::new(),
        }
    }

    /// Adds a record behind those of its lane.
    pub(super) fn push(&mut self, lane: Lane, item: T) {
        let queue = self.lanes.entry(lane).or_insert_with(|| Queue {
            busy: false,
            waiting: VecDeque::new(),
        });
        if !queue.busy && queue.waiting.is_empty() {
            self.ready.push_back(lane);
        }
        queue.waiting.push_back(item);
    }

    /// The next record; its lane is busy from now on.
    pub(super) fn next(&mut self) -> Option<(Lane, T)> {
        if self.running >= self.limit {
            return None;
        }
        let lane = self.ready.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let item = queue.waiting.pop_front()?;
        queue.busy = true;
        self.running += 1;
        Some((lane, item))
    }

    /// Whether [`next`](Self::next) would give a record.
    pub(super) fn is_ready(&self) -> bool {
        self.running < self.limit && !self.ready.is_empty()
    }

    /// A record's handling stops for a while (a backoff, a dead letter under way): others may run,
    /// its lane stays busy.
    pub(super) fn park(&mut self) {
        self.running -= 1;
    }

    /// A parked record is to be handled again, before the others.
    pub(super) fn retry(&mut self, lane: Lane, item: T) {
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.busy = false;
            queue.waiting.push_front(item);
            self.ready.push_front(lane);
        }
    }

    /// A running record is finished.
    pub(super) fn finish(&mut self, lane: Lane) {
        self.running -= 1;
        self.finish_parked(lane);
    }

    /// A parked record is finished.
    pub(super) fn finish_parked(&mut self, lane: Lane) {
        let Some(queue) = self.lanes.get_mut(&lane) else {
            return;
        };
        queue.busy = false;
        if queue.waiting.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.ready.push_back(lane);
        }
    }

    /// Forgets a partition's lanes with what waits in them. Records that run are still to be
    /// finished.
    pub(super) fn forget(&mut self, slot: u64) {
        self.lanes.retain(|lane, _| lane.slot != slot);
        self.ready.retain(|lane| lane.slot != slot);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Action {
        Push(u64, u64),
        Next,
        Finish(prop::sample::Index),
        Park(prop::sample::Index),
        Retry(prop::sample::Index),
        FinishParked(prop::sample::Index),
        Forget(u64),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            4 => (0_u64..3, 0_u64..3).prop_map(|(slot, key)| Action::Push(slot, key)),
            4 => Just(Action::Next),
            3 => any::<prop::sample::Index>().prop_map(Action::Finish),
            1 => any::<prop::sample::Index>().prop_map(Action::Park),
            1 => any::<prop::sample::Index>().prop_map(Action::Retry),
            1 => any::<prop::sample::Index>().prop_map(Action::FinishParked),
            1 => (0_u64..3).prop_map(Action::Forget),
        ]
    }

    fn take<V>(from: &mut Vec<V>, index: &prop::sample::Index) -> Option<V> {
        (!from.is_empty()).then(|| from.remove(index.index(from.len())))
    }

    proptest! {
        /// Against a model that keeps all waiting records in one list.
        #[test]
        fn each_lane_keeps_its_order_and_no_ready_record_waits(
            limit in 1_usize..4,
            actions in prop::collection::vec(action(), 1..200),
        ) {
            let mut scheduler = Scheduler::new(limit);
            let mut waiting: Vec<(Lane, u32)> = Vec::new();
            let (mut running, mut parked) = (Vec::new(), Vec::<(Lane, u32)>::new());
            let mut forgotten = std::collections::HashSet::new();
            let mut generation = 0;
            for (number, action) in (0_u32..).zip(actions) {
                match action {
                    Action::Push(slot, key) => {
                        // A slot's id never comes back once it is forgotten.
                        let lane = Lane { slot: slot + generation * 3, key };
                        scheduler.push(lane, number);
                        waiting.push((lane, number));
                    }
                    Action::Next => {
                        let busy = |lane: &Lane| {
                            running.iter().chain(&parked).any(|(l, _): &(Lane, u32)| l == lane)
                        };
                        let ready = waiting.iter().any(|(lane, _)| !busy(lane));
                        prop_assert_eq!(scheduler.is_ready(), ready && running.len() < limit);
                        match scheduler.next() {
                            None => prop_assert!(!ready || running.len() == limit),
                            Some((lane, item)) => {
                                prop_assert!(running.len() < limit);
                                prop_assert!(!busy(&lane));
                                let first = waiting.iter().position(|(l, _)| *l == lane).unwrap();
                                prop_assert_eq!(waiting.remove(first).1, item);
                                running.push((lane, item));
                            }
                        }
                    }
                    Action::Finish(index) => {
                        if let Some((lane, _)) = take(&mut running, &index) {
                            scheduler.finish(lane);
                        }
                    }
                    Action::Park(index) => {
                        if let Some(entry) = take(&mut running, &index) {
                            scheduler.park();
                            parked.push(entry);
                        }
                    }
                    Action::Retry(index) => {
                        if let Some((lane, item)) = take(&mut parked, &index) {
                            scheduler.retry(lane, item);
                            if !forgotten.contains(&lane.slot) {
                                waiting.insert(0, (lane, item));
                            }
                        }
                    }
                    Action::FinishParked(index) => {
                        if let Some((lane, _)) = take(&mut parked, &index) {
                            scheduler.finish_parked(lane);
                        }
                    }
                    Action::Forget(slot) => {
                        for gone in (0..=generation).map(|g| slot + g * 3) {
                            scheduler.forget(gone);
                            forgotten.insert(gone);
                            waiting.retain(|(lane, _)| lane.slot != gone);
                        }
                        generation += 1;
                    }
                }
            }
        }
    }
}
