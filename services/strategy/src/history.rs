//! What sessions on bars have seen before they begin: market-data's candles, if their strategy asks
//! for them. They are kept with the session, so that it sees the same whenever its log is read again.

use std::time::Duration;

use backtest::Candle;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strategy_engine::{Tick, Timeframe, WarmUp};

use crate::market_data::{INTERVALS, MarketData};
use crate::source::{Kind, compile_source};

/// Whoever starts the session waits for it, and doesn't wait long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Candles as they are kept: seconds since 1970, open, high, low, close, volume.
type Kept = (i64, Decimal, Decimal, Decimal, Decimal, Decimal);

/// Candles of one length, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    /// How long each is, in seconds.
    interval: u32,
    candles: Vec<Kept>,
}

impl History {
    pub(crate) fn len(&self) -> usize {
        self.candles.len()
    }

    /// The trades that the candles stand for, as far as those were over before the bar in which a
    /// session's first trade lies: what is kept was read a little earlier or later than that.
    pub(crate) fn before(&self, first: DateTime<Utc>, timeframe: Timeframe) -> Vec<Tick> {
        let bar = timeframe
            .seconds()
            .map_or(1, |seconds| i64::from(seconds.get()));
        let begin = first.timestamp().div_euclid(bar) * bar;
        let over = |candle: &&Kept| candle.0.saturating_add(i64::from(self.interval)) <= begin;
        let ticks = self.candles.iter().filter(over).filter_map(|candle| {
            let (time, open, high, low, close, volume) = *candle;
            let candle = Candle {
                time: DateTime::from_timestamp(time, 0)?,
                open,
                high,
                low,
                close,
                volume,
            };
            Some(candle.seen())
        });
        ticks.flatten().collect()
    }
}

/// The candles that a session is to begin with; none where its strategy doesn't ask for them, or
/// where they can't be had: then it warms up with what comes.
pub(crate) async fn fetch(
    market_data: &MarketData,
    kind: Kind,
    source: &Value,
    symbol: &str,
    timeframe: Timeframe,
) -> Option<History> {
    let seconds = timeframe.seconds()?.get();
    let source = source.clone();
    let compiled = tokio::task::spawn_blocking(move || compile_source(kind, &source)).await;
    let plan = compiled.ok()?.compilation.plan?;
    if plan.warm_up() != WarmUp::Candles {
        return None;
    }
    // The longest that make whole bars.
    let mut longest_first = INTERVALS.iter().rev();
    let (name, interval) = *longest_first.find(|(_, length)| seconds % length == 0)?;
    let reading = market_data.candles(symbol, name);
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(candles)) => Some(History {
            interval,
            candles: candles.into_iter().map(kept).collect(),
        }),
        Ok(Err(problem)) => {
            tracing::warn!(
                symbol,
                detail = problem.detail,
                "a session begins without history"
            );
            None
        }
        Err(_) => {
            tracing::warn!(symbol, "a session begins without history: it took too long");
            None
        }
    }
}

fn kept(candle: Candle) -> Kept {
    let Candle {
        time,
        open,
        high,
        low,
        close,
        volume,
    } = candle;
    (time.timestamp(), open, high, low, close, volume)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;

    fn history(interval: u32, candles: i64) -> History {
        let candle = |index: i64| {
            let price = Decimal::from(100 + index);
            let time = index * i64::from(interval);
            (time, price, price, price, price, Decimal::ONE)
        };
        History {
            interval,
            candles: (0..candles).map(candle).collect(),
        }
    }

    #[test]
    fn nothing_of_the_first_bar_and_nothing_later_is_history() {
        let history = history(60, 10);
        let before = |second: i64, timeframe: &str| {
            let first = DateTime::from_timestamp(second, 0).unwrap();
            history.before(first, timeframe.parse().unwrap()).len() / 4
        };
        assert_eq!(before(300, "1m"), 5);
        assert_eq!(before(359, "1m"), 5);
        assert_eq!(before(360, "1m"), 6);
        assert_eq!(
            before(599, "5m"),
            5,
            "the bar that the first trade lies in is the session's"
        );
        assert_eq!(before(10_000, "1m"), 10);
        assert_eq!(before(0, "1m"), 0);
    }

    #[test]
    fn it_is_kept_as_text_and_read_as_it_was() {
        let kept = serde_json::to_string(&history(60, 2)).unwrap();
        assert!(kept.contains("\"101\""), "{kept}");
        let read: History = serde_json::from_str(&kept).unwrap();
        assert_eq!((read.len(), read), (2, history(60, 2)));
    }

    #[test]
    fn an_evaluator_that_knows_the_past_is_warm_at_its_first_bar() {
        let script = "strategy(\"x\", timeframe=\"1m\", warm_up=\"candles\")\n\
                      if crosses_above(close, sma(close, 5)):\n    buy()\n";
        let plan = strategy_engine::compile_script(script)
            .compilation
            .plan
            .unwrap();
        let plan = Arc::new(plan);
        let timeframe = "1m".parse().unwrap();
        let tick = |second: i64, price: i64| Tick {
            time: DateTime::from_timestamp(second, 0).unwrap(),
            price: Decimal::from(price),
            volume: Decimal::ONE,
            ..Tick::default()
        };
        let mut warm = plan.start(timeframe);
        let mut cold = plan.start(timeframe);
        // Prices rose for ten minutes; then a fall, a jump, and what closes that bar.
        let session = [tick(610, 50), tick(670, 500), tick(730, 500)];
        warm.warm_up(history(60, 10).before(session[0].time, timeframe));
        assert!(!warm.is_fresh() && cold.is_fresh());
        let orders = |evaluator: &mut strategy_engine::Evaluator| -> usize {
            session
                .iter()
                .map(|tick| evaluator.on_tick(tick).len())
                .sum()
        };
        assert_eq!((orders(&mut warm), orders(&mut cold)), (1, 0));
        // Ten bars of history, and the two that the session closed.
        assert_eq!(warm.evaluations(), 12);
    }
}
