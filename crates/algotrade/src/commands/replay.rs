//! `algotrade replay`: a recording through the whole pipeline, and a report.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use coinbase::recording::TimeRange;
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Speed};
use kafka_common::admin;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{ForwardTestService, KafkaSettings, Service as _, Topic as _};
use rust_decimal::Decimal;
use service_kit::auth::GUEST;
use service_kit::settings::{FeedSource, Purpose};
use service_kit::{Role, Settings};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::simulator::parse_speed;
use crate::api::{Api, NewSession};
use crate::platform::{Feed, Platform};
use crate::strategies::Source;
use crate::{cli, demo, output};

mod report;
mod servers;

use report::Report;
use servers::Servers;

const READY: Duration = Duration::from_secs(60);
/// How long nothing may move before the replay is taken for stuck.
const STUCK: Duration = Duration::from_secs(60);
/// Signs the tokens of this process only.
const SECRET_LENGTH: &str = "a secret of this process only: ";

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade generate demo.ndjson.zst\n  \
    algotrade replay demo.ndjson.zst\n  \
    algotrade replay demo.ndjson.zst --strategy mine.json --symbol ETH-USD --json\n  \
    algotrade replay demo.ndjson.zst --kafka localhost:9092 \\\n      \
    --database postgres://postgres@localhost/postgres --redis redis://localhost/")]
pub(crate) struct Arguments {
    /// Frames of Coinbase's feed, one a line, perhaps compressed with zstd.
    recording: PathBuf,
    /// A script, or a graph as JSON; repeatable. Without it, the crossover of SMA 10 and 30 on ticks.
    #[arg(long, value_name = "FILE")]
    strategy: Vec<PathBuf>,
    /// The product to trade on.
    #[arg(long, default_value = "BTC-USD")]
    symbol: String,
    /// Cash to begin with.
    #[arg(long, default_value = "100000")]
    cash: Decimal,
    /// Fee as a fraction of the notional.
    #[arg(long, default_value = "0.001")]
    fee: Decimal,
    /// `max`, `1` for real time, or a factor.
    #[arg(long, default_value = "max", value_parser = parse_speed)]
    speed: Speed,
    /// Begin with frames of this event time.
    #[arg(long, value_name = "TIME")]
    from: Option<DateTime<Utc>>,
    /// End before frames of this event time.
    #[arg(long, value_name = "TIME")]
    to: Option<DateTime<Utc>>,
    /// Keep the embedded servers' data here; else it is gone at the end.
    #[arg(long, value_name = "DIR", conflicts_with = "kafka")]
    data: Option<PathBuf>,
    /// A real Kafka; topics of this run are made there and removed.
    #[arg(long, value_name = "HOST:PORT", requires = "database")]
    kafka: Option<String>,
    /// A real Postgres, whose user may create databases: one is made for this run and removed.
    #[arg(long, value_name = "URL", requires = "kafka")]
    database: Option<String>,
    /// A real Redis; the process's memory where it is missing.
    #[arg(long, value_name = "URL", requires = "kafka")]
    redis: Option<String>,
    /// End with one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if std::env::var_os("ALGOTRADE__LOG__FILTER").is_none() {
        settings.log.filter = "error".to_owned();
    }
    let runtime = cli::runtime()?;
    let report = runtime.block_on(replay(arguments, settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
    report?.print(arguments.json);
    Ok(ExitCode::SUCCESS)
}

async fn replay(arguments: &Arguments, mut settings: Settings) -> anyhow::Result<Report> {
    coinbase::client::install_crypto_provider();
    let strategies = strategies(arguments)?;
    let mut config = SimulatorConfig::recording(&arguments.recording);
    config.speed = arguments.speed;
    config.hold = true;
    if let coinbase::simulator::Source::Recording { range, .. } = &mut config.source {
        *range = TimeRange {
            from: arguments.from,
            to: arguments.to,
        };
    }
    let simulator = Simulator::start(config)
        .await
        .with_context(|| arguments.recording.display().to_string())?;
    Feed {
        websocket_url: simulator.ws_url(),
        rest_url: simulator.rest_url(),
        source: FeedSource::Simulator,
    }
    .enter(&mut settings);
    settings.feed.products = simulator
        .products()
        .iter()
        .map(|p| p.id.to_string())
        .collect();
    // A recording at full speed has no heartbeats, and ends.
    settings.feed.stale_after_seconds = 0;
    settings.auth.secret = format!("{SECRET_LENGTH}{}", Uuid::new_v4()).into();
    settings.auth.secret_file.clear();
    let servers = Servers::prepare(arguments, &mut settings).await?;
    let shutdown = CancellationToken::new();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let kafka = settings.kafka.clone();
    let embedded = servers.are_embedded();
    let platform = Platform::start(settings, listen, embedded, false, shutdown.clone()).await?;
    let outcome = tokio::select! {
        outcome = play(arguments, &strategies, &platform, &simulator, &kafka) => outcome,
        () = service_kit::service::stop_signal() => Err(anyhow::anyhow!("interrupted")),
    };
    shutdown.cancel();
    platform.ended().await?;
    simulator.shutdown().await;
    servers.remove(&kafka).await?;
    outcome
}

/// Names and sources of the strategies.
fn strategies(arguments: &Arguments) -> anyhow::Result<Vec<(String, Source)>> {
    if arguments.strategy.is_empty() {
        let (name, graph) = demo::crossover()?;
        return Ok(vec![(name.to_owned(), Source::of_graph(graph))]);
    }
    let read = |path: &PathBuf| {
        let source = Source::read(path)?;
        let name = path
            .file_stem()
            .map_or("strategy".into(), |stem| stem.to_string_lossy());
        Ok((name.into_owned(), source))
    };
    arguments.strategy.iter().map(read).collect()
}

async fn play(
    arguments: &Arguments,
    strategies: &[(String, Source)],
    platform: &Platform,
    simulator: &SimulatorHandle,
    kafka: &KafkaSettings,
) -> anyhow::Result<Report> {
    platform.ready(READY).await?;
    let token = platform.context.auth.issue(GUEST, Role::User);
    let token = token
        .map_err(|problem| anyhow::anyhow!("{}", problem.detail))?
        .token;
    let url = format!("http://127.0.0.1:{}", platform.address.port());
    let api = Api::new(platform.context.http.clone(), url, token);
    let mut sessions = Vec::new();
    for (index, (name, source)) in strategies.iter().enumerate() {
        let strategy_id = api
            .create_strategy(name, source.kind(), &source.value())
            .await?;
        // The key makes the session's id, so a run repeats the ids of the one before.
        let session = api
            .create_session(&NewSession {
                strategy_id,
                name,
                symbol: &arguments.symbol,
                cash: arguments.cash,
                fee: arguments.fee,
                key: &format!("replay/{index}"),
                terms: "",
            })
            .await?;
        sessions.push(api.wait_for(session.id, "RUNNING", READY).await?.id);
    }
    let started = Instant::now();
    simulator.release();
    follow(platform, simulator).await?;
    platform.feed.settled(simulator.stats().frames_sent).await;
    caught_up(kafka).await?;
    let elapsed = started.elapsed();
    let mut report = Report::new(platform.feed.counts(), elapsed);
    for id in sessions {
        api.stop_session(id).await?;
        let session = api.wait_for(id, "STOPPED", READY).await?;
        report.add(session, api.executions(id).await?);
    }
    Ok(report)
}

/// Shows progress until the recording has been sent.
async fn follow(platform: &Platform, simulator: &SimulatorHandle) -> anyhow::Result<()> {
    let trades = simulator
        .summary()
        .map_or(0, coinbase::recording::Summary::trades);
    let progress = output::progress(trades, "trades")?;
    let mut ticker = tokio::time::interval(Duration::from_millis(100));
    tokio::select! {
        () = simulator.finished() => {}
        () = async {
            loop {
                ticker.tick().await;
                progress.set_position(platform.feed.counts().published);
            }
        } => {}
    }
    progress.finish_and_clear();
    Ok(())
}

/// Waits until forward-test has applied the whole log of market data.
async fn caught_up(kafka: &KafkaSettings) -> anyhow::Result<()> {
    let topic = MarketDataUpdates::SPEC;
    let ends = admin::watermarks(kafka, topic.name, topic.partitions).await?;
    let mut last = (0, Instant::now());
    loop {
        let group = ForwardTestService::GROUP;
        let applied = admin::committed_offsets(kafka, group, topic.name, topic.partitions).await?;
        let behind = ends.iter().zip(&applied).map(|((first, end), applied)| {
            let applied = applied.unwrap_or(*first);
            (end - applied).max(0)
        });
        let behind: i64 = behind.sum();
        if behind == 0 {
            return Ok(());
        }
        if behind != last.0 {
            last = (behind, Instant::now());
        } else if last.1.elapsed() > STUCK {
            bail!("forward-test is {behind} trades behind and has not moved for {STUCK:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
