//! Live prices for browsers: the latest trade of each symbol, ten times a second at most, written
//! as JSON once however many watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coinbase::Symbol;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::book::Markets;
use crate::http;
use crate::message;
use crate::tick::Tick;

/// The time between two rounds.
const ROUND: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
struct Quote {
    round: u64,
    json: Arc<str>,
}

/// The latest of each symbol. A slow reader skips what was overtaken: nothing is queued for it.
#[derive(Debug)]
pub struct Quotes {
    source: &'static str,
    latest: Mutex<HashMap<Symbol, Quote>>,
    round: watch::Sender<u64>,
}

impl Quotes {
    /// Nothing has traded yet.
    pub fn new(source: &'static str) -> Self {
        Self {
            source,
            latest: Mutex::default(),
            round: watch::Sender::new(0),
        }
    }

    /// Brings the latest trades here until `shutdown`.
    pub async fn run(self: Arc<Self>, markets: Arc<Markets>, shutdown: CancellationToken) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(rounds.tick()).await.is_some() {
            let changed = markets.lock().take_changed();
            self.tell(&changed);
        }
    }

    /// Ends with the next round that brings something new.
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.round.subscribe()
    }

    /// What is newer than a round, and up to which round that is.
    pub fn since(&self, symbols: &[Symbol], round: u64) -> (u64, Vec<Arc<str>>) {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = symbols
            .iter()
            .filter_map(|symbol| latest.get(symbol))
            .filter(|quote| quote.round > round)
            .map(|quote| Arc::clone(&quote.json))
            .collect();
        // Under the lock, no quote of a later round can be there yet.
        (*self.round.borrow(), newer)
    }

    fn tell(&self, changed: &[Tick]) {
        if changed.is_empty() {
            return;
        }
        let written: Vec<(Symbol, Arc<str>)> = changed
            .iter()
            .filter_map(|tick| {
                let brief = http::Tick::from(message::update(tick, self.source)).brief();
                let json = serde_json::to_string(&brief).ok()?;
                Some((tick.trade.product_id.symbol(), json.into()))
            })
            .collect();
        self.show(written);
    }

    /// Shows prices that are written already; each is the latest of its symbol.
    pub fn show(&self, written: Vec<(Symbol, Arc<str>)>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let round = *self.round.borrow() + 1;
        for (symbol, json) in written {
            latest.insert(symbol, Quote { round, json });
        }
        self.round.send_replace(round);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::tests::{markets_with, pass_on, tick};

    fn symbols(names: &[&str]) -> Vec<Symbol> {
        names
            .iter()
            .map(|name| Symbol::parse(name).unwrap())
            .collect()
    }

    #[test]
    fn each_reader_gets_the_latest_once() {
        let quotes = Quotes::new("simulator");
        let both = symbols(&["BTCUSD", "ETHUSD"]);
        assert_eq!(quotes.since(&both, 0), (0, Vec::new()));
        quotes.tell(&[tick("BTC-USD", 1, 100), tick("ETH-USD", 1, 7)]);
        let (round, first) = quotes.since(&both, 0);
        assert_eq!((round, first.len()), (1, 2));
        assert_eq!(
            &*first[0],
            r#"{"symbol":"BTCUSD","price":100,"volume":0.5,"timestamp":"1970-01-01T00:00:01Z","source":"simulator","trade_id":1,"side":"buy"}"#
        );
        quotes.tell(&[tick("BTC-USD", 2, 101)]);
        quotes.tell(&[tick("BTC-USD", 3, 102)]);
        let (round, newer) = quotes.since(&both, round);
        assert_eq!(
            (round, newer.len()),
            (3, 1),
            "the second trade was overtaken"
        );
        assert!(newer[0].contains(r#""price":102"#));
        assert!(quotes.since(&both, round).1.is_empty());
        assert_eq!(quotes.since(&symbols(&["ETHUSD"]), 0).1.len(), 1);
    }

    #[tokio::test]
    async fn a_burst_becomes_one_round() {
        let markets = Arc::new(markets_with("BTC-USD", []));
        let quotes = Arc::new(Quotes::new("simulator"));
        let stop = CancellationToken::new();
        let running = tokio::spawn(Arc::clone(&quotes).run(Arc::clone(&markets), stop.clone()));
        let started = std::time::Instant::now();
        for id in 1..=500 {
            pass_on(&markets, "BTC-USD", [id]);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let rounds = u128::from(*quotes.rounds().borrow());
        let most = started.elapsed().as_millis() / ROUND.as_millis() + 1;
        assert!((1..=most).contains(&rounds), "{rounds} rounds");
        stop.cancel();
        running.await.unwrap();
    }
}
