//! `algotrade dlq ls`: how many dead letters there are.

use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::DeadLetterCount;
use serde_json::json;

use crate::commands::connection::Connection;
use crate::output;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade dlq ls\n  \
    algotrade dlq ls --json | jq 'select(.pending > 0)'\n\n\
    `pending` are those that were never sent back. A topic without dead letters is not listed.")]
pub(crate) struct Arguments {
    /// A dead-letter topic; else all of this deployment.
    topic: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let topics = match &arguments.topic {
        Some(topic) => vec![broker.find_dead_letters(topic)?],
        None => broker.dead_letter_topics()?,
    };
    let mut counts = Vec::new();
    for topic in &topics {
        counts.extend(broker.count_dead_letters(topic)?);
    }
    match arguments.connection.json {
        true => counts.iter().try_for_each(print_json)?,
        false => print_table(&counts),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(count: &DeadLetterCount) -> anyhow::Result<()> {
    output::json(&json!({
        "dead_letter_topic": count.topic.name,
        "topic": count.topic.source,
        "group": count.topic.group,
        "class": count.class,
        "letters": count.letters,
        "pending": count.pending,
        "oldest": count.oldest,
        "newest": count.newest,
    }))
}

fn print_table(counts: &[DeadLetterCount]) {
    let mut table = output::table(&[
        "topic", "group", "class", "letters", "pending", "oldest", "newest",
    ]);
    for count in counts {
        table.add_row([
            output::harmless(&count.topic.source),
            output::harmless(&count.topic.group),
            output::harmless(&count.class),
            count.letters.to_string(),
            count.pending.to_string(),
            output::time(count.oldest),
            output::time(count.newest),
        ]);
    }
    output::align_right(&mut table, &[3, 4]);
    output::line(&table.to_string());
}
