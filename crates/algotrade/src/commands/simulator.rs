//! `algotrade simulator`: Coinbase's feed from a recording or a random market.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use service_kit::service::stop_signal;
use service_kit::settings::Purpose;
use service_kit::telemetry;

use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade simulator\n  \
    algotrade simulator --recording day.ndjson.zst --speed 10\n\n\
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
    /// Seed of the random market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
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

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init_logs(&cli::settings(Purpose::Tool)?.log)?;
    let mut config = match &arguments.recording {
        Some(path) => SimulatorConfig::recording(path),
        None => SimulatorConfig::market(MarketConfig {
            seed: arguments.seed,
            ..MarketConfig::default()
        }),
    };
    config.speed = arguments.speed;
    config.listen = arguments.listen;
    cli::runtime()?.block_on(async {
        let simulator = Simulator::start(config).await?;
        output::note(&format!("feed  {}", simulator.ws_url()));
        output::note(&format!("rest  {}", simulator.rest_url()));
        stop_signal().await;
        simulator.shutdown().await;
        anyhow::Ok(ExitCode::SUCCESS)
    })
}
