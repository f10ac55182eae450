//! `algotrade produce`: messages by hand.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use kafka_common::inspect::{Input, Prepared};
use serde_json::json;
use serde_json::value::RawValue;

use super::connection::Connection;
use crate::output;

/// Most that is read from standard input: all of it is validated before any of it is sent.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade produce symbol-subscriptions '{\"symbol\":\"BTCUSD\",\"action\":\"SUBSCRIBED\",\n      \
    \"requested_by\":\"ops\",\"timestamp\":\"2026-01-05T12:00:00Z\"}'\n  \
    algotrade produce market-data-updates --dry-run < ticks.ndjson\n  \
    algotrade tail audit-logs --json | jq -c .data | algotrade produce audit-logs\n\n\
    A message is the payload (`data`), or a whole envelope {timestamp, producer_service, data}.\n\
    From standard input several are read, one after the other, up to 16 MiB. All are validated\n\
    before the first is sent; a failing field is named. Numbers stay as they are written.")]
pub(crate) struct Arguments {
    /// The topic, one of the catalogue.
    topic: String,
    /// The message; else from standard input.
    message: Option<String>,
    /// The key; else the field that the catalogue names.
    #[arg(long)]
    key: Option<String>,
    /// Validate, and show what would be sent.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let text = match &arguments.message {
        Some(message) => message.clone(),
        None => read_input()?,
    };
    let prepared: Vec<Prepared> = inputs(&text, arguments.key.as_deref())?
        .iter()
        .map(|input| broker.prepare(&arguments.topic, input))
        .collect::<Result<_, _>>()?;
    broker.own_topic(broker.logical(&arguments.topic))?;
    if arguments.dry_run {
        prepared
            .iter()
            .try_for_each(|message| show(arguments, message))?;
        output::note(&format!("{} message(s) valid, none sent", prepared.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let delivered = broker.produce(&prepared)?;
    for (message, delivered) in prepared.iter().zip(delivered) {
        match arguments.connection.json {
            true => output::json(&json!({"topic": message.topic, "key": message.key,
                "partition": delivered.partition, "offset": delivered.offset}))?,
            false => output::line(&format!(
                "{} partition {}, offset {} (key {})",
                message.topic,
                delivered.partition,
                delivered.offset,
                output::harmless(&message.key)
            )),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read_input() -> anyhow::Result<String> {
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(LIMIT + 1)
        .read_to_string(&mut text)
        .context("standard input")?;
    if read as u64 > LIMIT {
        bail!("standard input: more than 16 MiB: send it in parts");
    }
    Ok(text)
}

fn inputs(text: &str, key: Option<&str>) -> anyhow::Result<Vec<Input>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    let inputs: Vec<Input> = values
        .zip(1..)
        .map(|(json, number)| {
            let place = format!("message {number}");
            let json = json.with_context(|| format!("{place}: not JSON"))?;
            let key = key.map(str::to_owned);
            anyhow::Ok(Input { place, json, key })
        })
        .collect::<Result<_, _>>()?;
    match inputs.is_empty() {
        true => bail!("no message: give one as an argument or on standard input"),
        false => Ok(inputs),
    }
}

fn show(arguments: &Arguments, message: &Prepared) -> anyhow::Result<()> {
    let value = std::str::from_utf8(&message.value)?;
    match arguments.connection.json {
        true => {
            let value: &RawValue = serde_json::from_str(value)?;
            let (topic, key) = (json!(message.topic), json!(message.key));
            let value = value.get().replace(['\n', '\r'], " ");
            output::line(&format!(
                r#"{{"topic":{topic},"key":{key},"envelope":{value}}}"#
            ));
        }
        false => output::line(&format!(
            "{} (key {}) {}",
            message.topic,
            output::harmless(&message.key),
            output::harmless(value)
        )),
    }
    Ok(())
}
