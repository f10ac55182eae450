//! The newest records of a kind in little memory: those that only wait to be asked for are packed.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::pack::Pack;

/// Records that are packed together. As many to twice as many of the newest aren't.
const BLOCK: usize = 32;

#[derive(Debug)]
struct Block {
    bytes: Box<[u8]>,
    records: usize,
}

impl Block {
    fn of<T: Pack>(records: impl Iterator<Item = T>) -> Self {
        let (mut bytes, mut count, mut before) = (Vec::new(), 0, None);
        for record in records {
            record.pack(before.as_ref(), &mut bytes);
            before = Some(record);
            count += 1;
        }
        Self {
            bytes: bytes.into_boxed_slice(),
            records: count,
        }
    }

    fn read<T: Pack>(&self, out: &mut Vec<T>) {
        let mut input: &[u8] = &self.bytes;
        let mut before = None;
        for _ in 0..self.records {
            // It was packed here, so that it always can be.
            let Some(record) = T::unpack(before.as_ref(), &mut input) else {
                return;
            };
            out.push(record);
            before = Some(record);
        }
    }
}

/// The newest records, the oldest first.
#[derive(Debug)]
pub struct Ring<T> {
    kept: usize,
    packed: VecDeque<Block>,
    /// Records in `packed`.
    old: usize,
    recent: VecDeque<T>,
}

impl<T: Pack> Ring<T> {
    /// Keeps so many, which is more than [`BLOCK`] times two.
    pub const fn new(kept: usize) -> Self {
        Self {
            kept,
            packed: VecDeque::new(),
            old: 0,
            recent: VecDeque::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        (self.old + self.recent.len()).min(self.kept)
    }

    /// Adds one; beyond the bound the oldest goes.
    pub fn push(&mut self, record: T) {
        self.recent.push_back(record);
        self.pack_surplus();
    }

    fn pack_surplus(&mut self) {
        if self.recent.len() >= 2 * BLOCK {
            let block = Block::of(self.recent.drain(..BLOCK));
            self.old += block.records;
            self.packed.push_back(block);
            self.drop_surplus();
        }
    }

    /// Blocks of which nothing is shown any more.
    fn drop_surplus(&mut self) {
        while let Some(oldest) = self.packed.front()
            && self.old + self.recent.len() >= self.kept + oldest.records
        {
            self.old -= oldest.records;
            self.packed.pop_front();
        }
    }

    /// The newest one.
    pub fn newest_mut(&mut self) -> Option<&mut T> {
        self.recent.back_mut()
    }

    /// The newest `limit`, the oldest of them first.
    pub fn newest(&self, limit: usize) -> Vec<T> {
        let limit = limit.min(self.len());
        let unpacked = limit.saturating_sub(self.recent.len());
        let (mut blocks, mut there) = (self.packed.len(), 0);
        while there < unpacked
            && let Some(block) = blocks.checked_sub(1).and_then(|at| self.packed.get(at))
        {
            there += block.records;
            blocks -= 1;
        }
        let mut records = Vec::with_capacity(there + self.recent.len());
        for block in self.packed.iter().skip(blocks) {
            block.read(&mut records);
        }
        records.extend(&self.recent);
        records.drain(..records.len().saturating_sub(limit));
        records
    }

    /// Changes a record of those that are in an order; false if it isn't there. `order` tells where
    /// one stands relative to it.
    pub fn change(&mut self, order: impl Fn(&T) -> Ordering, change: impl FnOnce(&mut T)) -> bool {
        for record in self.recent.iter_mut().rev() {
            match order(record) {
                Ordering::Greater => {}
                Ordering::Equal => {
                    change(record);
                    return true;
                }
                Ordering::Less => return false,
            }
        }
        let mut all = self.newest(usize::MAX);
        let Ok(at) = all.binary_search_by(order) else {
            return false;
        };
        if let Some(record) = all.get_mut(at) {
            change(record);
        }
        self.set(all);
        true
    }

    /// Puts a record where it belongs in the order, before the first that `order` says is greater.
    pub fn insert(&mut self, record: T, order: impl Fn(&T) -> Ordering) {
        let at = self.recent.partition_point(|one| order(one).is_lt());
        if at > 0 || self.packed.is_empty() {
            self.recent.insert(at, record);
            self.pack_surplus();
            return;
        }
        let mut all = self.newest(usize::MAX);
        all.insert(all.partition_point(|one| order(one).is_lt()), record);
        self.set(all);
    }

    fn set(&mut self, records: Vec<T>) {
        *self = Self::new(self.kept);
        records.into_iter().for_each(|record| self.push(record));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    /// Ordered by the first number.
    type Pair = (u64, u64);

    impl Pack for Pair {
        fn pack(&self, before: Option<&Self>, out: &mut Vec<u8>) {
            let delta = self.0 - before.map_or(0, |one| one.0);
            out.extend(delta.to_le_bytes());
            out.extend(self.1.to_le_bytes());
        }

        fn unpack(before: Option<&Self>, input: &mut &[u8]) -> Option<Self> {
            let mut number = || {
                let (bytes, rest) = input.split_first_chunk::<8>()?;
                *input = rest;
                Some(u64::from_le_bytes(*bytes))
            };
            let delta = number()?;
            Some((before.map_or(0, |one| one.0) + delta, number()?))
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// After the last one, by so much.
        Push(u64),
        /// So far before the last one.
        Change(u64),
        Insert(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (2_u64..5).prop_map(Step::Push),
            1 => (0_u64..400).prop_map(Step::Change),
            1 => (0_u64..400).prop_map(Step::Insert),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        /// Packed or not makes no difference.
        #[test]
        fn it_is_like_a_plain_list(kept in 64_usize..200, steps in steps(), limit in 0_usize..200) {
            let (mut ring, mut plain) = (Ring::new(kept), Vec::<Pair>::new());
            for step in steps {
                let last = plain.last().map_or(1_000, |one| one.0);
                match step {
                    Step::Push(further) => {
                        ring.push((last + further, 0));
                        plain.push((last + further, 0));
                    }
                    Step::Change(back) => {
                        let key = last - back;
                        let found = plain.iter_mut().find(|one| one.0 == key);
                        let is_there = found.is_some();
                        if let Some(found) = found {
                            found.1 += 1;
                        }
                        let changed = ring.change(|one| one.0.cmp(&key), |one| one.1 += 1);
                        prop_assert_eq!(changed, is_there);
                    }
                    Step::Insert(back) => {
                        let key = last - back;
                        let at = plain.partition_point(|one| one.0 < key);
                        if plain.get(at).is_none_or(|one| one.0 != key) {
                            plain.insert(at, (key, 9));
                            ring.insert((key, 9), |one| one.0.cmp(&key));
                        }
                    }
                }
                plain.drain(..plain.len().saturating_sub(kept));
                prop_assert_eq!(ring.len(), plain.len());
                prop_assert_eq!(ring.newest_mut().copied(), plain.last().copied());
            }
            prop_assert_eq!(&ring.newest(usize::MAX), &plain);
            let newest = plain.split_off(plain.len().saturating_sub(limit));
            prop_assert_eq!(ring.newest(limit), newest);
            prop_assert!(ring.old + ring.recent.len() <= kept + 3 * BLOCK);
        }
    }
}
