//! `algotrade doctor`: what is wrong with the cluster, the stores and the ways to them, each with its
//! remedy.

mod certificates;
mod cluster;
mod groups;
mod report;
mod room;
mod stores;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::{ClientError, KafkaSettings, admin};
use service_kit::settings::Purpose;
use service_kit::{Settings, telemetry};

use self::report::{Finding, Report, quoted};
use crate::{cli, output};

const FINDINGS: u8 = 1;
const COULD_NOT_RUN: u8 = 2;
/// Time for the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade doctor --kafka localhost:9092\n  \
    algotrade doctor --json | jq 'select(.outcome == \"finding\")'\n  \
    algotrade doctor --probe-clock           also compare the broker's clock with this machine's\n\n\
    Postgres and Redis are looked at where ALGOTRADE__DATABASE__URL and ALGOTRADE__REDIS__URL (or\n\
    ..._URL_FILE) name them.\n\n\
    Exit code: 0 if nothing was found, 1 if something was, 2 if it could not run.\n\
    It changes nothing, but for a topic that --probe-clock makes and deletes. Whether Postgres has room\n\
    is seen by a table of 1 MiB that is never committed.")]
pub(crate) struct Arguments {
    /// The brokers, as host:port with commas between; else from the environment.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// How long to watch the lag of the groups, in seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    watch: u64,
    /// Measure the broker's clock, with a topic made for it. Needs the right to create topics.
    #[arg(long)]
    probe_clock: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let code = match examine(arguments) {
        Ok(report) => {
            report.print(arguments.json);
            match report.findings() {
                0 => 0,
                _ => FINDINGS,
            }
        }
        Err(error) => {
            output::error(&format!("{error:#}"));
            COULD_NOT_RUN
        }
    };
    Ok(ExitCode::from(code))
}

fn examine(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if let Some(kafka) = &arguments.kafka {
        settings.kafka.bootstrap_servers.clone_from(kafka);
    }
    // What the clients report is in the findings.
    settings.log.filter = match std::env::var_os("ALGOTRADE__LOG__FILTER") {
        Some(_) => settings.log.filter,
        None => "off".to_owned(),
    };
    telemetry::init_logs(&settings.log)?;
    service_kit::service::install_crypto_provider();
    cli::runtime()?.block_on(async {
        let mut report = checks(arguments, &settings.kafka).await?;
        add_stores(&mut report, &settings).await;
        Ok(report)
    })
}

async fn add_stores(report: &mut Report, settings: &Settings) {
    for (check, outcome) in stores::check(settings).await {
        report.add(check, outcome);
    }
}

async fn checks(arguments: &Arguments, settings: &KafkaSettings) -> anyhow::Result<Report> {
    let mut report = Report::default();
    report.add(
        "certificates",
        certificates::check(&settings.security, chrono::Utc::now()),
    );
    report.add("encryption", certificates::encryption(settings));
    let connected = match admin::check_connection(settings, CONNECT).await {
        Ok(()) => Ok(Vec::new()),
        Err(ClientError::Connect(failure)) => Ok(vec![Finding {
            subject: settings.bootstrap_servers.clone(),
            found: failure.code().replace('_', " "),
            remedy: failure.to_string(),
            kafka: format!(
                "kafka-broker-api-versions --bootstrap-server {}{}",
                quoted(&settings.bootstrap_servers),
                report::command_config(settings)
            ),
        }]),
        Err(error) => return Err(error.into()),
    };
    let is_connected = connected.as_ref().is_ok_and(Vec::is_empty);
    report.add("connection", connected);
    if !is_connected {
        for check in ["topics", "rights", "groups", "lag", "clock"] {
            report.add(check, Err("no connection".to_owned()));
        }
        return Ok(report);
    }
    report.add("topics", cluster::topics(settings).await);
    report.add("rights", cluster::rights(settings).await);
    report.add("groups", groups::members(settings).await);
    report.add(
        "lag",
        groups::lag(settings, Duration::from_secs(arguments.watch)).await,
    );
    report.add(
        "clock",
        cluster::clock(settings, arguments.probe_clock).await,
    );
    Ok(report)
}
