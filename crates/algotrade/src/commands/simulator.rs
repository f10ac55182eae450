//! `algotrade simulator`: Coinbase's feed from a recording or a random market.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use coinbase::market::MarketConfig;
use coinbase::simulator::{ChaosReport, PROFILES, Profile, Simulator, SimulatorConfig, Speed};
use service_kit::service::stop_signal;
use service_kit::settings::Purpose;
use service_kit::telemetry;

use super::generate::MarketKind;
use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade simulator\n  \
    algotrade simulator --recording day.ndjson.zst --speed 10\n  \
    algotrade simulator --market realistic --chaos storm --chaos-seed 7\n\n\
    Then let market-data use it:\n  \
    ALGOTRADE__FEED__WEBSOCKET_URL=ws://localhost:8090 \\\n  \
    ALGOTRADE__FEED__REST_URL=http://localhost:8090 ALGOTRADE__FEED__SOURCE=simulator market-data")]
pub(crate) struct Arguments {
    /// Where to serve.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// A recording; a random market where it is missing.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// `1` for real time, `10` for ten times faster, `max` for as fast as the client reads.
    #[arg(long, default_value = "1", value_parser = parse_speed)]
    speed: Speed,
    /// What the random market is like.
    #[arg(long, value_enum, default_value_t = MarketKind::Lively)]
    market: MarketKind,
    /// Seed of the random market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong on the way to the clients: lossy, repeats, flaky, slow, garbage, or storm for
    /// all of it.
    #[arg(long, value_name = "PROFILE", value_parser = parse_profile)]
    chaos: Option<&'static Profile>,
    /// The same seed makes the same mess.
    #[arg(long, default_value_t = 1)]
    chaos_seed: u64,
    /// A recording of what really happened, for REST: what the played one lacks is found there.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// Finds a profile.
fn parse_profile(text: &str) -> Result<&'static Profile, String> {
    Profile::named(text).ok_or_else(|| {
        let all = PROFILES.map(|profile| format!("\n  {:<8} {}", profile.name, profile.about));
        format!("there are these profiles:{}", all.concat())
    })
}

/// Reads a speed.
pub(crate) fn parse_speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed::AsFastAsClientReads),
        "1" => Ok(Speed::RealTime),
        text => match text.parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Speed::Times(times)),
            _ => Err("use a positive number, or `max`".to_owned()),
        },
    }
}

/// What has gone wrong.
fn tell(report: &ChaosReport) {
    output::note(&format!(
        "lost {} trades; {} frames twice, {} out of order, {} unreadable; waited {} times shortly, \
         {} times long; ended {} connections, gave nothing to {}",
        report.lost_trades(),
        report.duplicated,
        report.reordered,
        report.garbage,
        report.slowed,
        report.paused,
        report.disconnected,
        report.stalled,
    ));
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(&cli::settings(Purpose::Tool)?.log)?;
    let mut config = match &arguments.recording {
        Some(path) => SimulatorConfig::recording(path),
        None => SimulatorConfig::market(MarketConfig {
            seed: arguments.seed,
            ..arguments.market.config()
        }),
    };
    config.speed = arguments.speed;
    config.listen = arguments.listen;
    config.history.clone_from(&arguments.history);
    if let Some(profile) = arguments.chaos {
        config.chaos = profile.chaos(arguments.chaos_seed);
        output::note(&format!("chaos {}: {}", profile.name, profile.about));
    }
    cli::runtime()?.block_on(async {
        let simulator = Simulator::start(config).await?;
        output::note(&format!("feed  {}", simulator.ws_url()));
        output::note(&format!(
            "      {}  (as Advanced Trade)",
            simulator.advanced_url()
        ));
        output::note(&format!("rest  {}", simulator.rest_url()));
        stop_signal().await;
        if arguments.chaos.is_some() {
            tell(&simulator.chaos());
        }
        simulator.shutdown().await;
        anyhow::Ok(ExitCode::SUCCESS)
    })
}
