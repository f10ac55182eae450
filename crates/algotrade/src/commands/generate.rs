//! `algotrade generate`: a recording of a random market.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;
use coinbase::market::{self, MarketConfig, Until};

use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    algotrade generate demo.ndjson.zst --trades 100000 --seed 7")]
pub(crate) struct Arguments {
    /// Where to write it; compressed if the name ends in .zst. An existing file is replaced.
    file: PathBuf,
    /// How many trades, over all products.
    #[arg(long, default_value_t = 100_000)]
    trades: u64,
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

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = MarketConfig {
        seed: arguments.seed,
        start: Some(arguments.start),
        trades_per_second: arguments.trades_per_second,
        ..MarketConfig::default()
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
