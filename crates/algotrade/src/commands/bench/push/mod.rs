//! `algotrade bench push`: thousands of WebSocket clients, what they get, when, and what a connection
//! takes; on a replica of notification, or on a Centrifugo with the same clients and the same load.

mod client;
mod load;
mod peer;
mod process;
mod replica;
mod tally;
mod trades;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::figure::{self, Figure, Goal};
use crate::{cli, output};
use load::{Load, Measured};
use peer::Peer;
use replica::Replica;

/// Memory of a connection, without the kernel's buffers.
const GOAL_KILOBYTES: f64 = 10.0;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    test-servers run -- algotrade bench push\n  \
    algotrade bench push --kafka localhost:9092 --database postgres://postgres@localhost/postgres\n  \
    algotrade bench push ... --against ws://localhost:8000/connection/websocket \\\n      \
    --against-topic TOPIC --against-secret SECRET --against-pid 4711\n\n\
    It starts a replica of notification of its own, on topics and a database that it deletes.\n\
    The Centrifugo needs a namespace `user` with `allow_subscribe_for_client`, and a consumer of the topic.\n\
    Both processes need an open file for each client: `ulimit -n 20000`.\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// The brokers, as host:port with commas between; `test-servers run` gives its own.
    #[arg(long, value_name = "HOST:PORT", env = "ALGOTRADE_TEST_KAFKA")]
    kafka: String,
    /// A Postgres whose user may create databases.
    #[arg(
        long,
        value_name = "URL",
        env = "ALGOTRADE_TEST_DATABASE",
        hide_env_values = true
    )]
    database: String,
    /// A Redis, as replicas share one; the replica's own memory where it is missing.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// WebSocket clients.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// Channels; each client listens to one.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    channels: u32,
    /// Messages a second, over all channels.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// For how long they are sent, after two seconds that don't count.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Messages that are sent at once afterwards, for the throughput.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    burst: u32,
    /// The notification service's program; beside this one where it isn't given.
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    #[command(flatten)]
    against: Against,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A Centrifugo that is measured after.
#[derive(Debug, Args)]
struct Against {
    /// Its WebSocket.
    #[arg(long = "against", value_name = "URL", requires_all = ["against_topic", "against_secret"])]
    url: Option<String>,
    /// The topic, on the same brokers, that it takes commands from.
    #[arg(long = "against-topic", id = "against_topic", value_name = "TOPIC")]
    topic: Option<String>,
    /// Its `client.token.hmac_secret_key`.
    #[arg(
        long = "against-secret",
        id = "against_secret",
        value_name = "SECRET",
        env = "CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY",
        hide_env_values = true
    )]
    secret: Option<String>,
    /// Its process, for its memory and its time.
    #[arg(long = "against-pid", id = "against_pid", value_name = "PID")]
    pid: Option<u32>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let figures = cli::runtime()?.block_on(measure(arguments))?;
    figure::print(&figures, arguments.json)
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Vec<Figure>> {
    coinbase::client::install_crypto_provider();
    let load = Load {
        clients: arguments.clients,
        channels: arguments.channels,
        rate: arguments.rate,
        seconds: arguments.seconds,
        burst: arguments.burst,
    };
    process::check_files(u64::from(load.clients))?;
    let peer = Peer::of(&arguments.against, &arguments.kafka)?;
    let replica = Replica::start(arguments).await?;
    output::note(&format!("{} clients on notification", load.clients));
    let ours = load.run(&replica.target()).await;
    replica.stop().await?;
    let ours = ours?;
    let theirs = match peer {
        None => {
            output::note("left out: the same load on a Centrifugo (no --against)");
            None
        }
        Some(peer) => {
            output::note(&format!("{} clients on the Centrifugo", load.clients));
            Some(load.run(&peer.target()).await?)
        }
    };
    Ok(figures(&ours, theirs.as_ref()))
}

fn figures(ours: &Measured, theirs: Option<&Measured>) -> Vec<Figure> {
    let figure = |name: &str, unit, of: fn(&Measured) -> Option<f64>, goal| {
        let value = of(ours)?;
        Some(Figure {
            name: name.to_owned(),
            value,
            unit,
            baseline: theirs.and_then(of),
            goal,
        })
    };
    // At least the Centrifugo's equal, where there is one.
    let least = theirs.map(|_| Goal::Ratio(1.0));
    let most = theirs.map(|_| Goal::RatioAtMost(1.0));
    [
        figure("clients", "", |m| Some(m.clients), None),
        figure("lost", "", |m| Some(m.lost), Some(Goal::AtMost(0.0))),
        figure(
            "reordered",
            "",
            |m| Some(m.reordered),
            Some(Goal::AtMost(0.0)),
        ),
        figure("delivered", "1/s", |m| Some(m.rate), None),
        figure("latency, p50", "ms", |m| Some(m.p50), None),
        figure("latency, p99", "ms", |m| Some(m.p99), most),
        figure("delivered in a burst", "1/s", |m| Some(m.burst_rate), least),
        figure(
            "memory of a connection",
            "KB",
            |m| m.kilobytes,
            Some(Goal::AtMost(GOAL_KILOBYTES)),
        ),
        figure(
            "processor time of a delivery",
            "µs",
            |m| m.processor_micros,
            most,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
