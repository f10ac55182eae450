//! Ten thousand sessions on one core: a hundred strategies on ten symbols with ten parameters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strategy_engine::{Evaluator, Plan, Tick, Timeframe};

use super::{plan, walk};
use crate::commands::bench::figure::{Figure, Goal, quantile};

const SYMBOLS: usize = 10;
const PARAMETERS: usize = 10;
/// Ticks of all symbols together.
const RATE: u64 = 1_000;
const GOAL_MS: f64 = 10.0;
const GOAL_BYTES: f64 = 20.0 * 1_024.0;
/// Ticks of each symbol before the measurement: every window is full.
const WARM_UP: usize = 600;

/// Ten kinds of strategies, each in ten variants: `N` is a parameter, `V` the variant.
const KINDS: [&str; 10] = [
    "fast = sma(close, N)\nslow = sma(close, N + 20 + V)\nif crosses_above(fast, slow):\n    buy()\n\
     if crosses_below(fast, slow):\n    sell()\n",
    "average = ema(close, N + V)\nif close > average:\n    buy()\nif close < average:\n    sell()\n",
    "strength = rsi(close, N + V)\nif strength < 47:\n    buy()\nif strength > 53:\n    sell()\n",
    "lines = macd(close, N, N + 14 + V, 9)\nif crosses_above(lines.line, lines.signal):\n    buy()\n\
     if crosses_below(lines.line, lines.signal):\n    sell()\n",
    "bands = bollinger(close, N + V, 2)\nif close < bands.lower:\n    buy()\n\
     if close > bands.upper:\n    sell()\n",
    "channel = donchian(N + V)\nif close > channel.upper[1]:\n    buy()\n\
     if close < channel.lower[1]:\n    sell()\n",
    "far = zscore(close, N + V)\nif far < -2:\n    buy()\nif far > 0:\n    sell()\n",
    "if crosses_above(close, rolling_vwap(N + V)) and volume_ratio(N) > 1:\n    buy()\n    stop_loss(percent=2)\n\
     if crosses_below(close, rolling_vwap(N + V)):\n    sell()\n",
    "rise = roc(close, N + V)\nif rise > 0 and rsi(close, 14) < 70:\n    buy()\nif rise < 0:\n    sell()\n",
    "trend = wma(close, N + V)\nif close > trend and trend > trend[1]:\n    buy()\n    \
     take_profit(percent=3)\nif close < trend:\n    sell()\n",
];

/// The hundred strategies, each with its ten parameters.
fn plans() -> anyhow::Result<Vec<Arc<Plan>>> {
    let mut plans = Vec::new();
    for kind in KINDS {
        for variant in 0..10 {
            for parameter in 0..PARAMETERS {
                let length = (5 + 10 * parameter).to_string();
                let script = kind
                    .replace('N', &length)
                    .replace('V', &variant.to_string());
                plans.push(plan(&script)?);
            }
        }
    }
    Ok(plans)
}

/// Bytes of this process in memory; none where the system doesn't tell.
fn resident() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = told.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024.0)
}

pub(super) fn figures(seconds: u64) -> anyhow::Result<Vec<Figure>> {
    let ticks = walk(10_000);
    let before = resident();
    let plans = plans()?;
    let mut symbols: Vec<Vec<Evaluator>> = (0..SYMBOLS)
        .map(|_| {
            plans
                .iter()
                .map(|plan| plan.start(Timeframe::Tick))
                .collect()
        })
        .collect();
    let sessions: usize = symbols.iter().map(Vec::len).sum();
    for tick in ticks.iter().take(WARM_UP) {
        for symbol in &mut symbols {
            evaluate(symbol, tick);
        }
    }
    let grown = resident().zip(before).map(|(now, before)| now - before);
    let (added, busy) = lived(&mut symbols, &ticks, seconds);
    let mut figures = vec![
        Figure {
            name: format!("{sessions} sessions at {RATE} ticks/s, added p99"),
            value: quantile(&added, 0.99),
            unit: "ms",
            baseline: None,
            goal: Some(Goal::AtMost(GOAL_MS)),
        },
        Figure {
            name: "the same, share of one core".to_owned(),
            value: busy * 100.0,
            unit: "%",
            baseline: None,
            goal: None,
        },
    ];
    if let Some(grown) = grown {
        figures.push(Figure {
            name: "memory of one of them, its plan included".to_owned(),
            value: grown / sessions as f64,
            unit: "B",
            baseline: None,
            goal: Some(Goal::AtMost(GOAL_BYTES)),
        });
    }
    Ok(figures)
}

fn evaluate(sessions: &mut [Evaluator], tick: &Tick) -> usize {
    sessions
        .iter_mut()
        .map(|session| session.on_tick(tick).len())
        .sum()
}

/// Milliseconds from when each tick is due until all its sessions have seen it, and the share of
/// the time that this took.
fn lived(symbols: &mut [Vec<Evaluator>], ticks: &[Tick], seconds: u64) -> (Vec<f64>, f64) {
    let interval = Duration::from_secs(1) / u32::try_from(RATE).unwrap_or(1);
    let mut added = Vec::new();
    let mut busy = Duration::ZERO;
    let started = Instant::now();
    let mut due = started;
    let market = ticks.iter().skip(WARM_UP).cycle();
    let count = usize::try_from(RATE * seconds).unwrap_or(usize::MAX);
    for (index, tick) in market.take(count).enumerate() {
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        let began = Instant::now();
        evaluate(&mut symbols[index % SYMBOLS], tick);
        busy += began.elapsed();
        added.push(due.elapsed().as_secs_f64() * 1_000.0);
        due += interval;
    }
    let share = busy.as_secs_f64() / started.elapsed().as_secs_f64();
    (added, share)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_ten_thousand_different_sessions_that_trade() {
        let plans = plans().unwrap();
        let hashes: BTreeSet<String> = plans.iter().map(|plan| plan.hash().to_string()).collect();
        assert!(hashes.len() > 900, "{}", hashes.len());
        assert_eq!(plans.len() * SYMBOLS, 10_000);
        let ticks = walk(2_000);
        let trading = plans.iter().filter(|plan| {
            let mut evaluator = plan.start(Timeframe::Tick);
            ticks.iter().any(|tick| !evaluator.on_tick(tick).is_empty())
        });
        assert!(trading.count() > 900);
    }
}
