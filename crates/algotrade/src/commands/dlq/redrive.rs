//! `algotrade dlq redrive`: dead letters back to where they came from.

use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::{DeadLetterTopic, Redrive, RedriveSummary};
use serde_json::json;

use super::FilterArguments;
use crate::commands::connection::{ActorArgument, Connection};
use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade dlq redrive trade-executions.notification-service.dlq\n  \
    algotrade dlq redrive trade-executions.notification-service.dlq --class transient \\\n      \
    --since 2h --rate 50 --execute\n\n\
    Nothing is sent without --execute. What was sent back is remembered: running it again sends\n\
    only what is left. Order, key, value and own headers are kept; the header dlq-redrives counts.\n\
    A letter that went back --max-redrives times already stays. Every group that reads the source\n\
    topic sees the record again, not only the one that gave it up. Each batch is recorded on\n\
    audit-logs, in the same transaction.\n\n\
    Exit code: 0; 2 if letters were held back.")]
pub(crate) struct Arguments {
    /// The dead-letter topic.
    topic: String,
    #[command(flatten)]
    filter: FilterArguments,
    /// Most letters to send.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Most letters to send a second.
    #[arg(long, value_name = "COUNT")]
    rate: Option<NonZeroU32>,
    /// How often a letter may go back.
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    max_redrives: u32,
    /// Do it.
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    actor: ActorArgument,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let topic = broker.find_dead_letters(&arguments.topic)?;
    let mut redrive = Redrive {
        filter: arguments.filter.filter()?,
        rate: arguments.rate,
        max_redrives: arguments.max_redrives,
        limit: arguments.max,
        actor: arguments.actor.actor(),
        execute: false,
    };
    let mut summary = broker.redrive(&topic, &redrive, |_| {})?;
    if arguments.execute {
        redrive.execute = true;
        let bar = output::progress(summary.redriven, "letters")?;
        let outcome = broker.redrive(&topic, &redrive, |so_far| {
            bar.set_position(so_far.redriven);
        });
        bar.finish_and_clear();
        summary = outcome?;
    }
    print(arguments, &topic, summary)?;
    Ok(ExitCode::from(
        match summary.held_back + summary.misplaced {
            0 => 0,
            _ => 2,
        },
    ))
}

fn print(
    arguments: &Arguments,
    topic: &DeadLetterTopic,
    summary: RedriveSummary,
) -> anyhow::Result<()> {
    if arguments.connection.json {
        return output::json(&json!({
            "dead_letter_topic": topic.name,
            "topic": topic.source,
            "group": topic.group,
            "redriven": summary.redriven,
            "already": summary.already,
            "held_back": summary.held_back,
            "misplaced": summary.misplaced,
            "executed": arguments.execute,
        }));
    }
    let verb = match arguments.execute {
        true => "sent back to",
        false => "would go back to",
    };
    output::line(&format!(
        "{} letter(s) {verb} {}",
        summary.redriven, topic.source
    ));
    for (count, what) in [
        (summary.already, "went back before"),
        (
            summary.held_back,
            "stay: they went back too often (--max-redrives)",
        ),
        (
            summary.misplaced,
            "stay: they say that they came from another topic",
        ),
    ] {
        if count > 0 {
            output::line(&format!("{count} {what}"));
        }
    }
    if !arguments.execute {
        output::note("nothing is sent: add --execute to do it");
    }
    Ok(())
}
