//! `algotrade setup`: the topics of the specification, and the rights of the services.

mod acls;
mod strimzi;
mod topics;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::{ClientError, KafkaSettings, admin};
use service_kit::settings::Purpose;
use service_kit::telemetry;

use crate::{cli, output};

/// Time for one try to connect.
const TRY: Duration = Duration::from_secs(5);
/// Something is not as it should be.
const DRIFT: u8 = 2;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade setup --kafka localhost:9092\n  \
    algotrade setup --apply                  also add partitions and set retentions that differ\n  \
    algotrade setup --acls --dry-run         the rights of each service, and Kafka's own commands\n  \
    algotrade setup --strimzi                the same for Kubernetes, as Strimzi's resources\n  \
    ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=kafka:9092 algotrade setup --acls --json\n\n\
    Exit code: 0 if all is as it should be, 2 if something differs (with --dry-run: would be \
    changed).\nIt needs an administrator's rights on Kafka; see docs/operations.md, Security.")]
pub(crate) struct Arguments {
    /// The brokers, as host:port with commas between; else from the environment.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// How long to wait for a broker that isn't up yet, in seconds.
    #[arg(long, default_value_t = 60)]
    wait: u64,
    /// Mend what can be mended: add partitions (keys move: stop the services first), set retention.
    #[arg(long)]
    apply: bool,
    /// Also give each service the rights that the integration matrix gives it, and no others.
    #[arg(long)]
    acls: bool,
    /// With --acls: remove what the services' principals have beyond that.
    #[arg(long, requires = "acls")]
    prune: bool,
    /// Change nothing: only tell what would be done.
    #[arg(long, conflicts_with_all = ["apply", "prune"])]
    dry_run: bool,
    /// Ask no broker: print topics, users and rights as KafkaTopic and KafkaUser, for Strimzi.
    #[arg(long, conflicts_with_all = ["apply", "acls", "prune", "dry_run", "json"])]
    strimzi: bool,
    /// With --strimzi: name of the Kafka resource.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "algotrade",
        requires = "strimzi"
    )]
    cluster: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if let Some(kafka) = &arguments.kafka {
        settings.kafka.bootstrap_servers.clone_from(kafka);
    }
    if arguments.strimzi {
        output::line(strimzi::manifest(&settings.kafka, &arguments.cluster)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    telemetry::init_logs(&settings.log)?;
    let is_right = cli::runtime()?.block_on(set_up(arguments, &settings.kafka))?;
    Ok(ExitCode::from(if is_right { 0 } else { DRIFT }))
}

/// Whether all is as it should be in the end.
async fn set_up(arguments: &Arguments, settings: &KafkaSettings) -> anyhow::Result<bool> {
    wait_for_broker(settings, arguments.wait).await?;
    let topics_are_right = topics::set_up(arguments, settings).await?;
    let acls_are_right = match arguments.acls {
        true => acls::set_up(arguments, settings).await?,
        false => true,
    };
    Ok(topics_are_right && acls_are_right)
}

/// A wrong password doesn't become right by waiting; a broker may come up.
async fn wait_for_broker(settings: &KafkaSettings, wait: u64) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    loop {
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let failure = match admin::check_connection(settings, TRY.min(left)).await {
            Ok(()) => return Ok(()),
            Err(ClientError::Connect(failure)) if failure.may_pass() => failure,
            Err(error) => return Err(error.into()),
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(failure.into());
        }
        tracing::info!(%failure, "waiting for the broker");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn print(json: bool, rows: Vec<serde_json::Value>, table: &comfy_table::Table) {
    match json {
        true => rows.iter().for_each(|row| output::line(&row.to_string())),
        false => output::line(&table.to_string()),
    }
}
