//! The latest trades of each symbol in the cache: stream `market:<SYMBOL>`.

use std::sync::Arc;
use std::time::Duration;

use coinbase::Symbol;
use service_kit::cache::Cache;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::book::{KEPT_TICKS, Markets};
use crate::message;
use crate::telemetry;
use crate::tick::Tick;

/// The time between two writes. Each writes at most [`KEPT_TICKS`] of a symbol, since older ones
/// would be trimmed at once: so the cache's work has a bound whatever the feed's rate is.
const WRITE: Duration = Duration::from_millis(500);

/// The name of a symbol's stream.
pub fn key(symbol: Symbol) -> String {
    format!("market:{symbol}")
}

/// Writes what is new, best effort: the log is the truth, and what the cache doesn't take is
/// counted and not tried again. The feed never waits for it.
#[derive(Debug)]
pub struct TickCache {
    /// The cache.
    pub cache: Cache,
    /// Where the trades are.
    pub markets: Arc<Markets>,
    /// What the feed is.
    pub source: &'static str,
}

impl TickCache {
    /// Runs until `shutdown`, and writes a last time then.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut writes = interval(WRITE);
        writes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        while shutdown.run_until_cancelled(writes.tick()).await.is_some() {
            self.write(&mut is_failing).await;
        }
        self.write(&mut is_failing).await;
    }

    async fn write(&self, is_failing: &mut bool) {
        // The guard must be gone before the first wait.
        let unsaved = self.markets.lock().take_unsaved();
        let mut failed = false;
        for (symbol, ticks) in unsaved {
            // A cache that has just not answered would only take its timeout once more.
            if !failed {
                let texts: Vec<String> = ticks.iter().filter_map(|t| self.text(t)).collect();
                match self.cache.append(&key(symbol), &texts, KEPT_TICKS).await {
                    Ok(()) => continue,
                    Err(error) if *is_failing => tracing::debug!(%error, "cache takes no ticks"),
                    Err(error) => tracing::warn!(%error, "cache takes no ticks"),
                }
                failed = true;
            }
            telemetry::cache_dropped(ticks.len() as u64);
        }
        *is_failing = failed;
    }

    fn text(&self, tick: &Tick) -> Option<String> {
        serde_json::to_string(&message::update(tick, self.source)).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::tests::{markets_with, pass_on};

    #[tokio::test]
    async fn new_trades_are_written_once() {
        let markets = Arc::new(markets_with("BTC-USD", []));
        let cache = Cache::in_memory();
        let writer = TickCache {
            cache: cache.clone(),
            markets: Arc::clone(&markets),
            source: "simulator",
        };
        for ids in [1..=3, 4..=5] {
            pass_on(&markets, "BTC-USD", ids);
            writer.write(&mut false).await;
        }
        let symbol = Symbol::parse("BTCUSD").unwrap();
        let texts = cache.latest(&key(symbol), 10).await.unwrap();
        assert_eq!(texts.len(), 5);
        assert!(texts[4].contains(r#""trade_id":5"#), "{}", texts[4]);
    }
}
