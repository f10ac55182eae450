//! Each trade once, in order, per product.

use std::collections::HashMap;

use crate::products::ProductId;

/// Trades that were missed: all ids from `first_missing` to `last_missing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first id that was not seen.
    pub first_missing: u64,
    /// The last id that was not seen.
    pub last_missing: u64,
}

impl Gap {
    /// How many trades are missing.
    pub fn count(&self) -> u64 {
        (self.last_missing - self.first_missing).saturating_add(1)
    }
}

/// What to do with a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradeOutcome {
    /// It is new: pass it on.
    Emit {
        /// The trades between the last one and this one that never came. Told here even if
        /// a heartbeat suspected some of them before.
        gap: Option<Gap>,
        /// How many of the gap's trades had been suspected before, so that they aren't counted
        /// twice.
        suspected: u64,
    },
    /// The last trade once more: drop it. Usual, as `ticker` and `matches` both tell each trade.
    Duplicate,
    /// A trade older than the last: drop it.
    Regression,
}

/// What a heartbeat or `last_match` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WitnessOutcome {
    /// Nothing is missing, or nothing more than was suspected before.
    Consistent,
    /// A `last_match` for a product of which nothing was known: counting starts after it.
    Initialised,
    /// Trades up to the id named have happened and were not seen. Suspected only: if they do come
    /// they are passed on in order. Only ids not suspected before are named.
    SuspectedGap(Gap),
}

#[derive(Debug, Clone, Copy)]
struct Position {
    /// The last trade passed on, or known to be older than the subscription.
    last: u64,
    /// The newest trade that a heartbeat named; never below `last`.
    suspected_to: u64,
}

/// Remembers the last trade of each product, and judges what comes by it. One product's gap touches
/// no other. Memory: a few words for each product.
///
/// `trade_id` alone decides: it is contiguous per product, while `sequence` counts the product's
/// full stream and always jumps.
#[derive(Debug, Default)]
pub struct Sequencer {
    positions: HashMap<ProductId, Position>,
}

impl Sequencer {
    /// Knows nothing yet: the first trade of each product is new and opens no gap.
    pub fn new() -> Self {
        Self::default()
    }

    /// Continues after a trade that was passed on before a restart. Never goes back.
    pub fn resume(&mut self, product: ProductId, last_trade_id: u64) {
        let position = self.positions.entry(product).or_insert(Position {
            last: 0,
            suspected_to: 0,
        });
        position.last = position.last.max(last_trade_id);
        position.suspected_to = position.suspected_to.max(position.last);
    }

    /// Forgets a product: its ids may start anywhere again, as after a change of the feed.
    pub fn forget(&mut self, product: ProductId) {
        self.positions.remove(&product);
    }

    /// The last trade passed on, or named by the `last_match` that counting started from.
    pub fn last(&self, product: ProductId) -> Option<u64> {
        self.positions.get(&product).map(|position| position.last)
    }

    /// Judges a trade of a `ticker` or `match`.
    pub fn trade(&mut self, product: ProductId, trade_id: u64) -> TradeOutcome {
        let Some(position) = self.positions.get_mut(&product) else {
            self.positions.insert(
                product,
                Position {
                    last: trade_id,
                    suspected_to: trade_id,
                },
            );
            return TradeOutcome::Emit {
                gap: None,
                suspected: 0,
            };
        };
        if trade_id == position.last {
            return TradeOutcome::Duplicate;
        }
        if trade_id < position.last {
            return TradeOutcome::Regression;
        }
        let first_missing = position.last + 1;
        let gap = (trade_id > first_missing).then(|| Gap {
            first_missing,
            last_missing: trade_id - 1,
        });
        let suspected = gap.map_or(0, |gap| {
            let suspected_to = position.suspected_to.min(gap.last_missing);
            (suspected_to + 1).saturating_sub(first_missing)
        });
        position.last = trade_id;
        position.suspected_to = position.suspected_to.max(trade_id);
        TradeOutcome::Emit { gap, suspected }
    }

    /// Judges the `last_trade_id` of a `heartbeat`. It comes over the same socket as the trades and
    /// after them, so if it names one that hasn't come, that one was lost.
    pub fn heartbeat(&mut self, product: ProductId, last_trade_id: u64) -> WitnessOutcome {
        match self.positions.get_mut(&product) {
            // Not taken as a start: a ticker repeats the last trade at the start of a subscription,
            // and as the first one known it is worth passing on.
            None => WitnessOutcome::Consistent,
            Some(position) => witness(position, last_trade_id),
        }
    }

    /// Judges a `last_match`: an old trade, never to be passed on. It is where counting starts if
    /// nothing was known; else it shows, as a heartbeat does, what was missed before a reconnect.
    pub fn last_match(&mut self, product: ProductId, trade_id: u64) -> WitnessOutcome {
        match self.positions.get_mut(&product) {
            None => {
                let position = Position {
                    last: trade_id,
                    suspected_to: trade_id,
                };
                self.positions.insert(product, position);
                WitnessOutcome::Initialised
            }
            Some(position) => witness(position, trade_id),
        }
    }
}

fn witness(position: &mut Position, trade_id: u64) -> WitnessOutcome {
    if trade_id <= position.suspected_to {
        return WitnessOutcome::Consistent;
    }
    let gap = Gap {
        first_missing: position.suspected_to + 1,
        last_missing: trade_id,
    };
    position.suspected_to = trade_id;
    WitnessOutcome::SuspectedGap(gap)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn btc() -> ProductId {
        ProductId::parse("BTC-USD").unwrap()
    }

    const NEXT: TradeOutcome = TradeOutcome::Emit {
        gap: None,
        suspected: 0,
    };

    fn gap(first_missing: u64, last_missing: u64) -> Gap {
        Gap {
            first_missing,
            last_missing,
        }
    }

    #[test]
    fn in_order_repeated_and_old() {
        let mut sequencer = Sequencer::new();
        assert_eq!(sequencer.trade(btc(), 7), NEXT);
        assert_eq!(sequencer.trade(btc(), 8), NEXT);
        assert_eq!(sequencer.trade(btc(), 8), TradeOutcome::Duplicate);
        assert_eq!(sequencer.trade(btc(), 7), TradeOutcome::Regression);
        assert_eq!(sequencer.trade(btc(), 9), NEXT);
        assert_eq!(sequencer.last(btc()), Some(9));
    }

    #[test]
    fn a_jump_is_told_with_its_bounds() {
        let mut sequencer = Sequencer::new();
        sequencer.trade(btc(), 10);
        let outcome = sequencer.trade(btc(), 14);
        assert_eq!(
            outcome,
            TradeOutcome::Emit {
                gap: Some(gap(11, 13)),
                suspected: 0
            }
        );
        assert_eq!(gap(11, 13).count(), 3);
    }

    #[test]
    fn one_products_gap_leaves_the_others_alone() {
        let eth = ProductId::parse("ETH-USD").unwrap();
        let mut sequencer = Sequencer::new();
        sequencer.trade(btc(), 1);
        sequencer.trade(eth, 100);
        sequencer.trade(btc(), 5);
        assert_eq!(sequencer.trade(eth, 101), NEXT);
        assert_eq!(sequencer.trade(btc(), 6), NEXT);
    }

    #[test]
    fn last_match_starts_the_count_and_is_not_repeated() {
        let mut sequencer = Sequencer::new();
        assert_eq!(sequencer.last_match(btc(), 50), WitnessOutcome::Initialised);
        assert_eq!(sequencer.trade(btc(), 50), TradeOutcome::Duplicate);
        assert_eq!(sequencer.trade(btc(), 51), NEXT);
        assert_eq!(sequencer.last_match(btc(), 51), WitnessOutcome::Consistent);
    }

    #[test]
    fn last_match_after_a_reconnect_shows_what_was_missed() {
        let mut sequencer = Sequencer::new();
        sequencer.trade(btc(), 50);
        let outcome = sequencer.last_match(btc(), 55);
        assert_eq!(outcome, WitnessOutcome::SuspectedGap(gap(51, 55)));
        let outcome = sequencer.trade(btc(), 56);
        assert_eq!(
            outcome,
            TradeOutcome::Emit {
                gap: Some(gap(51, 55)),
                suspected: 5
            }
        );
    }

    #[test]
    fn a_heartbeat_names_a_missed_trade_once_and_it_may_still_come() {
        let mut sequencer = Sequencer::new();
        assert_eq!(sequencer.heartbeat(btc(), 9), WitnessOutcome::Consistent);
        sequencer.trade(btc(), 10);
        assert_eq!(sequencer.heartbeat(btc(), 10), WitnessOutcome::Consistent);
        assert_eq!(
            sequencer.heartbeat(btc(), 11),
            WitnessOutcome::SuspectedGap(gap(11, 11))
        );
        assert_eq!(sequencer.heartbeat(btc(), 11), WitnessOutcome::Consistent);
        assert_eq!(
            sequencer.heartbeat(btc(), 13),
            WitnessOutcome::SuspectedGap(gap(12, 13))
        );
        assert_eq!(sequencer.trade(btc(), 11), NEXT);
        let outcome = sequencer.trade(btc(), 15);
        assert_eq!(
            outcome,
            TradeOutcome::Emit {
                gap: Some(gap(12, 14)),
                suspected: 2
            }
        );
    }

    #[test]
    fn the_ends_of_the_numbers_do_not_overflow() {
        let mut sequencer = Sequencer::new();
        sequencer.trade(btc(), 0);
        sequencer.heartbeat(btc(), u64::MAX);
        let outcome = sequencer.trade(btc(), u64::MAX);
        let all = gap(1, u64::MAX - 1);
        assert_eq!(
            outcome,
            TradeOutcome::Emit {
                gap: Some(all),
                suspected: all.count()
            }
        );
        assert_eq!(
            sequencer.heartbeat(btc(), u64::MAX),
            WitnessOutcome::Consistent
        );
        assert_eq!(sequencer.trade(btc(), u64::MAX), TradeOutcome::Duplicate);
    }

    #[test]
    fn resume_continues_and_never_goes_back() {
        let mut sequencer = Sequencer::new();
        sequencer.resume(btc(), 40);
        assert_eq!(sequencer.trade(btc(), 40), TradeOutcome::Duplicate);
        sequencer.resume(btc(), 30);
        assert_eq!(sequencer.last(btc()), Some(40));
        sequencer.forget(btc());
        assert_eq!(sequencer.trade(btc(), 3), NEXT);
    }

    proptest! {
        /// Whatever comes: ids passed on rise strictly, and passed on + missing covers every id
        /// from the first to the last exactly once.
        #[test]
        fn every_id_is_passed_on_or_reported_missing(
            events in prop::collection::vec((0_u64..60, 0_u8..4), 1..200)
        ) {
            let mut sequencer = Sequencer::new();
            let mut covered: Vec<u64> = Vec::new();
            let mut start = None;
            for (id, kind) in events {
                match kind {
                    0 => { sequencer.heartbeat(btc(), id); }
                    1 => {
                        if sequencer.last_match(btc(), id) == WitnessOutcome::Initialised {
                            start = Some(id + 1);
                        }
                    }
                    _ => if let TradeOutcome::Emit { gap, suspected } = sequencer.trade(btc(), id) {
                        if let Some(gap) = gap {
                            prop_assert!(suspected <= gap.count());
                            covered.extend(gap.first_missing..=gap.last_missing);
                        }
                        covered.push(id);
                        start = start.or(Some(id));
                    }
                }
            }
            if let (Some(start), Some(end)) = (start, covered.last().copied()) {
                prop_assert_eq!(covered, (start..=end).collect::<Vec<_>>());
            }
        }

        /// Two channels that tell the same trades, merged in any way that keeps each in order.
        #[test]
        fn two_channels_give_each_trade_once(choices in prop::collection::vec(any::<bool>(), 200)) {
            let mut sequencer = Sequencer::new();
            let (mut ticker, mut matches) = (1_u64, 1_u64);
            let mut emitted = Vec::new();
            for from_ticker in choices {
                let next = if from_ticker { &mut ticker } else { &mut matches };
                if let TradeOutcome::Emit { gap, .. } = sequencer.trade(btc(), *next) {
                    prop_assert_eq!(gap, None);
                    emitted.push(*next);
                }
                *next += 1;
            }
            prop_assert_eq!(emitted, (1..ticker.max(matches)).collect::<Vec<_>>());
        }
    }
}
