//! `algotrade generate`: a recording of a random market.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use coinbase::market::{self, MarketConfig, Until};

use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade generate demo.ndjson.zst --trades 100000 --seed 7\n  \
    algotrade generate week.ndjson.zst --market realistic --trades 4000000")]
pub(crate) struct Arguments {
    /// Where to write it; compressed if the name ends in .zst. An existing file is replaced.
    file: PathBuf,
    /// How many trades, over all products.
    #[arg(long, default_value_t = 100_000)]
    trades: u64,
    /// What the market is like.
    #[arg(long, value_enum, default_value_t = MarketKind::Lively)]
    market: MarketKind,
    /// The same seed gives the same market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Event time of the first frame.
    #[arg(long, default_value = "2026-01-05T00:00:00Z")]
    start: DateTime<Utc>,
    /// Trades a second of each product.
    #[arg(long, default_value_t = 5.0)]
    trades_per_second: f64,
}

/// The markets that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarketKind {
    /// Three products at an even pace, whose averages cross often.
    Lively,
    /// Six products with days and nights, busy minutes, drift and jumps.
    Realistic,
}

impl MarketKind {
    pub(crate) fn config(self) -> MarketConfig {
        match self {
            Self::Lively => MarketConfig::default(),
            Self::Realistic => MarketConfig::realistic(),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = MarketConfig {
        seed: arguments.seed,
        start: Some(arguments.start),
        trades_per_second: arguments.trades_per_second,
        ..arguments.market.config()
    };
    let summary = market::record(&config, Until::Trades(arguments.trades), &arguments.file)?;
    output::note(&format!(
        "{}: {} trades in {} frames",
        arguments.file.display(),
        summary.trades(),
        summary.frames
    ));
    Ok(ExitCode::SUCCESS)
}
