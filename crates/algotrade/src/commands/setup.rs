//! `algotrade setup`: the topics of the specification.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::KafkaSettings;
use kafka_common::admin::{self, TopicOutcome, WantedTopic};
use serde_json::json;
use service_kit::settings::Purpose;
use service_kit::telemetry;

use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade setup --kafka localhost:9092\n  \
    ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS=kafka:9092 algotrade setup --json\n\n\
    Exit code: 0 if all topics are as they should be, 2 if one differs.")]
pub(crate) struct Arguments {
    /// The brokers, as host:port with commas between; else from the environment.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// How long to wait for a broker that isn't up yet, in seconds.
    #[arg(long, default_value_t = 60)]
    wait: u64,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if let Some(kafka) = &arguments.kafka {
        settings.kafka.bootstrap_servers.clone_from(kafka);
    }
    telemetry::init_logs(&settings.log)?;
    let outcomes = cli::runtime()?.block_on(set_up(&settings.kafka, arguments.wait))?;
    let mut table = output::table(&["topic", "partitions", "retention", "outcome"]);
    let mut drifted = false;
    for (topic, outcome) in &outcomes {
        let (name, text) = match outcome {
            TopicOutcome::Created => ("created", "created".to_owned()),
            TopicOutcome::Unchanged => ("unchanged", "unchanged".to_owned()),
            TopicOutcome::Drifted { partitions } => {
                drifted = true;
                (
                    "drifted",
                    format!("has {partitions} partitions: not changed, keys would move"),
                )
            }
        };
        let hours = topic.retention.as_secs() / 3_600;
        if arguments.json {
            output::line(
                &json!({"topic": topic.name, "partitions": topic.partitions,
                    "retention_hours": hours, "outcome": name})
                .to_string(),
            );
        }
        table.add_row([
            topic.name.clone(),
            topic.partitions.to_string(),
            duration(hours),
            text,
        ]);
    }
    if !arguments.json {
        output::line(&table.to_string());
    }
    Ok(ExitCode::from(if drifted { 2 } else { 0 }))
}

fn duration(hours: u64) -> String {
    match hours % 24 {
        0 if hours > 24 => format!("{} d", hours / 24),
        _ => format!("{hours} h"),
    }
}

async fn set_up(
    settings: &KafkaSettings,
    wait: u64,
) -> anyhow::Result<Vec<(WantedTopic, TopicOutcome)>> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
    loop {
        match admin::set_up_topics(settings).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(error) if tokio::time::Instant::now() >= deadline => {
                anyhow::bail!(
                    "{error}; is a broker listening on {}?",
                    settings.bootstrap_servers
                );
            }
            Err(error) => tracing::info!(%error, "waiting for the broker"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
