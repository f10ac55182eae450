//! `algotrade dlq show`: dead letters with their reasons.

use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::{Flow, Letter};
use serde_json::json;

use super::FilterArguments;
use crate::commands::connection::Connection;
use crate::output::{self, Tone};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade dlq show trade-executions.notification-service.dlq\n  \
    algotrade dlq show trade-executions.notification-service.dlq --class poison --since 1d --json")]
pub(crate) struct Arguments {
    /// The dead-letter topic.
    topic: String,
    #[command(flatten)]
    filter: FilterArguments,
    /// Most letters to show.
    #[arg(long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    max: u64,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let topic = broker.find_dead_letters(&arguments.topic)?;
    let filter = arguments.filter.filter()?;
    let mut shown = 0;
    let mut more = false;
    broker.letters(&topic, &filter, |letter| {
        if shown == arguments.max {
            more = true;
            return Ok(Flow::Stop);
        }
        shown += 1;
        let text = match arguments.connection.json {
            true => json_line(&letter),
            false => text_block(&letter),
        };
        Ok::<_, anyhow::Error>(match output::line_if_read(&text) {
            true => Flow::Next,
            false => Flow::Stop,
        })
    })?;
    if more {
        output::note(&format!("there are more than {shown}: --max shows them"));
    }
    Ok(ExitCode::SUCCESS)
}

fn lossy(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn json_line(letter: &Letter) -> String {
    let headers: Vec<_> = letter
        .headers
        .iter()
        .map(|(key, value)| (key, lossy(value.as_deref())))
        .collect();
    json!({
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "key": lossy(letter.key.as_deref()),
        "class": letter.class(),
        "error": letter.error(),
        "attempts": letter.attempts(),
        "redrives": letter.redrives(),
        "original_topic": letter.original_topic(),
        "original_partition": letter.original_partition(),
        "original_offset": letter.original_offset(),
        "headers": headers,
        // As text: it may not be JSON, which may be why it lies here.
        "value": lossy(letter.value.as_deref()),
    })
    .to_string()
}

fn text_block(letter: &Letter) -> String {
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let place = format!(
        "{} {}:{}",
        output::time(letter.timestamp),
        letter.partition,
        letter.offset
    );
    let key = lossy(letter.key.as_deref()).unwrap_or_else(|| "-".to_owned());
    let value = lossy(letter.value.as_deref()).unwrap_or_default();
    let reason = format!("{}: {}", letter.class(), letter.error());
    format!(
        "{} {}\n  {}\n  from {} partition {} offset {}, {} attempt(s), {} redrive(s)\n  {}",
        output::paint(&place, Tone::Aside),
        output::paint(&output::harmless(&key), Tone::Subject),
        output::paint(&output::harmless(&reason), Tone::Alarm),
        output::harmless(letter.original_topic().unwrap_or("-")),
        number(letter.original_partition().map(i64::from)),
        number(letter.original_offset()),
        number(letter.attempts()),
        letter.redrives(),
        output::harmless(&value)
    )
}
