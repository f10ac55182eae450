//! `algotrade offsets reset`: where a group goes on.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kafka_common::inspect::{Group, PlannedOffset, Position, ResetTarget};
use kafka_common::{ForwardTestService, Service as _, StrategyService};
use serde_json::json;

use super::connection::{ActorArgument, Connection};
use crate::output;

/// What can be done with offsets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set where a group goes on, in a topic or in all that it reads.
    Reset(Arguments),
}

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade offsets reset notification-service --to latest\n  \
    algotrade offsets reset notification-service --topic trade-executions --to 2h --execute\n  \
    algotrade offsets reset notification-service --topic trade-executions --partition 3 \\\n      \
    --shift-by -100 --execute\n\n\
    Nothing is changed without --execute. A group with running consumers is refused: stop them\n\
    first. A POSITION is earliest, latest, an offset, offsets before the end (-10), a time or how\n\
    long ago (15m, 2h, 3d); it is kept within each partition. The change is recorded on audit-logs.")]
pub(crate) struct Arguments {
    /// The group.
    group: String,
    /// The topic; else all that the group has committed offsets for.
    #[arg(long)]
    topic: Option<String>,
    /// The partitions, with commas between; else all.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', requires = "topic")]
    partition: Vec<i32>,
    /// Where to go on.
    #[arg(
        long,
        value_name = "POSITION",
        allow_hyphen_values = true,
        required_unless_present = "shift_by",
        conflicts_with = "shift_by"
    )]
    to: Option<Position>,
    /// How far to go on from where it is, or back if negative.
    #[arg(long, value_name = "OFFSETS", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// Do it.
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    actor: ActorArgument,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Reset(arguments) = command;
    let target = match (arguments.to, arguments.shift_by) {
        (Some(position), _) => ResetTarget::To(position),
        (None, Some(offsets)) => ResetTarget::Shift(offsets),
        (None, None) => anyhow::bail!("say where to go on: --to or --shift-by"),
    };
    let broker = arguments.connection.open()?;
    let group = broker.find_group(&arguments.group)?;
    let topic = arguments.topic.as_deref();
    let planned = broker.plan_reset(&group, topic, &arguments.partition, target)?;
    let logical = broker.logical_group(&group.name);
    if [StrategyService::GROUP, ForwardTestService::GROUP].contains(&logical) {
        output::note(
            "beware: this service's state follows from the log. What is skipped is missing from \
             running sessions for ever, and what is read again is suppressed only as far as the \
             committed offsets told",
        );
    }
    if arguments.execute {
        broker.reset_offsets(&group, &planned, &arguments.actor.actor())?;
    }
    print(arguments, &group, &planned)?;
    if !arguments.execute {
        output::note("nothing is changed: add --execute to do it");
    }
    Ok(ExitCode::SUCCESS)
}

fn print(arguments: &Arguments, group: &Group, planned: &[PlannedOffset]) -> anyhow::Result<()> {
    if arguments.connection.json {
        return planned.iter().try_for_each(|planned| {
            output::json(&json!({
                "group": group.name,
                "topic": planned.at.topic,
                "partition": planned.at.partition,
                "committed": planned.committed,
                "target": planned.target,
                "first": planned.first,
                "end": planned.end,
                "executed": arguments.execute,
            }))
        });
    }
    let mut table = output::table(&["topic", "partition", "first", "end", "committed", "new"]);
    for planned in planned {
        table.add_row([
            output::harmless(&planned.at.topic),
            planned.at.partition.to_string(),
            planned.first.to_string(),
            planned.end.to_string(),
            planned
                .committed
                .map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
            planned.target.to_string(),
        ]);
    }
    output::align_right(&mut table, &[1, 2, 3, 4, 5]);
    output::line(&table.to_string());
    Ok(())
}
