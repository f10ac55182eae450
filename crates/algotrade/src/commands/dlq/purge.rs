//! `algotrade dlq purge`: delete dead letters.

use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::{PlannedPurge, PurgeTarget};
use serde_json::json;

use crate::commands::connection::{ActorArgument, Connection};
use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade dlq purge trade-executions.notification-service.dlq --redriven\n  \
    algotrade dlq purge trade-executions.notification-service.dlq --before 120 --execute\n\n\
    Nothing is deleted without --execute; what is deleted is gone. Kafka deletes from the beginning\n\
    only: a letter stays as long as one before it does. The deletion is recorded on audit-logs.")]
pub(crate) struct Arguments {
    /// The dead-letter topic.
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Do it.
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    actor: ActorArgument,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// All before this offset.
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    before: Option<i64>,
    /// Those at the beginning that were sent back.
    #[arg(long)]
    redriven: bool,
    /// All.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let target = match (&arguments.target.before, arguments.target.redriven) {
        (Some(offset), _) => PurgeTarget::Before(*offset),
        (None, true) => PurgeTarget::Redriven,
        (None, false) => PurgeTarget::All,
    };
    let broker = arguments.connection.open()?;
    let topic = broker.find_dead_letters(&arguments.topic)?;
    let planned = broker.plan_purge(&topic, target)?;
    if arguments.execute && !planned.is_empty() {
        broker.purge(&topic, &planned, &arguments.actor.actor())?;
    }
    print(arguments, &topic.name, &planned)?;
    if !arguments.execute {
        output::note("nothing is deleted: add --execute to do it");
    }
    Ok(ExitCode::SUCCESS)
}

fn print(arguments: &Arguments, topic: &str, planned: &[PlannedPurge]) -> anyhow::Result<()> {
    if arguments.connection.json {
        return planned.iter().try_for_each(|planned| {
            output::json(&json!({
                "dead_letter_topic": topic,
                "partition": planned.partition,
                "before": planned.before,
                "letters": planned.letters,
                "pending": planned.pending,
                "executed": arguments.execute,
            }))
        });
    }
    let mut table = output::table(&["partition", "before offset", "letters", "never redriven"]);
    for planned in planned {
        table.add_row([
            planned.partition.to_string(),
            planned.before.to_string(),
            planned.letters.to_string(),
            planned.pending.to_string(),
        ]);
    }
    output::align_right(&mut table, &[0, 1, 2, 3]);
    output::line(&table.to_string());
    Ok(())
}
