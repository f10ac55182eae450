//! `algotrade backtest`: a strategy over recorded trades or candles, without a platform.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, anyhow, bail};
use backtest::{Axis, Grid, Result as Outcome, Strategy, Terms, page};
use chrono::{DateTime, Utc};
use clap::Args;
use coinbase::ProductId;
use coinbase::recording::TimeRange;
use rust_decimal::Decimal;
use strategy_engine::{Severity, Timeframe};

use crate::output;
use crate::strategies::Source;
use market::Market;

mod market;
mod report;
mod trades;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade generate demo.ndjson.zst\n  \
    algotrade backtest mine.py demo.ndjson.zst\n  \
    algotrade backtest mine.py demo.ndjson.zst --timeframe 1m --html report.html\n  \
    algotrade backtest mine.py day/ --param fast=5..20:5 --param slow=30,50,100\n  \
    algotrade backtest drawing.json demo.ndjson.zst --param ema-fast.period=5..20:5\n  \
    algotrade backtest mine.py candles.csv --timeframe 15m\n\n\
    On trades, the ledger is the one that `algotrade replay` has on the same trades.\n\
    Candles are CSV with a header, JSON lines, or an answer of /v1/candles, with time (RFC 3339, or\n\
    seconds or milliseconds since 1970), open, high, low, close and volume. Orders are filled at the\n\
    next candle's open; what a candle leaves unclear is decided against the strategy.")]
pub(crate) struct Arguments {
    /// A script, or a graph as JSON.
    strategy: PathBuf,
    /// Frames of Coinbase's feed, or a folder of them, perhaps compressed with zstd; or candles.
    #[arg(value_name = "RECORDING")]
    data: PathBuf,
    /// The product to trade on.
    #[arg(long, default_value = "BTC-USD")]
    symbol: ProductId,
    /// `tick`, `1s` to `1d`, or bars of trades, volume or price: `ticks:100`, `volume:2.5`, `range:25`;
    /// by default the strategy's own, or else `tick`, or one candle.
    #[arg(long)]
    timeframe: Option<Timeframe>,
    /// Cash to begin with.
    #[arg(long, default_value = "100000")]
    cash: Decimal,
    /// Fee as a fraction of the notional.
    #[arg(long, default_value = "0.001")]
    fee: Decimal,
    /// Begin with trades of this event time.
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,
    /// End before trades of this event time.
    #[arg(long, value_name = "TIME")]
    to: Option<DateTime<Utc>>,
    /// Values of a parameter: NAME=VALUE, NAME=FROM..TO:STEP or NAME=A,B,C; repeatable. Of a graph,
    /// NAME is NODE.FIELD. All combinations are tried, several at once.
    #[arg(long = "param", value_name = "NAME=VALUES")]
    params: Vec<Axis>,
    /// Write a page with equity, drawdown and trades; of several combinations, of the best one.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Combinations to show, best first.
    #[arg(long, default_value = "20", value_name = "COUNT")]
    top: usize,
    /// Print one JSON object, with every order.
    #[arg(long)]
    json: bool,
}

/// A combination, and what came of it.
pub(crate) struct Run {
    params: BTreeMap<String, String>,
    outcome: Outcome,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let source = Source::read(&arguments.strategy)?;
    let names = arguments.params.iter().map(|axis| axis.name.as_str());
    let strategy = source.strategy();
    if let Some(unknown) = strategy.unknown_param(names) {
        bail!("the graph has no parameter `{unknown}`: write NODE.FIELD, such as ema-fast.period");
    }
    let combinations = Grid::new(arguments.params.clone())?.combinations();
    // The first tells whether it compiles at all, before a long recording is read.
    let first = combinations.first().cloned().unwrap_or_default();
    let tried = strategy.compile_with(&first);
    let name = arguments.strategy.display().to_string();
    for diagnostic in &tried.compilation.diagnostics {
        if diagnostic.severity != Severity::Notice {
            output::note(&diagnostic.render(&name, source.text(), false));
        }
    }
    if !tried.compilation.ok() {
        bail!("{name} does not compile");
    }
    let range = TimeRange {
        from: arguments.from,
        to: arguments.to,
    };
    let market = Market::read(&arguments.data, arguments.symbol, range)?;
    let terms = Terms {
        timeframe: match arguments.timeframe.or(tried.timeframe) {
            Some(timeframe) => timeframe,
            None => market.timeframe()?,
        },
        initial_balance: arguments.cash,
        fee_rate: arguments.fee,
    };
    if market.len() == 0 {
        let file = arguments.data.display();
        match &market {
            Market::Candles(_) => bail!("{file} has no candles in that time"),
            Market::Trades(_) => bail!(
                "{file} has no trades of {} in that time; `algotrade recording info` shows what it has",
                arguments.symbol
            ),
        }
    }
    let mut runs = all(strategy, &combinations, &terms, &market)?;
    // The best first; of equal ones, in the order of the grid.
    runs.sort_by_key(|run| std::cmp::Reverse(run.outcome.final_equity));
    let title = tried.name.unwrap_or(name);
    if let (Some(file), Some(best)) = (&arguments.html, runs.first()) {
        let title = report::title(&title, &best.params);
        let html = page(&title, &best.outcome);
        std::fs::write(file, html).with_context(|| file.display().to_string())?;
    }
    match arguments.json {
        true => report::json(&title, &terms, &market, &runs)?,
        false => report::table(&title, &terms, &market, &runs, arguments.top),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every combination, as many at once as there are processors.
fn all(
    strategy: &Strategy,
    combinations: &[BTreeMap<String, String>],
    terms: &Terms,
    market: &Market,
) -> anyhow::Result<Vec<Run>> {
    let progress = match combinations.len() {
        // One is over before a bar has told anything.
        0 | 1 => None,
        count => Some(output::progress(count as u64, "combinations")?),
    };
    let next = AtomicUsize::new(0);
    let runs: Mutex<Vec<(usize, anyhow::Result<Run>)>> = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(combinations.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(params) = combinations.get(index) else {
                        return;
                    };
                    let run = one(strategy, params, terms, market);
                    if let Ok(mut runs) = runs.lock() {
                        runs.push((index, run));
                    }
                    if let Some(progress) = &progress {
                        progress.inc(1);
                    }
                }
            });
        }
    });
    if let Some(progress) = progress {
        progress.finish_and_clear();
    }
    let mut runs = runs
        .into_inner()
        .map_err(|_| anyhow!("a backtest ended badly"))?;
    runs.sort_by_key(|(index, _)| *index);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn one(
    strategy: &Strategy,
    params: &BTreeMap<String, String>,
    terms: &Terms,
    market: &Market,
) -> anyhow::Result<Run> {
    let tried = strategy.compile_with(params);
    let Some(plan) = tried.compilation.plan else {
        let first = tried.compilation.diagnostics.first();
        let reason = first.map_or("it does not compile", |first| &first.message);
        bail!("with {}: {reason}", report::named(params));
    };
    Ok(Run {
        params: params.clone(),
        outcome: market.run(&Arc::new(plan), terms)?,
    })
}
