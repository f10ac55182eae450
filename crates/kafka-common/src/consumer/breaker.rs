//! The breaker on the rate of dead letters.
//!
//! One bad record belongs into the dead-letter topic. When most records are bad, the records aren't:
//! the deployment is, or what it needs. Going on would empty the topic into its dead letters.

use std::collections::VecDeque;

use super::options::DeadLetterLimit;

/// The outcomes of a subscription's latest records.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: DeadLetterLimit,
    /// Whether each died.
    latest: VecDeque<bool>,
    dead: usize,
}

impl Breaker {
    pub(super) fn new(limit: DeadLetterLimit) -> Self {
        Self {
            limit,
            latest: VecDeque::new(),
            dead: 0,
        }
    }

    /// A record was handled.
    pub(super) fn handled(&mut self) {
        // All is well and nothing to forget: the usual case.
        if self.dead > 0 {
            self.push(false);
        }
    }

    /// A record is to die. `false` where it is one too many: it must stay where it is.
    pub(super) fn allows_death(&mut self) -> bool {
        self.push(true);
        self.dead <= self.limit.most
    }

    fn push(&mut self, dead: bool) {
        self.latest.push_back(dead);
        self.dead += usize::from(dead);
        if self.latest.len() > self.limit.of_latest && self.latest.pop_front() == Some(true) {
            self.dead -= 1;
        }
        if self.dead == 0 {
            self.latest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_as_a_list_of_all_outcomes_does(
            most in 0_usize..5,
            more in 0_usize..10,
            outcomes in prop::collection::vec(any::<bool>(), 0..100),
        ) {
            let limit = DeadLetterLimit { most, of_latest: most + 1 + more };
            let mut breaker = Breaker::new(limit);
            for seen in 1..=outcomes.len() {
                let latest = &outcomes[seen.saturating_sub(limit.of_latest)..seen];
                let dead = latest.iter().filter(|dead| **dead).count();
                if outcomes[seen - 1] {
                    prop_assert_eq!(breaker.allows_death(), dead <= most);
                } else {
                    breaker.handled();
                }
            }
        }
    }
}
