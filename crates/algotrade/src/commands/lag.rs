//! `algotrade lag`: how far groups are behind, in records and in seconds.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_common::inspect::{Broker, PartitionLag};
use serde_json::json;

use super::connection::Connection;
use crate::output::{self, Tone};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade lag\n  \
    algotrade lag forward-test-service --watch\n  \
    algotrade lag --max-seconds 5 --json || echo behind\n\n\
    `waiting` is how long the first record that isn't consumed has been in the log. The marks that\n\
    transactions leave are no records: where only those are left, nothing is behind.\n\n\
    Exit code: 0; 2 if a partition is over --max-seconds or --max-records.")]
pub(crate) struct Arguments {
    /// The groups; else all of this deployment.
    groups: Vec<String>,
    /// Only this topic.
    #[arg(long)]
    topic: Option<String>,
    /// Also groups that don't begin with this deployment's prefix.
    #[arg(long, conflicts_with = "groups")]
    all: bool,
    /// Look again every so many seconds (2), until Ctrl-C or until it is too much.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
    /// Too much: a record that has been waiting for longer.
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<u64>,
    /// Too much: more records than this behind in a partition.
    #[arg(long, value_name = "COUNT")]
    max_records: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

impl Arguments {
    fn is_too_much(&self, lag: &PartitionLag) -> bool {
        let seconds = self.max_seconds.map(Duration::from_secs);
        let records = u64::try_from(lag.records).unwrap_or_default();
        seconds.is_some_and(|max| lag.waiting > max)
            || self.max_records.is_some_and(|max| records > max)
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    loop {
        let lags = measure(&broker, arguments)?;
        print(arguments, &lags)?;
        if lags.iter().any(|lag| arguments.is_too_much(lag)) {
            return Ok(ExitCode::from(2));
        }
        match arguments.watch {
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn measure(broker: &Broker, arguments: &Arguments) -> anyhow::Result<Vec<PartitionLag>> {
    let groups = match arguments.groups.is_empty() {
        true => broker.groups(arguments.all)?,
        false => arguments
            .groups
            .iter()
            .map(|group| broker.find_group(group))
            .collect::<Result<_, _>>()?,
    };
    let mut lags = broker.lag(&groups)?;
    if let Some(topic) = &arguments.topic {
        let (topic, _) = broker.find_topic(topic)?;
        lags.retain(|lag| lag.at.topic == topic);
    }
    Ok(lags)
}

fn print(arguments: &Arguments, lags: &[PartitionLag]) -> anyhow::Result<()> {
    if arguments.connection.json {
        return lags.iter().try_for_each(|lag| {
            output::json(&json!({
                "group": lag.group,
                "topic": lag.at.topic,
                "partition": lag.at.partition,
                "committed": lag.committed,
                "end": lag.end,
                "records": lag.records,
                "seconds": lag.waiting.as_secs_f64(),
                "client_id": lag.client_id,
            }))
        });
    }
    let mut table = output::table(&[
        "group",
        "topic",
        "partition",
        "committed",
        "end",
        "records",
        "waiting",
        "client",
    ]);
    for lag in lags {
        let tone = |text: String| match arguments.is_too_much(lag) {
            true => output::paint(&text, Tone::Alarm),
            false => text,
        };
        table.add_row([
            output::harmless(&lag.group),
            output::harmless(&lag.at.topic),
            lag.at.partition.to_string(),
            lag.committed
                .map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
            lag.end.to_string(),
            tone(lag.records.to_string()),
            tone(output::duration(lag.waiting)),
            output::harmless(lag.client_id.as_deref().unwrap_or("-")),
        ]);
    }
    output::align_right(&mut table, &[2, 3, 4, 5, 6]);
    if arguments.watch.is_some() && std::io::stdout().is_terminal() {
        // To the top left, and everything below away.
        let _ = write!(std::io::stdout(), "\u{1b}[H\u{1b}[2J");
    }
    output::line(&table.to_string());
    Ok(())
}
