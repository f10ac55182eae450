//! An independent oracle in exact decimals agrees with every crossover on recorded trades.

use std::collections::BTreeMap;
use std::path::Path;

use rust_decimal::Decimal;
use serde_json::Value;
use strategy_engine::{Side, Tick, Timeframe, templates};

use crate::support::{plan, run, walk};

/// The recording's trades of its first product, if the recording is there.
pub fn recording() -> Option<Vec<Tick>> {
    recorded_markets()?.into_values().next()
}

/// The recording's trades by product; trades of our own where the recording isn't there.
fn markets() -> BTreeMap<String, Vec<Tick>> {
    recorded_markets().unwrap_or_else(|| {
        let generated = (0..3).map(|seed| (format!("generated {seed}"), walk(seed, 40_000)));
        generated.collect()
    })
}

fn recorded_markets() -> Option<BTreeMap<String, Vec<Tick>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let file = root.join("exchange_ticker_2025-11-25T04-08Z.ndjson.zst");
    let packed = std::fs::read(file).ok()?;
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let mut markets: BTreeMap<String, Vec<Tick>> = BTreeMap::new();
    for line in text.lines() {
        let frame: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| frame[name].as_str().unwrap();
        let tick = Tick {
            time: field("time").parse().unwrap(),
            price: field("price").parse().unwrap(),
            volume: field("last_size").parse().unwrap(),
            ..Tick::default()
        };
        markets
            .entry(field("product_id").to_owned())
            .or_default()
            .push(tick);
    }
    Some(markets)
}

/// Compares sums instead of averages, so that nothing is divided and nothing rounded.
fn oracle(prices: &[Decimal], fast: usize, slow: usize) -> Vec<(usize, Side)> {
    let sum = |end: usize, period: usize| prices[end + 1 - period..=end].iter().sum::<Decimal>();
    let order = |end: usize| {
        let scaled_fast = sum(end, fast) * Decimal::from(slow);
        scaled_fast.cmp(&(sum(end, slow) * Decimal::from(fast)))
    };
    let mut signals = Vec::new();
    for end in slow..prices.len() {
        let (before, now) = (order(end - 1), order(end));
        if before.is_le() && now.is_gt() {
            signals.push((end, Side::Buy));
        }
        if before.is_ge() && now.is_lt() {
            signals.push((end, Side::Sell));
        }
    }
    signals
}

#[test]
fn sma_crossover_agrees_with_an_exact_oracle() {
    let plan = plan(&templates()[0].source());
    let mut trades = 0;
    let mut total = 0;
    for (product, ticks) in markets() {
        let prices: Vec<Decimal> = ticks.iter().map(|tick| tick.price).collect();
        let signals: Vec<_> = run(&plan, Timeframe::Tick, &ticks)
            .into_iter()
            .map(|(index, signal)| (index, signal.action))
            .collect();
        assert_eq!(signals, oracle(&prices, 10, 30), "{product}");
        total += signals.len();
        trades += ticks.len();
    }
    assert!(
        trades > 100_000 && total > 1_000,
        "{total} signals on {trades} trades"
    );
}

#[test]
fn sma_crossover_on_bars_agrees_too() {
    let plan = plan(&templates()[0].source());
    for (product, ticks) in markets() {
        for seconds in [1_i64, 15, 60] {
            // A bar ends with the first trade that lies in a later span.
            let mut closes: Vec<Decimal> = Vec::new();
            let mut closed_by = Vec::new();
            let mut span = None;
            let mut close = Decimal::ZERO;
            for (index, tick) in ticks.iter().enumerate() {
                let this = tick.time.timestamp() / seconds;
                if span.is_some_and(|span| this > span) {
                    closes.push(close);
                    closed_by.push(index);
                }
                span = span.max(Some(this));
                close = tick.price;
            }
            let expected: Vec<_> = oracle(&closes, 10, 30)
                .into_iter()
                .map(|(bar, side)| (closed_by[bar], side))
                .collect();
            let name = if seconds == 60 {
                "1m".to_owned()
            } else {
                format!("{seconds}s")
            };
            let signals: Vec<_> = run(&plan, name.parse().unwrap(), &ticks)
                .into_iter()
                .map(|(index, signal)| (index, signal.action))
                .collect();
            assert_eq!(signals, expected, "{product} {name}");
        }
    }
}
