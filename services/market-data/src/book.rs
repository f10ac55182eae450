//! What is known about each product that the feed carries: where its trades stand, and the latest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use coinbase::client::Item;
use coinbase::exchange::Heartbeat;
use coinbase::{ProductId, Sequencer, Symbol, Trade, TradeOutcome, WitnessOutcome};
use service_kit::settings::FeedSource;

use crate::candles::{Candle, Candles, Interval};
use crate::telemetry;

/// Trades kept of each product, as many as its stream in the cache has.
pub const KEPT_TICKS: usize = 1_000;

/// Which trades of a symbol the end of the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// The smallest trade id there.
    pub first: u64,
    /// The largest.
    pub last: u64,
}

/// The book, behind its lock. It is held for microseconds and never across a wait.
#[derive(Debug)]
pub struct Markets(Mutex<Book>);

impl Markets {
    /// A book that knows where the log ends.
    pub fn new(source: FeedSource, logged: HashMap<Symbol, Logged>) -> Self {
        Self(Mutex::new(Book::new(source, logged)))
    }

    /// The book.
    pub fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a batch came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Trades told again.
    pub duplicates: u64,
    /// Runs of trades that never came.
    pub gaps: u64,
    /// How many trades these runs have.
    pub missing: u64,
}

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

/// Memory: about 0.9 MB for a product that has traded for long, all rings full.
#[derive(Debug)]
struct Entry {
    carried: bool,
    /// The next trade may skip ids without anything being missing: nobody wanted those between.
    gap_expected: bool,
    latest: Latest,
    /// How many trades there were when browsers were last told.
    quoted: u64,
    candles: Candles,
    ticks: VecDeque<Trade>,
    /// How many of `ticks`, from the back, aren't in the cache.
    unsaved: usize,
    /// The last trade that couldn't be delivered.
    last_lost: Option<u64>,
    /// When something was last heard of it.
    heard: Option<Instant>,
}

impl Entry {
    fn new() -> Self {
        Self {
            carried: true,
            gap_expected: false,
            latest: Latest::default(),
            quoted: 0,
            candles: Candles::default(),
            ticks: VecDeque::new(),
            unsaved: 0,
            last_lost: None,
            heard: None,
        }
    }

    fn keep(&mut self, trade: Trade) {
        self.latest.trade = Some(trade);
        self.latest.trades += 1;
        self.candles.add(&trade);
        if self.ticks.len() == KEPT_TICKS {
            self.ticks.pop_front();
        }
        self.ticks.push_back(trade);
        // Beyond that many, the cache would drop them for the newer ones of the same round anyway.
        self.unsaved = (self.unsaved + 1).min(KEPT_TICKS);
    }
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
    source: FeedSource,
    sequencer: Sequencer,
    entries: HashMap<ProductId, Entry>,
    /// Symbols of the log that haven't been heard of since the start.
    logged: HashMap<Symbol, Logged>,
}

impl Book {
    fn new(source: FeedSource, logged: HashMap<Symbol, Logged>) -> Self {
        Self {
            source,
            sequencer: Sequencer::new(),
            entries: HashMap::new(),
            logged,
        }
    }

    /// The feed carries the product from now on.
    pub fn carry(&mut self, product: ProductId) {
        self.entries
            .entry(product)
            .or_insert_with(Entry::new)
            .carried = true;
    }

    /// The feed doesn't carry the product any more. Where it stood is remembered, so that a trade
    /// isn't published twice if it comes back; what was kept of it is dropped.
    pub fn drop_product(&mut self, product: ProductId) {
        if let Some(entry) = self.entries.get_mut(&product) {
            *entry = Entry {
                carried: false,
                gap_expected: true,
                ..Entry::new()
            };
        }
    }

    /// Judges what came, keeps what is new, and adds it to `fresh` in order.
    pub fn take(&mut self, items: &[Item], now: Instant, fresh: &mut Vec<Trade>) -> Judged {
        let mut judged = Judged::default();
        for item in items {
            match item {
                Item::Trade(trade) => self.take_trade(trade, now, fresh, &mut judged),
                Item::LastMatch(trade) => self.take_last_match(trade, now),
                Item::Heartbeat(heartbeat) => self.take_heartbeat(heartbeat, now),
                Item::Malformed(error) => telemetry::malformed(error),
                Item::Unknown(kind) => telemetry::unknown_frame(kind),
            }
        }
        judged
    }

    fn take_trade(
        &mut self,
        trade: &Trade,
        now: Instant,
        fresh: &mut Vec<Trade>,
        judged: &mut Judged,
    ) {
        let product = trade.product_id;
        if !self.heard(product, now) {
            return;
        }
        self.resume(product, trade.trade_id, ToldBy::Trade);
        let (gap, suspected) = match self.sequencer.trade(product, trade.trade_id) {
            TradeOutcome::Emit { gap, suspected } => (gap, suspected),
            TradeOutcome::Duplicate | TradeOutcome::Regression => {
                judged.duplicates += 1;
                return;
            }
        };
        let Some(entry) = self.entries.get_mut(&product) else {
            return;
        };
        let expected = std::mem::take(&mut entry.gap_expected);
        if let Some(gap) = gap.filter(|_| !expected) {
            entry.latest.gaps += 1;
            judged.gaps += 1;
            judged.missing += gap.count();
            telemetry::gap(product.symbol(), gap, suspected);
        }
        entry.keep(*trade);
        fresh.push(*trade);
    }

    /// An old trade that starts a subscription: it says where counting starts, and is not kept.
    fn take_last_match(&mut self, trade: &Trade, now: Instant) {
        let product = trade.product_id;
        if !self.heard(product, now) {
            return;
        }
        self.resume(product, trade.trade_id, ToldBy::LastMatch);
        let outcome = self.sequencer.last_match(product, trade.trade_id);
        self.suspect(product, outcome);
    }

    fn take_heartbeat(&mut self, heartbeat: &Heartbeat, now: Instant) {
        let product = heartbeat.product_id;
        if !self.heard(product, now) {
            return;
        }
        let outcome = self.sequencer.heartbeat(product, heartbeat.last_trade_id);
        self.suspect(product, outcome);
    }

    fn suspect(&self, product: ProductId, outcome: WitnessOutcome) {
        let expected = self
            .entries
            .get(&product)
            .is_some_and(|entry| entry.gap_expected);
        if let WitnessOutcome::SuspectedGap(gap) = outcome
            && !expected
        {
            telemetry::suspected_gap(product.symbol(), gap);
        }
    }

    /// Whether the product is carried: frames that were under way when it was dropped are ignored.
    fn heard(&mut self, product: ProductId, now: Instant) -> bool {
        match self.entries.get_mut(&product) {
            Some(entry) if entry.carried => {
                entry.heard = Some(now);
                true
            }
            _ => false,
        }
    }

    /// With the first trade id of a product, continues after what the log has of it.
    ///
    /// The exchange's ids go on for ever. A simulator may have begun another stream meanwhile: its
    /// ids then tell nothing about the log's, and what lies between them isn't missing.
    fn resume(&mut self, product: ProductId, trade_id: u64, told_by: ToldBy) {
        if self.logged.is_empty() {
            return;
        }
        let symbol = product.symbol();
        let Some(logged) = self.logged.get(&symbol).copied() else {
            return;
        };
        let simulated = self.source == FeedSource::Simulator;
        let is_older = simulated && trade_id < logged.first;
        // The trade before a stream's first one is older than anything of it in the log.
        if is_older && told_by == ToldBy::LastMatch {
            return;
        }
        self.logged.remove(&symbol);
        if is_older {
            return;
        }
        self.sequencer.resume(product, logged.last);
        if let Some(entry) = self.entries.get_mut(&product) {
            entry.gap_expected = simulated;
        }
    }

    /// A trade that was kept couldn't be delivered. Tells whether it begins a gap, or makes one
    /// longer that was told before.
    pub fn lost(&mut self, product: ProductId, trade_id: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&product) else {
            return true;
        };
        let follows = entry.last_lost.is_some_and(|last| last + 1 == trade_id);
        entry.last_lost = Some(trade_id);
        entry.latest.gaps += u64::from(!follows);
        !follows
    }

    /// The latest of a product.
    pub fn latest(&self, product: ProductId) -> Latest {
        self.entries
            .get(&product)
            .map(|entry| entry.latest)
            .unwrap_or_default()
    }

    /// The newest candles of a product, the oldest of them first.
    pub fn candles(&self, product: ProductId, interval: Interval, limit: usize) -> Vec<Candle> {
        self.entries
            .get(&product)
            .map(|entry| entry.candles.latest(interval, limit))
            .unwrap_or_default()
    }

    /// The newest trades of a product, the oldest of them first.
    pub fn ticks(&self, product: ProductId, limit: usize) -> Vec<Trade> {
        let Some(entry) = self.entries.get(&product) else {
            return Vec::new();
        };
        let surplus = entry.ticks.len().saturating_sub(limit);
        entry.ticks.iter().skip(surplus).copied().collect()
    }

    /// The last trade of each product that has traded since the last call.
    pub fn take_changed(&mut self) -> Vec<Trade> {
        let changed = self
            .entries
            .values_mut()
            .filter(|entry| entry.quoted != entry.latest.trades);
        changed
            .filter_map(|entry| {
                entry.quoted = entry.latest.trades;
                entry.latest.trade
            })
            .collect()
    }

    /// The trades that the cache lacks, by product. They count as saved from now on.
    pub fn take_unsaved(&mut self) -> Vec<(Symbol, Vec<Trade>)> {
        let unsaved = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| entry.unsaved > 0);
        unsaved
            .map(|(product, entry)| {
                let saved = entry.ticks.len().saturating_sub(entry.unsaved);
                entry.unsaved = 0;
                let trades = entry.ticks.iter().skip(saved).copied().collect();
                (product.symbol(), trades)
            })
            .collect()
    }

    /// How long ago something was heard of each product that is carried; `None` for never.
    pub fn ages(&self, now: Instant) -> Vec<(Symbol, Option<f64>)> {
        let carried = self.entries.iter().filter(|(_, entry)| entry.carried);
        carried
            .map(|(product, entry)| {
                let age = entry.heard.map(|heard| now.duration_since(heard));
                (product.symbol(), age.map(|age| age.as_secs_f64()))
            })
            .collect()
    }
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use coinbase::Side;
    use rust_decimal::Decimal;

    use super::*;

    /// A trade of half a unit, one second after the other.
    pub fn trade(product: &str, trade_id: u64, price: i64) -> Trade {
        Trade {
            product_id: ProductId::parse(product).unwrap(),
            trade_id,
            sequence: None,
            price: Decimal::from(price),
            size: Decimal::new(5, 1),
            side: Side::Buy,
            time: chrono::DateTime::from_timestamp(i64::try_from(trade_id).unwrap(), 0).unwrap(),
            bid: None,
            ask: None,
        }
    }

    fn btc() -> ProductId {
        ProductId::parse("BTC-USD").unwrap()
    }

    fn book(source: FeedSource, logged: Option<Logged>) -> Book {
        let logged = logged.map(|logged| (btc().symbol(), logged));
        let mut book = Book::new(source, logged.into_iter().collect());
        book.carry(btc());
        book
    }

    /// Gives trades of these ids; returns the ids that are new.
    fn give(book: &mut Book, ids: &[u64]) -> (Vec<u64>, Judged) {
        let items: Vec<Item> = ids
            .iter()
            .map(|id| Item::Trade(trade("BTC-USD", *id, 100)))
            .collect();
        let mut fresh = Vec::new();
        let judged = book.take(&items, Instant::now(), &mut fresh);
        (fresh.iter().map(|trade| trade.trade_id).collect(), judged)
    }

    fn judged(duplicates: u64, gaps: u64, missing: u64) -> Judged {
        Judged {
            duplicates,
            gaps,
            missing,
        }
    }

    #[test]
    fn each_trade_once_in_order_and_gaps_counted() {
        let mut book = book(FeedSource::Coinbase, None);
        let (fresh, counts) = give(&mut book, &[5, 5, 6, 6, 4, 9, 9]);
        assert_eq!(fresh, [5, 6, 9]);
        assert_eq!(counts, judged(4, 1, 2));
        let latest = book.latest(btc());
        assert_eq!((latest.trades, latest.gaps), (3, 1));
        assert_eq!(latest.trade.unwrap().trade_id, 9);
    }

    #[test]
    fn a_last_match_is_never_passed_on() {
        let mut book = book(FeedSource::Coinbase, None);
        let mut fresh = Vec::new();
        let old = Item::LastMatch(trade("BTC-USD", 4, 1));
        book.take(&[old], Instant::now(), &mut fresh);
        assert!(fresh.is_empty());
        assert_eq!(give(&mut book, &[4, 5]).0, [5]);
    }

    #[test]
    fn a_restart_repeats_nothing_and_counts_the_outage() {
        let logged = Logged { first: 1, last: 10 };
        let mut book = book(FeedSource::Coinbase, Some(logged));
        assert_eq!(give(&mut book, &[9, 10]).0, [] as [u64; 0]);
        assert_eq!(
            give(&mut book, &[14]),
            (vec![14], judged(0, 1, 3)),
            "11 to 13 were traded during the outage"
        );
    }

    #[test]
    fn a_simulator_that_goes_on_repeats_nothing() {
        let logged = Logged { first: 5, last: 10 };
        let mut book = book(FeedSource::Simulator, Some(logged));
        assert_eq!(give(&mut book, &[10, 11]).0, [11]);
    }

    #[test]
    fn a_simulator_that_plays_the_same_again_repeats_nothing() {
        let logged = Logged { first: 5, last: 10 };
        let mut book = book(FeedSource::Simulator, Some(logged));
        let before_the_first = Item::LastMatch(trade("BTC-USD", 4, 1));
        book.take(&[before_the_first], Instant::now(), &mut Vec::new());
        assert_eq!(
            give(&mut book, &[5, 6, 10, 11, 12]),
            (vec![11, 12], judged(3, 0, 0))
        );
    }

    #[test]
    fn a_last_match_after_an_outage_hides_no_gap() {
        let logged = Logged { first: 5, last: 10 };
        let mut book = book(FeedSource::Coinbase, Some(logged));
        let item = Item::LastMatch(trade("BTC-USD", 14, 1));
        book.take(&[item], Instant::now(), &mut Vec::new());
        assert_eq!(give(&mut book, &[15]), (vec![15], judged(0, 1, 4)));
    }

    #[test]
    fn a_simulator_that_began_anew_is_believed() {
        let logged = Logged { first: 5, last: 10 };
        let mut lower = book(FeedSource::Simulator, Some(logged));
        assert_eq!(give(&mut lower, &[1, 2]), (vec![1, 2], judged(0, 0, 0)));
        let mut higher = book(FeedSource::Simulator, Some(logged));
        assert_eq!(
            give(&mut higher, &[900, 903]),
            (vec![900, 903], judged(0, 1, 2))
        );
    }

    #[test]
    fn what_was_traded_while_nobody_wanted_it_is_no_gap() {
        let mut book = book(FeedSource::Coinbase, None);
        give(&mut book, &[1, 2]);
        book.drop_product(btc());
        assert_eq!(give(&mut book, &[3]).0, [] as [u64; 0], "late frames");
        book.carry(btc());
        assert_eq!(give(&mut book, &[2, 9]), (vec![9], judged(1, 0, 0)));
        assert_eq!(give(&mut book, &[11]), (vec![11], judged(0, 1, 1)));
    }

    #[test]
    fn losses_in_a_row_are_one_gap() {
        let mut book = book(FeedSource::Coinbase, None);
        let begins = [3, 4, 5, 9].map(|id| book.lost(btc(), id));
        assert_eq!(begins, [true, false, false, true]);
        assert_eq!(book.latest(btc()).gaps, 2);
    }

    #[test]
    fn quotes_and_ticks_are_taken_once_and_bounded() {
        let mut book = book(FeedSource::Coinbase, None);
        assert!(book.take_changed().is_empty());
        let ids: Vec<u64> = (1..=2_500).collect();
        give(&mut book, &ids);
        assert_eq!(book.take_changed()[0].trade_id, 2_500);
        assert!(book.take_changed().is_empty());
        let unsaved = book.take_unsaved();
        assert_eq!(unsaved[0].1.len(), KEPT_TICKS);
        assert_eq!(unsaved[0].1[0].trade_id, 1_501);
        assert!(book.take_unsaved().is_empty());
        give(&mut book, &[2_501, 2_502]);
        assert_eq!(book.take_unsaved()[0].1.len(), 2);
        assert_eq!(book.ticks(btc(), 1)[0].trade_id, 2_502);
        assert_eq!(book.ticks(btc(), usize::MAX).len(), KEPT_TICKS);
    }
}
