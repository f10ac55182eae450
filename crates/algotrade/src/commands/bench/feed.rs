//! `algotrade bench feed`: what reading the feed costs, beside a general JSON parser and another
//! client; and, with servers, what the way of a trade into Kafka takes.

mod delivery;
mod latency;
mod parse;
mod peers;
mod replica;
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
    algotrade bench feed --recording day.ndjson.zst --json\n  \
    algotrade bench feed --peers venv/bin/python           beside ccxt\n  \
    algotrade bench feed --kafka localhost:9092 \\\n      \
    --database postgres://postgres@localhost/postgres --redis redis://localhost/\n\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// Frames to read; a random market makes some where it is missing.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Frames that are parsed in each round.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    frames: u64,
    /// Rounds of each subject and of its baseline, in turns; the best of each counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// A Python whose ccxt reads the same frames.
    #[arg(long, value_name = "PROGRAM")]
    peers: Option<PathBuf>,
    /// A Kafka: then trades go through a socket and market-data, as a process of its own, into it.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ALGOTRADE_TEST_KAFKA",
        requires = "database"
    )]
    kafka: Option<String>,
    /// A Postgres whose user may create databases.
    #[arg(
        long,
        value_name = "URL",
        env = "ALGOTRADE_TEST_DATABASE",
        requires = "kafka"
    )]
    database: Option<String>,
    /// A Redis; market-data's memory where it is missing.
    #[arg(long, value_name = "URL", env = "ALGOTRADE_TEST_REDIS")]
    redis: Option<String>,
    /// Trades of the long run into Kafka.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    trades: u64,
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
    let python = arguments.peers.as_deref();
    let mut figures = parse::figures(&path, arguments.frames, arguments.rounds, python)?;
    figures.push(scan(&path)?);
    let runtime = cli::runtime()?;
    figures.extend(runtime.block_on(socket::figures(&path))?);
    if let (Some(kafka), Some(database)) = (&arguments.kafka, &arguments.database) {
        let given = delivery::Given {
            kafka,
            database,
            redis: arguments.redis.as_deref(),
            trades: arguments.trades,
        };
        figures.extend(runtime.block_on(delivery::figures(&given))?);
    }
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
