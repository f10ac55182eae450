//! The one order of ticks and signals.
//!
//! A record of `strategy-signals` names its cause: a place in `market-data-updates`. Ticks up to
//! and including that place are applied first, then the record. Records are applied strictly in
//! the order of their partition, so the whole is determined by the log: it doesn't matter which
//! of the inputs arrives when.
//!
//! At-least-once delivery may write a record twice. The cause of the records of a market-data
//! partition never goes back except in such repeats, which are recognised by that and dropped.

use std::collections::{BTreeSet, VecDeque};

use uuid::Uuid;

/// Inputs are paused when this many records wait, and resumed at half of it.
const MAX_WAITING: usize = 50_000;

/// What to apply next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<T, R> {
    /// A tick of the `slot`-th market-data partition.
    Tick {
        /// Which of the unit's market-data partitions.
        slot: usize,
        /// Its offset.
        offset: i64,
        /// The tick; none for a record that couldn't be read.
        tick: Option<T>,
    },
    /// A record of the signals partition, whose turn has come.
    Record {
        /// Its offset.
        offset: i64,
        /// The record; none for a repeat or one that couldn't be read.
        record: Option<R>,
        /// Whether it was applied before, or lies before what was.
        repeat: bool,
    },
}

/// A record's place in the market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which of the unit's market-data partitions.
    pub(crate) slot: usize,
    /// Ticks up to and including this offset come first.
    pub(crate) offset: i64,
    /// Recognises a repeat among records of the same place.
    pub(crate) id: Uuid,
}

/// The place of the latest applied record of a market-data partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Applied {
    /// The highest cause; none before the first record.
    pub(crate) offset: Option<i64>,
    /// Ids of the records with just that cause.
    pub(crate) ids: BTreeSet<Uuid>,
}

impl Applied {
    /// Notes a record, and tells whether it is new.
    fn note(&mut self, place: &Place) -> bool {
        match self.offset {
            Some(offset) if place.offset < offset => false,
            Some(offset) if place.offset == offset => self.ids.insert(place.id),
            _ => {
                self.offset = Some(place.offset);
                self.ids = BTreeSet::from([place.id]);
                true
            }
        }
    }
}

#[derive(Debug)]
struct Waiting<T> {
    queue: VecDeque<(i64, T)>,
    full: bool,
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            full: false,
        }
    }

    /// Updates and tells whether more is wanted; half of the bound lies between no and yes, so
    /// that pausing (which drops what the client has fetched) is rare.
    fn wants(&mut self) -> bool {
        match self.full {
            true if self.queue.len() <= MAX_WAITING / 2 => self.full = false,
            false if self.queue.len() >= MAX_WAITING => self.full = true,
            _ => {}
        }
        !self.full
    }
}

/// Merges the signals of one partition with the ticks of the market-data partitions it follows.
#[derive(Debug)]
pub(crate) struct OneOrder<T, R> {
    records: Waiting<Option<(Place, R)>>,
    ticks: Vec<Waiting<Option<T>>>,
    /// Next offset to apply: of the signals, then of each market-data partition.
    positions: Vec<i64>,
    applied: Vec<Applied>,
}

impl<T, R> OneOrder<T, R> {
    /// Starts at positions (signals first), with what was applied before them.
    pub(crate) fn new(positions: Vec<i64>, mut applied: Vec<Applied>) -> Self {
        let slots = positions.len().saturating_sub(1);
        applied.resize_with(slots, Applied::default);
        Self {
            records: Waiting::new(),
            ticks: (0..slots).map(|_| Waiting::new()).collect(),
            positions,
            applied,
        }
    }

    pub(crate) fn push_tick(&mut self, slot: usize, offset: i64, tick: Option<T>) {
        if let Some(waiting) = self.ticks.get_mut(slot) {
            waiting.queue.push_back((offset, tick));
        }
    }

    pub(crate) fn push_record(&mut self, offset: i64, record: Option<(Place, R)>) {
        self.records.queue.push_back((offset, record));
    }

    /// What to apply next, if it is known yet.
    pub(crate) fn next(&mut self) -> Option<Step<T, R>> {
        let (_, head) = self.records.queue.front()?;
        let Some(place) = head.as_ref().map(|(place, _)| *place) else {
            return self.take_record();
        };
        let waiting = self.ticks.get_mut(place.slot)?;
        match waiting.queue.front() {
            Some((offset, _)) if *offset <= place.offset => {
                let (offset, tick) = waiting.queue.pop_front()?;
                self.positions[place.slot + 1] = offset + 1;
                Some(Step::Tick {
                    slot: place.slot,
                    offset,
                    tick,
                })
            }
            // A later tick is here, so every tick up to the cause has been applied (offsets of
            // one partition only grow), or there is none left to wait for.
            Some(_) => self.take_record(),
            None if self.positions[place.slot + 1] > place.offset => self.take_record(),
            None => None,
        }
    }

    fn take_record(&mut self) -> Option<Step<T, R>> {
        let (offset, record) = self.records.queue.pop_front()?;
        self.positions[0] = offset + 1;
        let readable = record.is_some();
        let record = record.and_then(|(place, record)| {
            let new = self.applied.get_mut(place.slot)?.note(&place);
            new.then_some(record)
        });
        let repeat = readable && record.is_none();
        Some(Step::Record {
            offset,
            record,
            repeat,
        })
    }

    /// The input that the next step waits for, when there is none now: 0 for the signals, else a
    /// market-data partition.
    pub(crate) fn lacks(&self) -> usize {
        match self.records.queue.front() {
            Some((_, Some((place, _)))) => place.slot + 1,
            _ => 0,
        }
    }

    pub(crate) fn positions(&self) -> &[i64] {
        &self.positions
    }

    pub(crate) fn applied(&self) -> &[Applied] {
        &self.applied
    }

    /// Brings the answers of [`Self::wants`] up to date.
    pub(crate) fn update_flow(&mut self) {
        self.records.wants();
        for waiting in &mut self.ticks {
            waiting.wants();
        }
    }

    /// Whether an input (0: the signals) should deliver more. A paused market-data partition is
    /// never the one that the first record waits for: its ticks up to the cause are applied at
    /// once and leave room.
    pub(crate) fn wants(&self, input: usize) -> bool {
        match input {
            0 => !self.records.full,
            slot => self.ticks.get(slot - 1).is_none_or(|waiting| !waiting.full),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(slot: usize, offset: i64, id: u128) -> Place {
        Place {
            slot,
            offset,
            id: Uuid::from_u128(id),
        }
    }

    fn drain(order: &mut OneOrder<i64, &'static str>) -> Vec<String> {
        std::iter::from_fn(|| order.next())
            .map(|step| match step {
                Step::Tick { slot, offset, .. } => format!("t{slot}.{offset}"),
                Step::Record {
                    record: None,
                    repeat: true,
                    ..
                } => "again".to_owned(),
                Step::Record { record, .. } => record.unwrap_or("-").to_owned(),
            })
            .collect()
    }

    fn order() -> OneOrder<i64, &'static str> {
        OneOrder::new(vec![0, 0, 0], Vec::new())
    }

    #[test]
    fn ticks_wait_for_progress_and_records_for_their_ticks() {
        let mut order = order();
        for offset in 0..5 {
            order.push_tick(0, offset, Some(offset));
        }
        assert!(
            drain(&mut order).is_empty(),
            "no tick runs ahead of the strategy"
        );
        assert_eq!(order.lacks(), 0, "it waits for the strategy");
        order.push_record(0, Some((place(0, 2, 1), "signal@2")));
        order.push_record(1, Some((place(0, 6, 2), "progress@6")));
        assert_eq!(
            drain(&mut order),
            ["t0.0", "t0.1", "t0.2", "signal@2", "t0.3", "t0.4"]
        );
        assert_eq!(order.lacks(), 1, "it waits for ticks");
        order.push_tick(0, 5, Some(5));
        assert_eq!(drain(&mut order), ["t0.5"]);
        order.push_tick(0, 6, Some(6));
        assert_eq!(drain(&mut order), ["t0.6", "progress@6"]);
        assert_eq!(order.positions(), [2, 7, 0]);
    }

    #[test]
    fn a_start_before_the_first_tick_is_applied_at_once() {
        let mut order = order();
        order.push_record(0, Some((place(1, -1, 1), "start")));
        assert_eq!(drain(&mut order), ["start"]);
    }

    #[test]
    fn an_expired_cause_does_not_block() {
        let mut order = order();
        order.push_record(0, Some((place(0, 3, 1), "signal")));
        assert!(drain(&mut order).is_empty());
        order.push_tick(0, 10, Some(10));
        assert_eq!(drain(&mut order), ["signal"]);
    }

    #[test]
    fn repeats_are_dropped() {
        let mut order = order();
        for offset in 0..4 {
            order.push_tick(0, offset, Some(offset));
        }
        let records = [
            (1, 1, "a"),
            (1, 2, "b"),
            (1, 1, "a again"),
            (3, 3, "c"),
            (1, 1, "a late"),
            (3, 4, "d"),
        ];
        for (offset, (cause, id, name)) in records.into_iter().enumerate() {
            order.push_record(offset as i64, Some((place(0, cause, id), name)));
        }
        let applied = drain(&mut order);
        assert_eq!(
            applied,
            [
                "t0.0", "t0.1", "a", "b", "again", "t0.2", "t0.3", "c", "again", "d"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_stepped_over() {
        let mut order = order();
        order.push_record(0, None);
        order.push_tick(0, 0, None);
        order.push_record(1, Some((place(0, 0, 1), "progress")));
        assert_eq!(drain(&mut order), ["-", "t0.0", "progress"]);
    }

    #[test]
    fn waiting_is_bounded_and_flows_again() {
        let mut order = order();
        for offset in 0..MAX_WAITING as i64 {
            order.push_tick(0, offset, Some(offset));
        }
        order.update_flow();
        assert!(!order.wants(1) && order.wants(0) && order.wants(2));
        order.push_record(0, Some((place(0, MAX_WAITING as i64, 1), "progress")));
        assert_eq!(drain(&mut order).len(), MAX_WAITING);
        order.update_flow();
        assert!(order.wants(1));
    }

    /// Whatever arrives when, the order is the same.
    #[test]
    fn the_order_does_not_depend_on_arrival() {
        let records = [
            (0, 4, 1, "a"),
            (1, 2, 2, "b"),
            (0, 7, 3, "c"),
            (1, 5, 4, "d"),
        ];
        let mut expected = Vec::new();
        for seed in 0..200_u64 {
            let mut order = order();
            let (mut seen, mut next) = (Vec::new(), [0_i64, 0, 0]);
            let mut state = seed;
            while next != [4, 8, 8] {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let input = (state >> 33) as usize % 3;
                let limit = if input == 0 { 4 } else { 8 };
                if next[input] == limit {
                    continue;
                }
                match input {
                    0 => {
                        let (slot, cause, id, name) = records[next[0] as usize];
                        order.push_record(next[0], Some((place(slot, cause, id), name)));
                    }
                    slot => order.push_tick(slot - 1, next[slot], Some(next[slot])),
                }
                next[input] += 1;
                seen.extend(drain(&mut order));
            }
            if seed == 0 {
                expected = seen;
            } else {
                assert_eq!(seen, expected);
            }
        }
        assert!(expected.contains(&"d".to_owned()));
    }
}
