//! `algotrade bench strategy`: what strategies cost, beside what else evaluates them.

mod compiling;
mod nodes;
mod peers;
mod sessions;

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, TimeDelta};
use clap::Args;
use rust_decimal::Decimal;
use strategy_engine::{Plan, Tick, Timeframe, compile_script};

use super::figure::{self, Figure, Goal, median};
use super::stopwatch::Stopwatch;

/// The strategy that every peer evaluates, too.
const CROSSOVER: &str = "fast = sma(close, 10)\nslow = sma(close, 30)\n\
    if crosses_above(fast, slow):\n    buy(size=percent_of_cash(95))\n\
    if crosses_below(fast, slow):\n    sell()\n";
const GOAL: f64 = 20e6;
/// As often as nautilus_trader evaluates the same strategy.
const PEER_GOAL: f64 = 100.0;
/// The system counts a thread's time in steps of some milliseconds.
const PASSES: u32 = 5;
const NAUTILUS: &str = "nautilus_trader";

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade bench strategy\n  \
    algotrade bench strategy --peers \"$(scripts/install-test-tools.sh strategy-peers)\"\n\n\
    Rates are of the processor's time, where the system tells it. What a node costs is the least of\n\
    the rounds, beside a graph without it.\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// Ticks of each round.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=50_000_000))]
    ticks: u32,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Seconds for which ten thousand sessions are evaluated.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// A Python interpreter with nautilus_trader, backtrader or vectorbt, for comparison; those that
    /// it doesn't have are named.
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let ticks = walk(arguments.ticks);
    let mut figures = crossover(&ticks, arguments)?;
    figures.extend(compiling::figures()?);
    figures.extend(sessions::figures(arguments.seconds)?);
    figures.extend(nodes::figures(&ticks, arguments.rounds)?);
    figure::print(&figures, arguments.json)
}

/// Trades of a random market: the same for the same number. Prices have two decimals, volumes
/// eight.
fn walk(count: u32) -> Vec<Tick> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut cents = 6_500_000_i64;
    // A time that every calendar has.
    let begin = DateTime::from_timestamp(1_767_571_200, 0).unwrap_or_default();
    let tick = |index: u32| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let step = i64::from((random >> 40) as u16 % 201) - 100;
        cents = (cents + step).max(100);
        let volume = i64::from((random >> 20) as u32 % 100_000_000) + 1;
        let price = Decimal::new(cents, 2);
        Tick {
            time: begin + TimeDelta::milliseconds(i64::from(index) * 10),
            price,
            volume: Decimal::new(volume, 8),
            bid: Some(price),
            ask: Some(Decimal::new(cents + 1, 2)),
        }
    };
    (0..count).map(tick).collect()
}

/// The plan of a script that has to compile.
fn plan(script: &str) -> anyhow::Result<Arc<Plan>> {
    let script = compile_script(script);
    let first = script
        .diagnostics()
        .first()
        .map(|found| found.message.clone());
    let plan = script.compilation.plan;
    let plan = plan.ok_or_else(|| anyhow!(first.unwrap_or_default()));
    plan.map(Arc::new).context("a strategy of the benchmark")
}

/// Nanoseconds of one evaluation on ticks, which are passed several times, and orders in all.
fn nanos(plan: &Arc<Plan>, ticks: &[Tick], passes: u32) -> (f64, usize) {
    let mut evaluator = plan.start(Timeframe::Tick);
    let mut signals = 0;
    let started = Stopwatch::start();
    for _ in 0..passes {
        for tick in ticks {
            signals += black_box(evaluator.on_tick(black_box(tick))).len();
        }
    }
    let nanos = started.elapsed().as_nanos() as f64;
    (nanos / ticks.len() as f64 / f64::from(passes), signals)
}

fn crossover(ticks: &[Tick], arguments: &Arguments) -> anyhow::Result<Vec<Figure>> {
    let plan = plan(CROSSOVER)?;
    let mut rates = Vec::new();
    for _ in 0..arguments.rounds {
        rates.push(1e9 / nanos(&plan, ticks, PASSES).0);
    }
    let (_, signals) = nanos(&plan, ticks, 1);
    let rate = median(&rates);
    let mut figures = vec![Figure {
        name: "SMA 10/30 crossover, plan only".to_owned(),
        value: rate,
        unit: "ticks/s",
        baseline: None,
        goal: Some(Goal::AtLeast(GOAL)),
    }];
    let Some(python) = &arguments.peers else {
        return Ok(figures);
    };
    for peer in peers::measure(python, ticks, signals)? {
        let goal = (peer.peer == NAUTILUS).then_some(Goal::Ratio(PEER_GOAL));
        figures.push(Figure {
            name: format!("the same, beside {}", peer.peer),
            value: rate,
            unit: "ticks/s",
            baseline: Some(peer.rate),
            goal,
        });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_market_is_the_same_each_time_and_moves() {
        let ticks = walk(10_000);
        assert_eq!(ticks, walk(10_000));
        let prices = || ticks.iter().map(|tick| tick.price);
        let (low, high) = (prices().min().unwrap(), prices().max().unwrap());
        assert!(
            low > Decimal::ZERO && high - low > Decimal::TEN,
            "{low} to {high}"
        );
        assert!(ticks.iter().all(|tick| tick.volume > Decimal::ZERO));
        let (_, signals) = nanos(&plan(CROSSOVER).unwrap(), &ticks, 1);
        assert!(signals > 100, "{signals}");
    }
}
