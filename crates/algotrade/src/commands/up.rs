//! `algotrade up`: the whole platform in one process.

use std::fs;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use coinbase::ProductId;
use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle};
use service_kit::auth::GUEST;
use service_kit::service::stop_signal;
use service_kit::settings::{FeedSource, Purpose};
use service_kit::{Role, Settings};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::api::Api;
use crate::backing::Backing;
use crate::platform::{Feed, Platform};
use crate::{cli, demo, output, room};

/// A market in which the demo's two averages cross within seconds, and again soon after.
const SEED: u64 = 8;
/// How long Coinbase may take to answer.
const PROBE: Duration = Duration::from_secs(5);
/// How long the services may take to be ready.
const READY: Duration = Duration::from_secs(30);
/// What the terminal shows unless something else is asked for.
const QUIET: &str = "warn,librdkafka=error,rdkafka=error,nisshi=error,wasmer=error";

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade up\n  \
    algotrade up --feed simulator --port 9000 --data /tmp/algotrade\n\n\
    Ctrl-C stops it; the next start goes on where it stopped.")]
pub(crate) struct Arguments {
    /// The port of the page and of all interfaces.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where broker and database keep their data.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Where market data comes from; `auto` takes Coinbase if it answers within 5 s.
    #[arg(long, value_enum, default_value_t = FeedChoice::Auto)]
    feed: FeedChoice,
    /// Seed of the simulated market.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Don't create a demo strategy and session.
    #[arg(long)]
    no_demo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FeedChoice {
    Auto,
    Coinbase,
    Simulator,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if std::env::var_os("ALGOTRADE__LOG__FILTER").is_none() {
        settings.log.filter = QUIET.to_owned();
    }
    service_kit::telemetry::init_logs(&settings.log)?;
    let runtime = cli::runtime()?;
    let outcome = runtime.block_on(up(arguments, settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn up(arguments: &Arguments, mut settings: Settings) -> anyhow::Result<()> {
    let started = Instant::now();
    coinbase::client::install_crypto_provider();
    let shutdown = CancellationToken::new();
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stop_signal().await;
        stopping.cancel();
    });
    fs::create_dir_all(&arguments.data)
        .with_context(|| format!("--data {}", arguments.data.display()))?;
    room::require(&arguments.data)?;
    settings.auth.secret = secret(&arguments.data)?.into();
    settings.auth.secret_file.clear();
    settings.auth.guest = true;
    // The feed is looked for while broker and database start.
    let (backing, feed) = tokio::join!(
        Backing::embed(&arguments.data, &mut settings),
        choose_feed(arguments.feed, arguments.seed)
    );
    let backing = backing?;
    let (feed, simulator, why) = feed?;
    let simulated = feed.source == FeedSource::Simulator;
    feed.enter(&mut settings);
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let demo_symbol = settings.feed.products.first().cloned();
    let platform = Platform::start(settings, listen, true, true, shutdown.clone()).await?;
    let prepared = prepare(arguments, &platform, demo_symbol.as_deref(), &shutdown).await;
    if let Err(error) = prepared {
        shutdown.cancel();
        platform.ended().await?;
        backing.shutdown().await;
        return Err(error);
    }
    banner(arguments, &platform, simulated, why, started.elapsed());
    tokio::spawn(room::watch(arguments.data.clone(), shutdown.clone()));
    platform.ended().await?;
    if let Some(simulator) = simulator {
        simulator.shutdown().await;
    }
    backing.shutdown().await;
    output::note("stopped; the next start goes on from here");
    Ok(())
}

async fn prepare(
    arguments: &Arguments,
    platform: &Platform,
    symbol: Option<&str>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let preparing = async {
        platform.ready(READY).await?;
        let Some(symbol) = symbol.filter(|_| !arguments.no_demo) else {
            return Ok(());
        };
        let token = platform.context.auth.issue(GUEST, Role::User);
        let token = token
            .map_err(|problem| anyhow::anyhow!("{}", problem.detail))?
            .token;
        let url = format!("http://127.0.0.1:{}", platform.address.port());
        demo::prepare(&Api::new(platform.context.http.clone(), url, token), symbol).await
    };
    tokio::select! {
        outcome = preparing => outcome,
        () = shutdown.cancelled() => Ok(()),
    }
}

/// The secret that signs tokens, kept beside the data so that tokens outlive a restart.
fn secret(data: &Path) -> anyhow::Result<String> {
    let path = data.join("auth-secret");
    match fs::read_to_string(&path) {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .with_context(|| path.display().to_string())?;
            writeln!(file, "{secret}")?;
            Ok(secret)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

type Chosen = (Feed, Option<SimulatorHandle>, Option<String>);

/// The feed, the simulator if it is one, and why `auto` took it.
async fn choose_feed(choice: FeedChoice, seed: u64) -> anyhow::Result<Chosen> {
    let real = service_kit::settings::FeedSettings::default();
    let coinbase = Feed {
        websocket_url: real.websocket_url.clone(),
        rest_url: real.rest_url,
        source: FeedSource::Coinbase,
    };
    let mut why = None;
    match choice {
        FeedChoice::Coinbase => return Ok((coinbase, None, None)),
        FeedChoice::Simulator => {}
        FeedChoice::Auto => {
            let product = ProductId::parse("BTC-USD")?;
            match coinbase::client::probe(&real.websocket_url, product, PROBE).await {
                Ok(_) => return Ok((coinbase, None, None)),
                Err(error) => why = Some(format!("Coinbase does not answer: {error}")),
            }
        }
    }
    let config = SimulatorConfig::market(MarketConfig {
        seed,
        // Lively, so that a newcomer doesn't wait for the next crossing.
        trades_per_second: 20.0,
        ..MarketConfig::default()
    });
    let simulator = Simulator::start(config).await?;
    let feed = Feed {
        websocket_url: simulator.ws_url(),
        rest_url: simulator.rest_url(),
        source: FeedSource::Simulator,
    };
    Ok((feed, Some(simulator), why))
}

fn banner(
    arguments: &Arguments,
    platform: &Platform,
    simulated: bool,
    why: Option<String>,
    took: Duration,
) {
    let market = match (simulated, why) {
        (false, _) => "live from Coinbase".to_owned(),
        (true, None) => "SIMULATED (as asked for)".to_owned(),
        (true, Some(why)) => format!("SIMULATED ({why})"),
    };
    let rows = [
        ("page", platform.url()),
        ("market", market),
        (
            "broker",
            format!(
                "embedded, {}",
                platform.context.settings.kafka.bootstrap_servers
            ),
        ),
        (
            "database",
            "embedded Postgres; the cache is in memory".to_owned(),
        ),
        ("data", arguments.data.display().to_string()),
        ("stop", "Ctrl-C".to_owned()),
    ];
    output::note("");
    output::note(&format!(
        "  {}  ready after {:.1} s",
        bold(&format!("AlgoTrade {}", env!("CARGO_PKG_VERSION"))),
        took.as_secs_f64()
    ));
    for (name, value) in rows {
        output::note(&format!("  {name:<9} {value}"));
    }
    output::note("");
}

/// Text in bold, where somebody can see it and hasn't switched colours off.
fn bold(text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stderr().is_terminal();
    match plain {
        true => text.to_owned(),
        false => format!("\u{1b}[1m{text}\u{1b}[0m"),
    }
}
