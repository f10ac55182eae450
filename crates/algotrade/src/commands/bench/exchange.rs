//! `algotrade bench exchange`: the paper exchange alone, with a strategy, and on a real log.

mod account;
mod latency;
mod page;
mod peer;
mod restore;
mod strategy;

use std::process::ExitCode;

use clap::Args;

use super::figure::{self, Figure, Goal};
use crate::{cli, output};

const GOAL_TICKS: f64 = 5_000_000.0;
const GOAL_FILLS: f64 = 1_000_000.0;
const GOAL_PEER: f64 = 200.0;
const GOAL_RESTORE_SECONDS: f64 = 5.0;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade bench exchange\n  \
    algotrade bench exchange --peers ~/venv/bin/python --json\n  \
    test-servers run -- algotrade bench exchange\n\n\
    Alone: an account with 10 limit orders in the book that the market doesn't reach, and one that\n\
    fills a market order at every trade. With a strategy: the crossover of SMA 10 and 30 on ticks,\n\
    beside nautilus_trader on the same trades, where --peers names a Python that has it. The\n\
    fingerprints of all fills are printed: a faster exchange must not be another one.\n\n\
    On a real log (with --kafka and --database): from a tick's acknowledgement by the broker until\n\
    its execution can be read by a read_committed consumer, and until a WebSocket client, as a page\n\
    is one, is pushed it; by stages, at a steady rate; all services run in this process. And how\n\
    long forward-test takes to restore sessions.\n\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// Trades that the account meets.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    ticks: u64,
    /// Runs of each; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// A Python that has nautilus_trader.
    #[arg(long, value_name = "PROGRAM")]
    peers: Option<String>,
    /// A real Kafka; topics of this run are made there and removed.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ALGOTRADE_TEST_KAFKA",
        requires = "database"
    )]
    kafka: Option<String>,
    /// A real Postgres, whose user may create databases: one is made for this run and removed.
    #[arg(
        long,
        value_name = "URL",
        env = "ALGOTRADE_TEST_DATABASE",
        requires = "kafka"
    )]
    database: Option<String>,
    /// Ticks a second of the latency's measurement.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=50_000))]
    rate: u32,
    /// How long it measures.
    #[arg(long, default_value_t = 30, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(2..=3_600))]
    seconds: u32,
    /// Sessions that are restored.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    sessions: u32,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut figures = Vec::new();
    let rounds = arguments.rounds;
    output::note("the account alone");
    let (ticks, same) = account::resting(arguments.ticks, rounds)?;
    figures.push(at_least(
        "ticks with 10 open orders",
        ticks,
        "ticks/s",
        GOAL_TICKS,
    ));
    let (fills, hash) = account::filling(arguments.ticks / 5, rounds)?;
    figures.push(at_least("fills", fills, "fills/s", GOAL_FILLS));
    output::note(&format!("outputs of the resting account: {same}"));
    output::note(&format!("fills: sha256 {hash}"));
    output::note("with a strategy");
    let trades = strategy::trades()?;
    let (ours, filled, hash) = strategy::measure(&trades, rounds)?;
    output::note(&format!(
        "SMA 10/30 on {} trades: sha256 {hash}",
        trades.len()
    ));
    let peer = match &arguments.peers {
        Some(python) => peer::measure(python, &trades, filled)?,
        None => {
            output::note("left out: nautilus_trader (--peers names a Python that has it)");
            None
        }
    };
    figures.push(Figure {
        name: "SMA 10/30 with orders, against nautilus_trader".to_owned(),
        value: ours,
        unit: "ticks/s",
        baseline: peer,
        goal: peer.map(|_| Goal::Ratio(GOAL_PEER)),
    });
    match (&arguments.kafka, &arguments.database) {
        (Some(kafka), Some(database)) => {
            let runtime = cli::runtime()?;
            let measured = runtime.block_on(on_a_log(arguments, kafka, database));
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            figures.extend(measured?);
        }
        _ => output::note("left out: latency and restoring (they take --kafka and --database)"),
    }
    figure::print(&figures, arguments.json)
}

fn at_least(name: &str, value: f64, unit: &'static str, goal: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        baseline: None,
        goal: Some(Goal::AtLeast(goal)),
    }
}

async fn on_a_log(
    arguments: &Arguments,
    kafka: &str,
    database: &str,
) -> anyhow::Result<Vec<Figure>> {
    let stages = latency::measure(kafka, database, arguments.rate, arguments.seconds).await?;
    let mut figures = Vec::new();
    for stage in &stages {
        for (index, (name, part)) in [("p50", 0.5), ("p99", 0.99)].into_iter().enumerate() {
            figures.push(Figure {
                name: format!("{}, {name}", stage.name),
                value: stage.quantile(part),
                unit: "ms",
                baseline: None,
                goal: stage.goals.map(|goals| Goal::AtMost(goals[index])),
            });
        }
    }
    let seconds = restore::measure(kafka, database, arguments.sessions).await?;
    figures.push(Figure {
        name: format!("restoring {} sessions", arguments.sessions),
        value: seconds,
        unit: "s",
        baseline: None,
        goal: Some(Goal::AtMost(GOAL_RESTORE_SECONDS)),
    });
    Ok(figures)
}
