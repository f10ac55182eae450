//! Fetching one gap through REST: which page is asked for next, and what is known to be gone.
//!
//! The first page ends with the gap, since most gaps fit into one. What is left of a longer one is
//! fetched from its beginning on, so that it can be passed on page by page and never has to be held
//! as a whole.

use std::time::{Duration, Instant};

use coinbase::Trade;
use coinbase::client::TRADES_PER_PAGE;

use crate::tick::GapReason;

/// A heartbeat may be ahead of its trade: so long it is waited for before it is fetched.
const SUSPECTED: Duration = Duration::from_millis(500);
/// After a request that failed; doubled for each further one, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often REST is asked again that doesn't know the newest trades yet.
const LATE_TRIES: u32 = 4;

/// A page to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Trades older than this one; `None` for the newest.
    pub after: Option<u64>,
    /// So many at most.
    pub limit: u64,
    step: Step,
}

/// What was fetched.
#[derive(Debug, Clone)]
pub struct Page {
    /// The newest first, or not: the order makes no difference.
    pub trades: Vec<Trade>,
    /// Whether there are older ones.
    pub has_older: bool,
}

/// What came of an [`Ask`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// A page.
    Page(Page),
    /// The exchange has no such trades, and asking again won't help.
    Refused,
    /// It didn't work; it may later.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The page that ends with the gap.
    Top,
    /// Only whether REST knows trades as new as the gap's end.
    Newest,
    /// From the beginning on.
    Up,
}

/// The fetching of one gap.
#[derive(Debug)]
pub(super) struct Fill {
    end: u64,
    since: Instant,
    step: Step,
    /// What was asked for and isn't answered yet.
    asked: Option<Ask>,
    not_before: Instant,
    failures: u32,
    /// How often REST didn't know the newest trades yet.
    late: u32,
    /// All up to here is either held or not to be had.
    searched_to: u64,
    /// All from here to the end is; set by the page that ends with the gap.
    searched_from: Option<u64>,
    /// Where the current page of the ascent goes on, if it came in parts.
    cursor: Option<u64>,
    /// The newest trade that REST has shown.
    rest_knows: u64,
    reason: GapReason,
}

impl Fill {
    pub fn new(first: u64, end: u64, max_trades: u64, now: Instant) -> Self {
        let mut fill = Self {
            end,
            since: now,
            step: Step::Top,
            asked: None,
            not_before: now,
            failures: 0,
            late: 0,
            searched_to: first.saturating_sub(1),
            searched_from: None,
            cursor: None,
            rest_knows: 0,
            reason: GapReason::NotThere,
        };
        fill.bound(max_trades);
        fill
    }

    fn bound(&mut self, max_trades: u64) {
        if self.end - self.searched_to > max_trades {
            self.give_up(GapReason::TooMany);
        }
    }

    fn give_up(&mut self, reason: GapReason) {
        self.searched_to = self.end;
        self.reason = reason;
        self.asked = None;
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether the whole gap has been passed on.
    pub fn is_before(&self, settled: u64) -> bool {
        self.end <= settled
    }

    /// Why what isn't held up to `last` can't be had; `None` as long as it may.
    pub fn given_up(&self, last: u64) -> Option<GapReason> {
        (self.searched_to >= last).then_some(self.reason)
    }

    /// The gap has become longer, because its end is only known from heartbeats.
    pub fn reach(&mut self, end: u64, max_trades: u64) {
        if end > self.end && self.searched_to >= self.end {
            self.end = end;
            self.step = Step::Top;
            self.searched_from = None;
            self.cursor = None;
            self.late = 0;
            self.reason = GapReason::NotThere;
            self.bound(max_trades);
        }
    }

    /// Gives up if it takes too long.
    pub fn age(&mut self, now: Instant, max_wait: Duration) {
        if self.searched_to < self.end && now.duration_since(self.since) >= max_wait {
            self.give_up(GapReason::TooLate);
        }
    }

    pub fn ask(&mut self, is_suspected: bool, now: Instant) -> Option<Ask> {
        let too_early = is_suspected && now.duration_since(self.since) < SUSPECTED;
        let is_done = self.searched_to >= self.end;
        if is_done || self.asked.is_some() || now < self.not_before || too_early {
            return None;
        }
        let (after, limit) = match self.step {
            Step::Top => (Some(self.end + 1), TRADES_PER_PAGE),
            Step::Newest => (None, 1),
            Step::Up => (
                Some(self.cursor.unwrap_or(self.part_end() + 1)),
                TRADES_PER_PAGE,
            ),
        };
        let step = self.step;
        self.asked = Some(Ask { after, limit, step });
        self.asked
    }

    pub fn has_asked(&self, ask: &Ask) -> bool {
        self.asked.as_ref() == Some(ask)
    }

    /// Where the part of the ascent ends that is fetched now.
    fn part_end(&self) -> u64 {
        let top = self.searched_from.map_or(self.end, |from| from - 1);
        top.min(self.searched_to + TRADES_PER_PAGE)
    }

    pub fn answer(&mut self, ask: &Ask, answer: &Answer, now: Instant) {
        self.asked = None;
        match answer {
            Answer::Refused => self.give_up(GapReason::NotThere),
            Answer::Failed => self.pause(now),
            Answer::Page(page) => {
                let below = |id: &u64| ask.after.is_none_or(|after| *id < after);
                let ids = page.trades.iter().map(|trade| trade.trade_id).filter(below);
                let (oldest, newest) = (ids.clone().min(), ids.max());
                self.rest_knows = self.rest_knows.max(newest.unwrap_or_default());
                let oldest = oldest.filter(|_| page.has_older);
                match ask.step {
                    Step::Top => self.top_came(oldest),
                    Step::Newest => self.newest_came(now),
                    Step::Up => self.part_came(oldest),
                }
            }
        }
    }

    /// `oldest` is where older trades begin, if there are any.
    fn top_came(&mut self, oldest: Option<u64>) {
        self.failures = 0;
        self.searched_from = oldest.filter(|oldest| *oldest > self.searched_to + 1);
        match self.rest_knows < self.end {
            true => self.step = Step::Newest,
            false => self.top_searched(),
        }
    }

    fn top_searched(&mut self) {
        match self.searched_from {
            None => self.searched_to = self.end,
            Some(_) => self.step = Step::Up,
        }
    }

    /// Trades that REST doesn't know yet, because it is behind the feed, are asked for again.
    fn newest_came(&mut self, now: Instant) {
        self.failures = 0;
        if self.rest_knows >= self.end || self.late >= LATE_TRIES {
            self.top_searched();
            return;
        }
        self.not_before = now + PAUSE * (1 << self.late);
        self.late += 1;
        self.step = Step::Top;
    }

    fn part_came(&mut self, oldest: Option<u64>) {
        self.failures = 0;
        match oldest {
            // The server gives fewer than were asked for: the rest of the part is older.
            Some(oldest) if oldest > self.searched_to + 1 => self.cursor = Some(oldest),
            _ => {
                self.searched_to = self.part_end();
                self.cursor = None;
                if self
                    .searched_from
                    .is_some_and(|from| self.searched_to + 1 >= from)
                {
                    self.searched_to = self.end;
                }
            }
        }
    }

    fn pause(&mut self, now: Instant) {
        let pause = PAUSE.saturating_mul(1 << self.failures.min(8));
        self.not_before = now + pause.min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
    }
}
