//! `algotrade bench feed`: what reading the feed costs, beside a general JSON parser.

mod parse;
mod socket;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use coinbase::market::{MarketConfig, Until, record};
use coinbase::recording::{TimeRange, summarize};

use super::figure::{self, Figure};
use crate::cli;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade bench feed\n  \
    algotrade bench feed --recording day.ndjson.zst --json\n\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// Frames to read; a random market makes some where it is missing.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Frames that are parsed in each round.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    frames: u64,
    /// Rounds of each subject and of its baseline, in turns; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let path = match &arguments.recording {
        Some(path) => path.clone(),
        None => {
            let path = folder.path().join("market.ndjson.zst");
            record(
                &MarketConfig::default(),
                Until::Trades(arguments.frames),
                &path,
            )?;
            path
        }
    };
    let mut figures = parse::figures(&path, arguments.frames, arguments.rounds)?;
    figures.push(scan(&path)?);
    figures.extend(cli::runtime()?.block_on(socket::figures(&path))?);
    figure::print(&figures, arguments.json)
}

/// What the simulator does at its start: reading a recording through.
fn scan(path: &Path) -> anyhow::Result<Figure> {
    let started = Instant::now();
    let summary = summarize(path, TimeRange::ALL)?;
    Ok(Figure {
        name: "recording read".to_owned(),
        value: summary.frames as f64 / started.elapsed().as_secs_f64(),
        unit: "frames/s",
        baseline: None,
        goal: None,
    })
}
