//! `algotrade notify`: a notification for a user.

use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use kafka_common::messages::{Severity, UserNotification};
use kafka_common::{KafkaProducer, Operations, Topics};
use service_kit::settings::Purpose;

use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    algotrade notify guest --title \"Maintenance\" --message \"Back at 18:00 UTC\"")]
pub(crate) struct Arguments {
    /// The user.
    user: String,
    /// One line.
    #[arg(long)]
    title: String,
    /// The text.
    #[arg(long, default_value = "")]
    message: String,
    /// How much it matters.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    severity: Level,
    /// The brokers, as host:port with commas between; else from the environment.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Level {
    Info,
    Warning,
    Error,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if let Some(kafka) = &arguments.kafka {
        settings.kafka.bootstrap_servers.clone_from(kafka);
    }
    let notification = UserNotification {
        user_id: arguments.user.clone(),
        title: arguments.title.clone(),
        message: arguments.message.clone(),
        severity: match arguments.severity {
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        },
        timestamp: Utc::now(),
        kind: None,
    };
    let delivered = cli::runtime()?.block_on(async {
        let producer = KafkaProducer::<Operations>::start(&settings.kafka)?;
        let topic = Topics::USER_NOTIFICATIONS;
        let delivered = producer
            .send_message(topic, &notification, &arguments.user)
            .await?;
        // It is delivered: there is nothing that could be left.
        let _ = producer.stop(Duration::from_secs(5)).await;
        anyhow::Ok(delivered)
    })?;
    output::note(&format!(
        "sent to {} (partition {}, offset {})",
        arguments.user, delivered.partition, delivered.offset
    ));
    Ok(ExitCode::SUCCESS)
}
