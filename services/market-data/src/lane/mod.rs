//! One product's trades on their way from the feed to the log: a state machine without I/O.
//!
//! Trades go in as they come, in any order and more than once; what tells of trades that didn't
//! come (heartbeats) goes in, too. Out comes the log: ascending, each trade once. Where one is
//! missing, those after it are held back until it has been fetched, or until it is known that it
//! can't be; then the place is marked.

mod fill;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coinbase::Trade;

use crate::tick::{Anchor, Entry, Missing, Tick};

use fill::Fill;
pub use fill::{Answer, Ask, Page};

/// The bounds of every lane.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A larger gap isn't fetched.
    pub max_trades: u64,
    /// How long a gap holds back newer trades.
    pub max_wait: Duration,
    /// Trades that wait at most.
    pub max_held: usize,
}

/// What became of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New,
    /// It is known, or older than what was passed on.
    Known,
    /// Too many wait: it is left out, and fetched when it is its turn.
    LeftOut,
}

/// One product's lane.
#[derive(Debug)]
pub struct Lane {
    limits: Limits,
    /// All up to this id has been passed on, or is from before the start; `None` before anything
    /// is known.
    settled: Option<u64>,
    /// The trade that was named first while nothing was settled.
    named: Option<u64>,
    /// Beside which trade a gap is marked.
    anchor: Option<Anchor>,
    /// What waits, all above `settled`, and since when.
    held: BTreeMap<u64, (Tick, Instant)>,
    /// The newest trade that anything has named.
    known_to: u64,
    /// The fetching of the first gap, if there is one.
    fill: Option<Fill>,
    /// What can't be had up to here isn't marked: it isn't certain that it ever was.
    unmarked_to: u64,
    /// What comes before the next trade isn't wanted.
    skips: bool,
}

impl Lane {
    /// Nothing is known: the first trade begins the log.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            settled: None,
            named: None,
            anchor: None,
            held: BTreeMap::new(),
            known_to: 0,
            fill: None,
            unmarked_to: 0,
            skips: false,
        }
    }

    /// The log ends with this trade. Never goes back.
    pub fn resume(&mut self, last: u64, anchor: Option<Anchor>) {
        if self.settled.is_none_or(|settled| settled < last) {
            self.settled = Some(last);
            self.anchor = anchor.or(self.anchor);
            self.held.retain(|id, _| *id > last);
            self.known_to = self.known_to.max(last);
        }
    }

    /// What lies before this id and can't be had isn't marked.
    pub fn forgive_before(&mut self, id: u64) {
        self.unmarked_to = id.saturating_sub(1);
    }

    /// Nobody wants what comes before the next trade: nothing is fetched or marked for it.
    pub fn skip_to_next(&mut self) {
        self.skips = true;
        self.held.clear();
        self.fill = None;
    }

    /// A trade came over the feed. `room` says whether one more may wait.
    pub fn trade(&mut self, tick: Tick, room: bool, now: Instant) -> Taken {
        let id = tick.trade.trade_id;
        let settled = *self.settled.get_or_insert(id.saturating_sub(1));
        if id <= settled || self.held.contains_key(&id) {
            return Taken::Known;
        }
        if std::mem::take(&mut self.skips) {
            self.settled = Some(id - 1);
        }
        self.known_to = self.known_to.max(id);
        let room = room && self.held.len() < self.limits.max_held;
        if room {
            self.held.insert(id, (tick, now));
        } else {
            // If it can't be fetched either, its place is marked, and a mark stands beside a price.
            self.anchor.get_or_insert(Anchor::from(&tick.trade));
        }
        self.look(now);
        if room { Taken::New } else { Taken::LeftOut }
    }

    /// An old trade that the feed repeats at the start of a subscription: the count starts after it
    /// where nothing is known, and else it shows what was missed.
    pub fn last_match(&mut self, trade: &Trade, now: Instant) {
        match self.settled {
            Some(_) if !self.skips => self.witness(trade.trade_id, now),
            settled if settled.is_none_or(|settled| settled < trade.trade_id) => {
                self.skips = false;
                self.settled = Some(trade.trade_id);
                self.anchor = Some(Anchor::from(trade));
                self.known_to = self.known_to.max(trade.trade_id);
            }
            _ => {}
        }
    }

    /// Something names a trade of a product of which none has come. When a later one is named, trades
    /// do happen and don't come, or can't be read: the count begins after the first that was named.
    pub fn named(&mut self, id: u64) {
        let first = *self.named.get_or_insert(id);
        if self.settled.is_none() && id > first {
            self.settled = Some(first);
        }
    }

    /// Something names a trade that has happened.
    pub fn witness(&mut self, id: u64, now: Instant) {
        // A ticker repeats the last trade at the start: as the first one known it is worth having,
        // so that a name alone begins nothing.
        if self.settled.is_some() && !self.skips {
            self.known_to = self.known_to.max(id);
            self.look(now);
        }
    }

    /// What can be passed on now, and when it came.
    pub fn release(&mut self, now: Instant) -> Option<(Entry, Instant)> {
        loop {
            let next = self.settled? + 1;
            if let Some(first) = self.held.first_entry()
                && *first.key() == next
            {
                let (tick, heard) = first.remove();
                self.settled = Some(next);
                self.anchor = Some(Anchor::from(&tick.trade));
                self.look(now);
                return Some((Entry::Trade(tick), heard));
            }
            let last = self.gap_end()?;
            let reason = self.fill.as_ref()?.given_up(last)?;
            self.settled = Some(last);
            self.look(now);
            let beside = self.anchor.or_else(|| {
                self.held
                    .values()
                    .next()
                    .map(|(tick, _)| (&tick.trade).into())
            });
            match beside {
                Some(beside) if last > self.unmarked_to => {
                    let missing = Missing {
                        first: next,
                        last,
                        beside,
                        reason,
                    };
                    return Some((Entry::Gap(missing), now));
                }
                _ => {}
            }
        }
    }

    /// Where the first gap ends; `None` if what comes next is here or hasn't happened.
    fn gap_end(&self) -> Option<u64> {
        let next = self.settled? + 1;
        let last = match self.held.first_key_value() {
            Some((first, _)) => *first - 1,
            None => self.known_to,
        };
        (last >= next).then_some(last)
    }

    /// Brings `fill` in line with the first gap.
    fn look(&mut self, now: Instant) {
        let Some(settled) = self.settled else { return };
        if self
            .fill
            .as_ref()
            .is_some_and(|fill| fill.is_before(settled))
        {
            self.fill = None;
        }
        // What comes next is here: a gap behind it is looked at when it is the first.
        let Some(end) = self.gap_end() else { return };
        let max_trades = self.limits.max_trades;
        match &mut self.fill {
            Some(fill) => fill.reach(end, max_trades),
            None => self.fill = Some(Fill::new(settled + 1, end, max_trades, now)),
        }
    }

    /// Whether something is to be fetched or waited for.
    pub fn has_gap(&self) -> bool {
        self.fill.is_some()
    }

    /// What to fetch now, if anything; to be answered by [`Lane::answer`].
    pub fn ask(&mut self, now: Instant) -> Option<Ask> {
        let max_wait = self.limits.max_wait;
        let is_suspected = self.held.is_empty();
        self.fill.as_mut()?.age(now, max_wait);
        self.look(now);
        // What is fetched could not be passed on: first what is here.
        if self.held.contains_key(&(self.settled? + 1)) {
            return None;
        }
        self.fill.as_mut()?.ask(is_suspected, now)
    }

    /// What came of an [`Ask`]. Gives how many trades were missing and are here now.
    pub fn answer(&mut self, ask: &Ask, answer: Answer, now: Instant) -> usize {
        let Some(fill) = self.fill.as_mut().filter(|fill| fill.has_asked(ask)) else {
            return 0;
        };
        let settled = self.settled.unwrap_or_default();
        let mut found = 0;
        if let Answer::Page(page) = &answer {
            for trade in &page.trades {
                let id = trade.trade_id;
                let wanted = id > settled && id <= fill.end() && !self.held.contains_key(&id);
                if wanted {
                    self.held.insert(id, (Tick::backfilled(*trade), now));
                    found += 1;
                }
            }
        }
        fill.answer(ask, &answer, now);
        self.look(now);
        found
    }

    /// How many trades wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}
