//! What is known about each product that the feed carries: its lane to the log, and the latest.

mod detail;
mod legibility;
mod market;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::TimeDelta;
use coinbase::client::Item;
use coinbase::exchange::Heartbeat;
use coinbase::{Malformed, ProductId, Symbol, Trade};
use service_kit::settings::FeedSource;

use crate::candles::{Candle, Interval};
use crate::lane::{Answer, Ask, Lane, Limits, Taken};
use crate::telemetry;
use crate::tick::{Anchor, Entry, Tick};

use legibility::Told;
pub use legibility::Turn;
use market::Market;
pub use market::{KEPT_TICKS, Latest};

/// Trades of all products that wait in memory at most, about 40 MB.
const MAX_HELD: usize = 200_000;

/// Which trades of a symbol the end of the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// The smallest trade id there.
    pub first: u64,
    /// The largest; it may be the end of a gap that is marked.
    pub last: u64,
    /// The last trade there.
    pub anchor: Option<Anchor>,
}

/// What doesn't change while the service runs.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What the feed is.
    pub source: FeedSource,
    /// The bounds of each lane.
    pub limits: Limits,
    /// Bid and ask that are older are left out.
    pub quote_max_age: TimeDelta,
}

/// The book, behind its lock. It is held for microseconds and never across a wait.
#[derive(Debug)]
pub struct Markets(Mutex<Book>);

impl Markets {
    /// A book that knows where the log ends.
    pub fn new(rules: Rules, logged: HashMap<Symbol, Logged>) -> Self {
        Self(Mutex::new(Book::new(rules, logged)))
    }

    /// The book.
    pub fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a batch came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Trades told again, or older than what was passed on.
    pub duplicates: u64,
    /// Trades that could not wait, because too many do: they are fetched later.
    pub left_out: u64,
}

/// A record on its way to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Whose it is.
    pub product: ProductId,
    /// What it tells.
    pub entry: Entry,
    /// When the exchange told it, or when it was found to be missing.
    pub heard: Instant,
}

/// What told of a trade id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToldBy {
    Trade,
    LastMatch,
}

/// Each product's state. Bounded by the exchange's list of products.
#[derive(Debug)]
pub struct Book {
    rules: Rules,
    markets: HashMap<ProductId, Market>,
    /// Symbols of the log that haven't been heard of since the start.
    logged: HashMap<Symbol, Logged>,
    /// Products whose lanes may have something to pass on, each once.
    ready: VecDeque<ProductId>,
    /// Products with a gap.
    open: BTreeSet<ProductId>,
    /// Trades that wait in all lanes.
    held: usize,
}

impl Book {
    fn new(rules: Rules, logged: HashMap<Symbol, Logged>) -> Self {
        Self {
            rules,
            markets: HashMap::new(),
            logged,
            ready: VecDeque::new(),
            open: BTreeSet::new(),
            held: 0,
        }
    }

    /// The feed carries the product from now on.
    pub fn carry(&mut self, product: ProductId) {
        let limits = self.rules.limits;
        let market = self.markets.entry(product);
        let market = market.or_insert_with(|| Market::new(Lane::new(limits)));
        market.carried = true;
        // A simulator may have begun another stream: that is seen from its first trade.
        if self.rules.source == FeedSource::Coinbase
            && let Some(logged) = self.logged.remove(&product.symbol())
        {
            market.lane.resume(logged.last, logged.anchor);
        }
    }

    /// The feed carries the product from now on, after what the log has of it, whatever was known
    /// before.
    pub fn begin_anew(&mut self, product: ProductId, logged: Option<Logged>) {
        let limits = self.rules.limits;
        self.with_lane(product, |lane| *lane = Lane::new(limits));
        match logged {
            Some(logged) => self.logged.insert(product.symbol(), logged),
            None => self.logged.remove(&product.symbol()),
        };
        self.carry(product);
    }

    /// The feed doesn't carry the product any more. Where it stood is remembered, so that a trade
    /// isn't published twice if it comes back; what was kept of it is dropped.
    pub fn drop_product(&mut self, product: ProductId) {
        self.with_lane(product, Lane::skip_to_next);
        if let Some(market) = self.markets.get_mut(&product) {
            market.forget();
        }
    }

    /// Takes what came into the lanes.
    pub fn take(&mut self, items: &[Item], now: Instant) -> Judged {
        let mut judged = Judged::default();
        for item in items {
            match item {
                Item::Trade(trade) => self.take_trade(trade, now, &mut judged),
                Item::LastMatch(trade) => self.take_last_match(trade, now),
                Item::Heartbeat(heartbeat) => self.take_heartbeat(heartbeat, now),
                Item::Alive(_) => {}
                Item::FramesLost(count) => telemetry::frames_lost(*count),
                Item::Malformed(malformed) => self.take_malformed(malformed, now),
                Item::Unknown(kind) => telemetry::unknown_frame(kind),
            }
        }
        judged
    }

    fn take_trade(&mut self, trade: &Trade, now: Instant, judged: &mut Judged) {
        let product = trade.product_id;
        let quote_max_age = self.rules.quote_max_age;
        let Some(market) = self.heard(product, Told::Trade, now) else {
            return;
        };
        let tick = market.quoted(trade, quote_max_age);
        self.resume(product, trade.trade_id, ToldBy::Trade);
        let room = self.held < MAX_HELD;
        match self.with_lane(product, |lane| lane.trade(tick, room, now)) {
            Some(Taken::New) | None => {}
            Some(Taken::Known) => judged.duplicates += 1,
            Some(Taken::LeftOut) => judged.left_out += 1,
        }
    }

    /// An old trade that starts a subscription: it says where counting starts, and is not kept.
    fn take_last_match(&mut self, trade: &Trade, now: Instant) {
        let product = trade.product_id;
        if self.heard(product, Told::Trade, now).is_none() {
            return;
        }
        let is_known = self.resume(product, trade.trade_id, ToldBy::LastMatch);
        if is_known {
            self.with_lane(product, |lane| lane.last_match(trade, now));
        }
    }

    fn take_heartbeat(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let product = heartbeat.product_id;
        if self.heard(product, Told::Heartbeat, now).is_none() {
            return;
        }
        // Where the log has trades of another stream, perhaps, the first trade tells.
        let is_new = !self.logged.contains_key(&product.symbol());
        self.with_lane(product, |lane| {
            if is_new {
                lane.named(heartbeat.last_trade_id);
            }
            lane.witness(heartbeat.last_trade_id, now);
        });
    }

    /// A frame that can't be read is counted, as its product's where it names one that is carried.
    /// It is no sign of life.
    fn take_malformed(&mut self, malformed: &Malformed, now: Instant) {
        let product = malformed.product;
        let market = product.and_then(|product| self.markets.get_mut(&product));
        let market = market.filter(|market| market.carried);
        let symbol = product.map(|product| product.symbol());
        telemetry::malformed(symbol.filter(|_| market.is_some()), &malformed.error);
        let turn = market.and_then(|market| market.legibility.malformed(malformed, now));
        if let Some((symbol, turn)) = symbol.zip(turn) {
            telemetry::legibility(symbol, turn);
        }
    }

    /// The product's market if it is carried: frames that were under way when it was dropped are
    /// ignored.
    fn heard(&mut self, product: ProductId, told: Told, now: Instant) -> Option<&mut Market> {
        let market = self.markets.get_mut(&product)?;
        if !market.carried {
            return None;
        }
        market.heard = Some(now);
        if let Some(turn) = market.legibility.readable(told) {
            telemetry::legibility(product.symbol(), turn);
        }
        Some(market)
    }

    /// Does something to a lane, and keeps count.
    fn with_lane<T>(&mut self, product: ProductId, act: impl FnOnce(&mut Lane) -> T) -> Option<T> {
        let market = self.markets.get_mut(&product)?;
        let held = market.lane.held();
        let done = act(&mut market.lane);
        self.held = self.held - held + market.lane.held();
        match market.lane.has_gap() {
            true => self.open.insert(product),
            false => self.open.remove(&product),
        };
        if !std::mem::replace(&mut market.is_ready, true) {
            self.ready.push_back(product);
        }
        Some(done)
    }

    /// With the first trade id of a product, continues after what the log has of it. False if the
    /// trade tells nothing.
    ///
    /// The exchange's ids go on for ever. A simulator may have begun another stream meanwhile: its
    /// ids then tell nothing about the log's, and what lies between them isn't missing unless it
    /// can be fetched.
    fn resume(&mut self, product: ProductId, trade_id: u64, told_by: ToldBy) -> bool {
        if self.logged.is_empty() {
            return true;
        }
        let symbol = product.symbol();
        let Some(logged) = self.logged.get(&symbol).copied() else {
            return true;
        };
        let simulated = self.rules.source == FeedSource::Simulator;
        let is_older = simulated && trade_id < logged.first;
        // The trade before a stream's first one is older than anything of it in the log.
        if is_older && told_by == ToldBy::LastMatch {
            return false;
        }
        self.logged.remove(&symbol);
        if is_older {
            return true;
        }
        self.with_lane(product, |lane| {
            lane.resume(logged.last, logged.anchor);
            if simulated {
                let is_told = u64::from(told_by == ToldBy::LastMatch);
                lane.forgive_before(trade_id + is_told);
            }
        });
        true
    }

    /// Passes on what can be, up to `room` records, and keeps it as the latest.
    pub fn release(&mut self, room: usize, now: Instant, out: &mut Vec<Outgoing>) {
        let mut left = room;
        while left > 0
            && let Some(product) = self.ready.pop_front()
        {
            let Some(market) = self.markets.get_mut(&product) else {
                continue;
            };
            market.is_ready = false;
            let held = market.lane.held();
            while left > 0
                && let Some((entry, heard)) = market.lane.release(now)
            {
                left -= 1;
                market.keep(&entry);
                out.push(Outgoing {
                    product,
                    entry,
                    heard,
                });
            }
            self.held = self.held - held + market.lane.held();
            // What was passed on may have come up to a gap.
            match market.lane.has_gap() {
                true => self.open.insert(product),
                false => self.open.remove(&product),
            };
            if left == 0 {
                market.is_ready = true;
                self.ready.push_front(product);
            }
        }
    }

    /// What is to be fetched now, by product.
    pub fn asks(&mut self, now: Instant) -> Vec<(ProductId, Ask)> {
        let mut asks = Vec::new();
        for product in self.open.clone() {
            let ask = self.with_lane(product, |lane| lane.ask(now)).flatten();
            asks.extend(ask.map(|ask| (product, ask)));
        }
        asks
    }

    /// What came of a request. Gives how many trades were missing and are here now.
    pub fn answer(&mut self, product: ProductId, ask: &Ask, answer: Answer, now: Instant) -> usize {
        self.with_lane(product, |lane| lane.answer(ask, answer, now))
            .unwrap_or_default()
    }

    /// Trades that wait, and gaps that are open: 0 when all that is known is passed on.
    pub fn waiting(&self) -> usize {
        self.held + self.open.len()
    }

    /// Whether some lane takes no more.
    pub fn is_full(&self) -> bool {
        let max_held = self.rules.limits.max_held;
        let mut markets = self.markets.values();
        self.held >= MAX_HELD
            || (self.held >= max_held && markets.any(|market| market.lane.held() >= max_held))
    }

    /// A run of trades that were passed on is missing from the log after all.
    pub fn refused(&mut self, product: ProductId) {
        if let Some(market) = self.markets.get_mut(&product) {
            market.latest.gaps += 1;
        }
    }

    /// The latest of a product.
    pub fn latest(&self, product: ProductId) -> Latest {
        self.markets
            .get(&product)
            .map(|market| market.latest)
            .unwrap_or_default()
    }

    /// The newest candles of a product, the oldest of them first.
    pub fn candles(&self, product: ProductId, interval: Interval, limit: usize) -> Vec<Candle> {
        self.markets
            .get(&product)
            .map(|market| market.candles.latest(interval, limit))
            .unwrap_or_default()
    }

    /// The newest trades of a product, the oldest of them first.
    pub fn ticks(&self, product: ProductId, limit: usize) -> Vec<Tick> {
        self.markets
            .get(&product)
            .map(|market| market.newest(limit))
            .unwrap_or_default()
    }

    /// The last trade of each product that has traded since the last call.
    pub fn take_changed(&mut self) -> Vec<Tick> {
        self.markets
            .values_mut()
            .filter_map(Market::take_changed)
            .collect()
    }

    /// The trades that the cache lacks, by product. They count as saved from now on.
    pub fn take_unsaved(&mut self) -> Vec<(Symbol, Vec<Tick>)> {
        self.markets
            .iter_mut()
            .filter_map(|(product, market)| Some((product.symbol(), market.take_unsaved()?)))
            .collect()
    }
}
