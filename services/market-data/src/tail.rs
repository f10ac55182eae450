//! Where the log ends: which trades of each symbol a process before this one has published.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use coinbase::Symbol;
use kafka_common::messages::MarketDataUpdate;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{KafkaSettings, LoggedContext, Topic, envelope};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::book::Logged;
use crate::tick::Anchor;

/// Records read of each partition. A symbol that is traded so rarely that it isn't among them may
/// have its last trade published twice, which readers of the log are prepared for.
const RECORDS: i64 = 20_000;
/// Time for all of it.
const BOUND: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// What the end of the log holds.
#[derive(Debug, Default)]
pub struct Tail {
    /// By symbol.
    pub logged: HashMap<Symbol, Logged>,
    /// Every trade that was read.
    pub trades: HashSet<(Symbol, u64)>,
}

/// Reads the end of this service's own output, of one partition or all, and only of this source: ids of the exchange and of
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
    partition: Option<i32>,
) -> anyhow::Result<Tail> {
    let settings = settings.clone();
    let reading = tokio::task::spawn_blocking(move || read_blocking(&settings, source, partition));
    reading.await?
}

fn read_blocking(
    settings: &KafkaSettings,
    source: &str,
    partition: Option<i32>,
) -> anyhow::Result<Tail> {
    let deadline = Instant::now() + BOUND;
    let mut config = settings.admin();
    config
        // Assigning partitions by hand needs a group's name, though the group is never joined.
        .set("group.id", settings.group("market-data-tail"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "latest");
    let consumer = config
        .create_with_context(LoggedContext)
        .context("creating the reader of the log")?;
    let spec = <MarketDataUpdates as Topic>::SPEC;
    let topic = settings.topic(spec.name);
    let partitions = match partition {
        Some(one) => one..one + 1,
        None => 0..spec.partitions,
    };
    let mut unread = assign(&consumer, &topic, partitions)?;
    let mut tail = Tail::default();
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
                note(&mut tail, &record, source);
                let end = unread.get(&record.partition()).copied();
                if end.is_some_and(|end| record.offset() + 1 >= end) {
                    unread.remove(&record.partition());
                }
            }
            // Transactions end in records that aren't shown.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "reading the end of the log");
                if is_refusal(&error) {
                    break;
                }
            }
        }
    }
    Ok(tail)
}

/// Starts at the last records of each partition that has any; gives where each of these ends.
fn assign(
    consumer: &BaseConsumer<LoggedContext>,
    topic: &str,
    partitions: Range<i32>,
) -> anyhow::Result<HashMap<i32, i64>> {
    let mut ends = HashMap::new();
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        let (first, end) = bounds(consumer, topic, partition)
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

/// Where a partition begins and ends. A broker that has just come up answers before it knows whose
/// partitions are whose: that passes.
fn bounds(
    consumer: &BaseConsumer<LoggedContext>,
    topic: &str,
    partition: i32,
) -> Result<(i64, i64), KafkaError> {
    let deadline = Instant::now() + BOUND;
    loop {
        match consumer.fetch_watermarks(topic, partition, BOUND) {
            Err(error) if is_leaderless(&error) && Instant::now() < deadline => {
                tracing::info!(topic, partition, %error, "the partition has no leader yet");
                std::thread::sleep(POLL);
            }
            answer => return answer,
        }
    }
}

fn is_leaderless(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable)
    )
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

fn note(tail: &mut Tail, record: &BorrowedMessage<'_>, source: &str) {
    match envelope::decode::<MarketDataUpdate>(record.payload()) {
        Ok(envelope) => note_update(tail, &envelope.data, source),
        Err(error) => tracing::warn!(
            partition = record.partition(),
            offset = record.offset(),
            %error,
            "a record of the log can't be read"
        ),
    }
}

fn note_update(tail: &mut Tail, update: &MarketDataUpdate, source: &str) {
    let Ok(symbol) = Symbol::parse(&update.symbol) else {
        return;
    };
    if update.source != source {
        return;
    }
    if let Some(gap) = update.gap {
        // Nothing is to be fetched any more up to its end. One that was marked late is behind it.
        if let Some(known) = tail.logged.get_mut(&symbol) {
            known.last = known.last.max(gap.last_trade_id);
        }
        return;
    }
    let Some(trade_id) = update.trade_id else {
        return;
    };
    tail.trades.insert((symbol, trade_id));
    let anchor = Some(Anchor {
        price: update.price,
        time: update.timestamp,
    });
    let known = tail.logged.entry(symbol).or_insert(Logged {
        first: trade_id,
        last: trade_id,
        anchor,
    });
    // A simulator's stream that began anew makes the ids fall: what counts is the newest stream.
    if trade_id < known.last {
        known.first = trade_id;
    }
    known.last = trade_id;
    known.anchor = anchor;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::Outgoing;
    use crate::book::tests::{tick, trade};
    use crate::message::record;
    use crate::tick::{Entry, GapReason, Missing};

    fn noted(entries: &[(Entry, &str)]) -> Tail {
        let mut tail = Tail::default();
        for (entry, source) in entries {
            let outgoing = Outgoing {
                product: trade("BTC-USD", 1, 1).product_id,
                entry: *entry,
                heard: std::time::Instant::now(),
            };
            note_update(&mut tail, &record(&outgoing, source), "simulator");
        }
        tail
    }

    #[test]
    fn the_newest_stream_of_the_source_counts() {
        let entries = [
            (500, "simulator"),
            (501, "simulator"),
            (9_000, "coinbase"),
            (7, "simulator"),
            (8, "simulator"),
        ]
        .map(|(id, source)| (Entry::Trade(tick("BTC-USD", id, 1)), source));
        let tail = noted(&entries);
        let logged = tail.logged[&Symbol::parse("BTCUSD").unwrap()];
        assert_eq!((logged.first, logged.last), (7, 8));
        assert_eq!((tail.logged.len(), tail.trades.len()), (1, 4));
    }

    #[test]
    fn a_marked_gap_is_not_fetched_again() {
        let mark = Missing {
            first: 8,
            last: 12,
            beside: Anchor::from(&trade("BTC-USD", 7, 3)),
            reason: GapReason::NotThere,
        };
        let trade_seven = Entry::Trade(tick("BTC-USD", 7, 3));
        let tail = noted(&[(trade_seven, "simulator"), (Entry::Gap(mark), "simulator")]);
        let logged = tail.logged[&Symbol::parse("BTCUSD").unwrap()];
        assert_eq!((logged.first, logged.last), (7, 12));
        assert_eq!(logged.anchor.unwrap().price.to_string(), "3");
    }
}
