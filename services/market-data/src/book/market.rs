//! One product.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use coinbase::Trade;
use rust_decimal::Decimal;

use super::legibility::Legibility;
use crate::candles::Candles;
use crate::lane::Lane;
use crate::ring::Ring;
use crate::tick::{Entry, Tick};

/// Trades kept of each product, as many as its stream in the cache has.
pub const KEPT_TICKS: usize = 1_000;

/// The latest of one product, for the list of subscriptions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Latest {
    /// The last trade.
    pub trade: Option<Trade>,
    /// Trades since the start.
    pub trades: u64,
    /// Runs of missing trades since the start.
    pub gaps: u64,
}

/// The best bid and ask, as a ticker told them.
#[derive(Debug, Clone, Copy)]
struct Quote {
    bid: Option<Decimal>,
    ask: Option<Decimal>,
    time: DateTime<Utc>,
}

/// Memory: about 250 KB for a product that has traded for long, all rings full.
#[derive(Debug)]
pub(super) struct Market {
    pub carried: bool,
    pub lane: Lane,
    /// The lane stands in the queue of those that may have something to pass on.
    pub is_ready: bool,
    /// When something was last heard of it.
    pub heard: Option<Instant>,
    pub latest: Latest,
    pub candles: Candles,
    pub legibility: Legibility,
    quote: Option<Quote>,
    /// The last trade, with what belongs to it.
    last: Option<Tick>,
    /// How many trades there were when browsers were last told.
    told: u64,
    ticks: Ring<Tick>,
    /// How many of `ticks`, from the back, aren't in the cache.
    unsaved: usize,
}

impl Market {
    pub fn new(lane: Lane) -> Self {
        Self {
            carried: true,
            lane,
            is_ready: false,
            heard: None,
            latest: Latest::default(),
            candles: Candles::default(),
            legibility: Legibility::default(),
            quote: None,
            last: None,
            told: 0,
            ticks: Ring::new(KEPT_TICKS),
            unsaved: 0,
        }
    }

    /// Drops all but where the log stands.
    pub fn forget(&mut self) {
        self.carried = false;
        self.heard = None;
        self.latest = Latest::default();
        self.candles = Candles::default();
        self.legibility = Legibility::default();
        self.quote = None;
        self.last = None;
        self.told = 0;
        self.ticks = Ring::new(KEPT_TICKS);
        self.unsaved = 0;
    }

    /// The trade with its quote: a ticker brings its own; a match gets the latest one from before
    /// it, unless that is older than `max_age`.
    pub fn quoted(&mut self, trade: &Trade, max_age: TimeDelta) -> Tick {
        let mut trade = *trade;
        let own = trade.bid.is_some() || trade.ask.is_some();
        if own {
            self.quote = Some(Quote {
                bid: trade.bid,
                ask: trade.ask,
                time: trade.time,
            });
        }
        let recent = self.quote.and_then(|quote| {
            let age = trade.time - quote.time;
            let is_recent = age >= TimeDelta::zero() && (own || age <= max_age);
            is_recent.then_some((quote, age))
        });
        if let Some((quote, _)) = recent {
            trade.bid = quote.bid;
            trade.ask = quote.ask;
        }
        Tick {
            trade,
            quote_age_ms: recent.and_then(|(_, age)| u32::try_from(age.num_milliseconds()).ok()),
            backfilled: false,
        }
    }

    /// Keeps what was passed on.
    pub fn keep(&mut self, entry: &Entry) {
        let tick = match entry {
            Entry::Trade(tick) => *tick,
            Entry::Gap(missing) => {
                self.latest.gaps += 1;
                self.candles.gap(missing.beside.time, missing.count());
                return;
            }
        };
        self.last = Some(tick);
        self.latest.trade = Some(tick.trade);
        self.latest.trades += 1;
        self.candles.add(&tick.trade);
        self.ticks.push(tick);
        // Beyond that many, the cache would drop them for the newer ones of the same round anyway.
        self.unsaved = (self.unsaved + 1).min(KEPT_TICKS);
    }

    pub fn newest(&self, limit: usize) -> Vec<Tick> {
        self.ticks.newest(limit)
    }

    pub fn take_changed(&mut self) -> Option<Tick> {
        let is_new = self.told != self.latest.trades;
        self.told = self.latest.trades;
        self.last.filter(|_| is_new)
    }

    pub fn take_unsaved(&mut self) -> Option<Vec<Tick>> {
        let unsaved = std::mem::take(&mut self.unsaved);
        (unsaved > 0).then(|| self.newest(unsaved))
    }
}
