//! Where the log ends: which trades of each symbol a process before this one has published.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use coinbase::Symbol;
use kafka_common::messages::MarketDataUpdate;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{KafkaSettings, Topic, envelope};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::book::Logged;

/// Records read of each partition. A symbol that is traded so rarely that it isn't among them may
/// have its last trade published twice, which readers of the log are prepared for.
const RECORDS: i64 = 2_000;
/// Time for all of it.
const BOUND: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// Reads the end of this service's own output, and only of this source: ids of the exchange and of
/// a simulator have nothing to do with each other.
///
/// Market-data consumes no topic in the matrix, and doesn't here: no group is joined, no offset is
/// committed, and nothing is derived from the records but where to go on writing.
///
/// # Errors
/// The broker can't be reached, so that it isn't known what was published.
pub async fn read(
    settings: &KafkaSettings,
    source: &'static str,
) -> anyhow::Result<HashMap<Symbol, Logged>> {
    let settings = settings.clone();
    let reading = tokio::task::spawn_blocking(move || read_blocking(&settings, source));
    reading.await?
}

fn read_blocking(
    settings: &KafkaSettings,
    source: &str,
) -> anyhow::Result<HashMap<Symbol, Logged>> {
    let deadline = Instant::now() + BOUND;
    let mut config = settings.admin();
    config
        // Assigning partitions by hand needs a group's name, though the group is never joined.
        .set("group.id", settings.group("market-data-tail"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "latest");
    let consumer: BaseConsumer = config.create().context("creating the reader of the log")?;
    let spec = <MarketDataUpdates as Topic>::SPEC;
    let topic = settings.topic(spec.name);
    let mut unread = assign(&consumer, &topic, spec.partitions)?;
    let mut logged = HashMap::new();
    while !unread.is_empty() {
        if Instant::now() >= deadline {
            tracing::warn!(
                ?unread,
                "the end of the log wasn't read in time: a trade may repeat"
            );
            break;
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(record)) => {
                note(&mut logged, &record, source);
                let end = unread.get(&record.partition()).copied();
                if end.is_some_and(|end| record.offset() + 1 >= end) {
                    unread.remove(&record.partition());
                }
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "reading the end of the log");
                if is_refusal(&error) {
                    break;
                }
            }
        }
    }
    Ok(logged)
}

/// Starts at the last records of each partition that has any; gives where each of these ends.
fn assign(
    consumer: &BaseConsumer,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<HashMap<i32, i64>> {
    let mut ends = HashMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        let (first, end) = consumer
            .fetch_watermarks(topic, partition, BOUND)
            .with_context(|| format!("kafka: where partition {partition} of {topic} ends"))?;
        if end > first {
            let from = Offset::Offset(first.max(end - RECORDS));
            assignment.add_partition_offset(topic, partition, from)?;
            ends.insert(partition, end);
        }
    }
    if !ends.is_empty() {
        consumer.assign(&assignment)?;
    }
    Ok(ends)
}

/// Where this service may write but not read, waiting doesn't help.
fn is_refusal(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed
        )
    )
}

fn note(logged: &mut HashMap<Symbol, Logged>, record: &BorrowedMessage<'_>, source: &str) {
    match envelope::decode::<MarketDataUpdate>(record.payload()) {
        Ok(envelope) => note_update(logged, &envelope.data, source),
        Err(error) => tracing::warn!(
            partition = record.partition(),
            offset = record.offset(),
            %error,
            "a record of the log can't be read"
        ),
    }
}

fn note_update(logged: &mut HashMap<Symbol, Logged>, update: &MarketDataUpdate, source: &str) {
    let (Ok(symbol), Some(trade_id)) = (Symbol::parse(&update.symbol), update.trade_id) else {
        return;
    };
    if update.source != source {
        return;
    }
    let known = logged.entry(symbol).or_insert(Logged {
        first: trade_id,
        last: trade_id,
    });
    // A simulator's stream that began anew makes the ids fall: what counts is the newest stream.
    if trade_id < known.last {
        known.first = trade_id;
    }
    known.last = trade_id;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::tests::trade;
    use crate::message::update;

    #[test]
    fn the_newest_stream_of_the_source_counts() {
        let mut logged = HashMap::new();
        for (id, source) in [
            (500, "simulator"),
            (501, "simulator"),
            (9_000, "coinbase"),
            (7, "simulator"),
            (8, "simulator"),
        ] {
            note_update(
                &mut logged,
                &update(&trade("BTC-USD", id, 1), source),
                "simulator",
            );
        }
        let symbol = Symbol::parse("BTCUSD").unwrap();
        assert_eq!(logged[&symbol], Logged { first: 7, last: 8 });
        assert_eq!(logged.len(), 1);
    }
}
