//! `algotrade tail`: the records of a topic.

use std::process::ExitCode;

use clap::Args;
use kafka_common::inspect::{
    Broker, Content, Flow, InspectError, Position, RecordFilter, Span, View,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::connection::Connection;
use crate::output::{self, Tone};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade tail market-data-updates --from -5\n  \
    algotrade tail market-data-updates --follow --symbol BTCUSD\n  \
    algotrade tail trade-executions --session 6f7e4b0e-9f43-5f0d-8f4c-9a117f0c0a2e --json\n  \
    algotrade tail strategy-signals --from 15m --until 5m\n  \
    algotrade tail audit-logs --from 2026-01-05T12:00:00Z --max 20\n\n\
    A POSITION is earliest, latest, an offset (1200), offsets before the end of each partition\n\
    (-10), a time (2026-01-05T12:00:00Z) or how long ago (15m, 2h, 3d).\n\n\
    Nothing is committed and no group is joined. Only what transactions have committed is shown;\n\
    the records of a partition are in their order. A record that the topic's readers would refuse\n\
    is shown as undecodable, with the reason. NO_COLOR=1 switches colours off.")]
pub(crate) struct Arguments {
    /// The topic.
    topic: String,
    /// Where to begin; `latest` with --follow, else `earliest`.
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    from: Option<Position>,
    /// Where to end; else where the topic ends now.
    #[arg(
        long,
        value_name = "POSITION",
        allow_hyphen_values = true,
        conflicts_with = "follow"
    )]
    until: Option<Position>,
    /// Go on with what comes, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// Most records to show.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Only this partition.
    #[arg(long)]
    partition: Option<i32>,
    /// Only records under this key.
    #[arg(long)]
    key: Option<String>,
    /// Only records about this symbol, as BTCUSD.
    #[arg(long)]
    symbol: Option<String>,
    /// Only records of this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// A record as JSON; its payload as it was written.
#[derive(Debug, Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: Option<chrono::DateTime<chrono::Utc>>,
    key: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    produced_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    producer_service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undecodable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_bytes: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let broker = arguments.connection.open()?;
    let (topic, partitions) = broker.find_topic(&arguments.topic)?;
    let spans = spans(&broker, arguments, &topic, partitions)?;
    let filter = RecordFilter {
        key: arguments.key.clone(),
        symbol: arguments.symbol.clone(),
        session: arguments.session.clone(),
    };
    let logical = broker.logical(&topic);
    let mut shown = 0;
    broker.read(&topic, &spans, |message| {
        let view = View::of(message, logical);
        if !filter.wants(&view) {
            return Ok(Flow::Next);
        }
        let line = match arguments.connection.json {
            true => json_line(&topic, &view)?,
            false => text_line(&view),
        };
        shown += 1;
        let enough = arguments.max.is_some_and(|max| shown >= max);
        Ok::<_, anyhow::Error>(match output::line_if_read(&line) && !enough {
            true => Flow::Next,
            false => Flow::Stop,
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

fn spans(
    broker: &Broker,
    arguments: &Arguments,
    topic: &str,
    partitions: i32,
) -> Result<Vec<Span>, InspectError> {
    if let Some(partition) = arguments.partition.filter(|p| !(0..partitions).contains(p)) {
        return Err(InspectError::UnknownPartition {
            topic: topic.to_owned(),
            partition,
            last: partitions - 1,
        });
    }
    let bounds = broker.bounds(topic, partitions)?;
    let begin = match arguments.follow {
        true => Position::Latest,
        false => Position::Earliest,
    };
    let from = broker.locate(topic, &bounds, arguments.from.unwrap_or(begin))?;
    let until = arguments.until.unwrap_or(Position::Latest);
    let until = broker.locate(topic, &bounds, until)?;
    let spans = bounds.iter().zip(from.into_iter().zip(until));
    let spans = spans.map(|(bounds, (from, until))| Span {
        partition: bounds.partition,
        from,
        to: (!arguments.follow).then_some(until),
    });
    let wanted = |span: &Span| arguments.partition.is_none_or(|p| p == span.partition);
    Ok(spans.filter(wanted).collect())
}

fn json_line(topic: &str, view: &View) -> anyhow::Result<String> {
    let headers = view.headers.iter();
    let mut line = Line {
        topic,
        partition: view.partition,
        offset: view.offset,
        timestamp: view.timestamp,
        key: view.key.as_deref(),
        headers: headers.map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        produced_at: None,
        producer_service: None,
        data: None,
        undecodable: None,
        value: None,
        value_bytes: None,
    };
    match &view.content {
        Content::Decoded {
            produced_at,
            producer_service,
            data,
        } => {
            line.produced_at = Some(*produced_at);
            line.producer_service = Some(producer_service);
            line.data = Some(data);
        }
        Content::Undecodable {
            error,
            value,
            bytes,
        } => {
            line.undecodable = Some(error);
            line.value = Some(value);
            line.value_bytes = Some(*bytes);
        }
    }
    Ok(serde_json::to_string(&line)?)
}

fn text_line(view: &View) -> String {
    let place = format!(
        "{} {}:{}",
        output::time(view.timestamp),
        view.partition,
        view.offset
    );
    let key = output::harmless(view.key.as_deref().unwrap_or("-"));
    let content = match &view.content {
        Content::Decoded {
            producer_service,
            data,
            ..
        } => format!(
            "{} {}",
            output::paint(&output::harmless(producer_service), Tone::Aside),
            output::harmless(data.get())
        ),
        Content::Undecodable {
            error,
            value,
            bytes,
        } => format!(
            "{} ({bytes} bytes) {}",
            output::paint(
                &format!("undecodable: {}", output::harmless(error)),
                Tone::Alarm
            ),
            output::harmless(value)
        ),
    };
    format!(
        "{} {} {content}",
        output::paint(&place, Tone::Aside),
        output::paint(&key, Tone::Subject)
    )
}
