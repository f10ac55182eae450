//! `algotrade record`: what a feed sends, into files.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use coinbase::ProductId;
use coinbase::client::{
    self, DEFAULT_ADVANCED_URL, DEFAULT_WEBSOCKET_URL, FeedConfig, FeedKind, RecorderStats,
};
use coinbase::exchange::Channel;
use coinbase::recording::StoreConfig;
use service_kit::service::stop_signal;
use service_kit::settings::{self, FeedSettings, Purpose};
use service_kit::telemetry;
use tokio_util::sync::CancellationToken;

use crate::{cli, output};

/// How often the counts are printed.
const REPORT: Duration = Duration::from_secs(10);

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade record day/\n  \
    algotrade record day/ --products BTC-USD,ETH-USD --kind advanced --seconds 60\n\n\
    What is in it, and to play it again:\n  \
    algotrade recording info day/\n  \
    algotrade simulator --recording day/")]
pub(crate) struct Arguments {
    /// Where to write the files. What is there already stays.
    folder: PathBuf,
    /// Products, separated by commas. Default: those of the configuration.
    #[arg(long, value_delimiter = ',')]
    products: Vec<ProductId>,
    /// Which of Coinbase's feeds. Default: that of the configuration.
    #[arg(long)]
    kind: Option<Kind>,
    /// The feed's WebSocket. Default: that of the configuration.
    #[arg(long)]
    url: Option<String>,
    /// Record the order book as well (Exchange feed only): some twenty times as much.
    #[arg(long)]
    book: bool,
    /// Stop after so many seconds; else with Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// A file is complete with so many MiB, compressed.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    file_mib: u64,
    /// A file is complete after so many minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    file_minutes: u64,
    /// Delete the oldest files while the folder has more than so many MiB.
    #[arg(long, default_value_t = 10_240, value_parser = clap::value_parser!(u64).range(1..))]
    keep_mib: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// The Exchange feed.
    Exchange,
    /// The Advanced Trade feed.
    Advanced,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(Purpose::Tool)?;
    telemetry::init_logs(&settings.log)?;
    let feed = feed(arguments, &settings.feed);
    let products = products(arguments, &settings.feed)?;
    let store = StoreConfig {
        max_file_bytes: arguments.file_mib << 20,
        max_file_age: Duration::from_secs(arguments.file_minutes.saturating_mul(60)),
        max_bytes: arguments.keep_mib << 20,
        ..StoreConfig::new(&arguments.folder)
    };
    let folder = arguments.folder.display().to_string();
    output::note(&format!("recording {} to {folder}", feed.websocket_url));
    let limit = arguments.seconds.map(Duration::from_secs);
    cli::runtime()?.block_on(async {
        let shutdown = CancellationToken::new();
        let stats = Arc::new(RecorderStats::default());
        let recording = client::record(feed, products, store, Arc::clone(&stats), shutdown.clone());
        tokio::pin!(recording);
        let ended = async {
            match limit {
                None => stop_signal().await,
                Some(limit) => tokio::select! {
                    () = stop_signal() => {}
                    () = tokio::time::sleep(limit) => {}
                },
            }
        };
        tokio::select! {
            failed = &mut recording => failed?,
            () = report(&stats) => {}
            () = ended => {
                shutdown.cancel();
                recording.await?;
            }
        }
        output::note(&format!(
            "{folder}: {} frames over {} connections",
            stats.frames(),
            stats.connections()
        ));
        anyhow::Ok(ExitCode::SUCCESS)
    })
}

/// Prints the counts now and then, for ever.
async fn report(stats: &RecorderStats) {
    let started = Instant::now();
    loop {
        tokio::time::sleep(REPORT).await;
        output::note(&format!(
            "{:>6.0} s  {:>12} frames  {:>8.1} MiB",
            started.elapsed().as_secs_f64(),
            stats.frames(),
            stats.bytes() as f64 / f64::from(1 << 20)
        ));
    }
}

fn feed(arguments: &Arguments, settings: &FeedSettings) -> FeedConfig {
    let kind = match (arguments.kind, settings.kind) {
        (Some(Kind::Advanced), _) | (None, settings::FeedKind::Advanced) => FeedKind::Advanced,
        _ => FeedKind::Exchange,
    };
    let given = arguments.url.as_ref().unwrap_or(&settings.websocket_url);
    // The Exchange feed's address is only a default here.
    let url = match kind {
        FeedKind::Advanced if given == DEFAULT_WEBSOCKET_URL => DEFAULT_ADVANCED_URL,
        _ => given,
    };
    let mut feed = FeedConfig::new(url);
    feed.kind = kind;
    if arguments.book {
        feed.channels.push(Channel::Level2Batch);
    }
    feed
}

fn products(arguments: &Arguments, settings: &FeedSettings) -> anyhow::Result<Vec<ProductId>> {
    if !arguments.products.is_empty() {
        return Ok(arguments.products.clone());
    }
    let configured = settings.products.iter();
    configured
        .map(|name| ProductId::parse(name).context("feed.products"))
        .collect()
}
