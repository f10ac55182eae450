//! `algotrade topics`: the topics on a broker.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::inspect::{TopicKind, TopicSummary};
use serde_json::json;

use super::connection::Connection;
use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade topics\n  \
    algotrade topics --all --json --bootstrap-server localhost:9092\n\n\
    `records` counts offsets: the marks that transactions leave are among them.")]
pub(crate) struct Arguments {
    /// Also topics that are not of this system.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let topics = broker.topics(arguments.all)?;
    match arguments.connection.json {
        true => topics.iter().try_for_each(print_json)?,
        false => print_table(&topics),
    }
    let missing = broker.missing_topics()?;
    if !missing.is_empty() {
        output::note(&format!(
            "missing: {}; `algotrade setup` creates them",
            missing.join(", ")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(topic: &TopicSummary) -> anyhow::Result<()> {
    output::json(&json!({
        "topic": topic.name,
        "kind": topic.kind,
        "partitions": topic.partitions,
        "replication": topic.replication,
        "retention_ms": topic.retention.map(|retention| retention.as_millis() as u64),
        "records": topic.records,
        "oldest": topic.oldest,
        "newest": topic.newest,
    }))
}

fn print_table(topics: &[TopicSummary]) {
    let mut table = output::table(&[
        "topic",
        "kind",
        "partitions",
        "replicas",
        "retention",
        "records",
        "oldest",
        "newest",
    ]);
    for topic in topics {
        let kind = match topic.kind {
            TopicKind::Catalogue => "catalogue",
            TopicKind::DeadLetters => "dead letters",
            TopicKind::Foreign => "foreign",
        };
        table.add_row([
            output::harmless(&topic.name),
            kind.to_owned(),
            topic.partitions.to_string(),
            topic.replication.to_string(),
            topic.retention.map_or_else(|| "-".to_owned(), retention),
            topic.records.to_string(),
            output::time(topic.oldest),
            output::time(topic.newest),
        ]);
    }
    output::align_right(&mut table, &[2, 3, 4, 5]);
    output::line(&table.to_string());
}

/// Retention in whole days or hours, as it is configured.
fn retention(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds % 86_400, seconds % 3_600) {
        (0, _) if seconds > 86_400 => format!("{} d", seconds / 86_400),
        (_, 0) => format!("{} h", seconds / 3_600),
        _ => output::duration(duration),
    }
}
