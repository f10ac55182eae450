//! The contiguous finished prefix of a partition: what may be committed.
//!
//! Records finish in any order where keys are handled side by side. Committing the highest
//! finished offset would lose what is before it and not done yet.

use std::collections::VecDeque;

/// The records of one partition that were handed over and lie behind the committable position.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    /// Offset and whether it is finished, in the order in which they came.
    open: VecDeque<(i64, bool)>,
}

impl Prefix {
    /// A record was handed over. Offsets have holes (compaction, transactions' markers), and begin
    /// again where a topic was deleted and created anew.
    pub(super) fn begin(&mut self, offset: i64) {
        self.open.push_back((offset, false));
    }

    /// A record is finished. Returns the position to commit, the offset *after* the last record
    /// of the finished prefix, if the prefix has grown.
    pub(super) fn finish(&mut self, offset: i64) -> Option<i64> {
        // Near the front, because what is finished leaves it.
        let mut open = self.open.iter_mut();
        if let Some(found) = open.find(|(open, finished)| *open == offset && !*finished) {
            found.1 = true;
        }
        let mut position = None;
        while let Some((last, true)) = self.open.front() {
            position = Some(*last + 1);
            self.open.pop_front();
        }
        position
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hole_holds_the_position_back() {
        let mut prefix = Prefix::default();
        for offset in [3, 4, 7] {
            prefix.begin(offset);
        }
        assert_eq!(prefix.finish(4), None);
        assert_eq!(prefix.finish(7), None);
        assert_eq!(prefix.finish(3), Some(8));
        assert_eq!(prefix.finish(3), None, "twice finished changes nothing");
        prefix.begin(0);
        assert_eq!(prefix.finish(0), Some(1), "a new topic of the same name");
    }

    proptest! {
        /// Against a model that looks at everything each time.
        #[test]
        fn the_position_is_the_models(
            gaps in prop::collection::vec(1_i64..4, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        ) {
            let mut prefix = Prefix::default();
            let mut waiting: VecDeque<i64> = VecDeque::new();
            let mut next = 0;
            for gap in gaps {
                next += gap;
                waiting.push_back(next);
            }
            let all: Vec<i64> = waiting.iter().copied().collect();
            let (mut begun, mut finished) = (Vec::new(), BTreeSet::new());
            let mut position = None;
            for index in order {
                // Beginnings and endings are interleaved by what the index hits.
                let choice = index.index(all.len() + 1);
                if choice == all.len() || !begun.contains(&all[choice]) {
                    if let Some(offset) = waiting.pop_front() {
                        prefix.begin(offset);
                        begun.push(offset);
                    }
                    continue;
                }
                finished.insert(all[choice]);
                position = prefix.finish(all[choice]).or(position);
                let model = begun
                    .iter()
                    .take_while(|offset| finished.contains(*offset))
                    .last()
                    .map(|last| last + 1);
                prop_assert_eq!(position, model);
            }
        }
    }
}
