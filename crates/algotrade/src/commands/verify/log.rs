//! Reading a session's log, and its topics.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use forward_test::verify::{self, Input, Replay, Report, Stored, Told, Topic as Spoken};
use kafka_common::inspect::{Broker, Flow, InspectError, Position, Span};
use kafka_common::messages::RecordKind;
use kafka_common::partitioner::partition_of;
use kafka_common::past::KafkaPast;
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::{
    Delivery, ForwardTestService, KafkaSettings, Service as _, Topic as _, admin, envelope, header,
};
use rdkafka::message::{BorrowedMessage, Message as _};
use serde_json::value::RawValue;
use sqlx::PgPool;
use uuid::Uuid;

/// Offsets that are read at a time: the two topics take turns, and what waits stays small.
const CHUNK: i64 = 50_000;
/// A session's start is not older in the log than its row, but for clocks that differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);
/// How long the database may take to write the end of a session that the log has ended.
const SETTLE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(250);

/// Up to where forward-test has applied the two partitions.
#[derive(Debug, Clone, Copy)]
struct Ends {
    signals: i64,
    ticks: i64,
}

/// Compares a session's topics and rows with a fresh run of its log; none where the database
/// doesn't know the session.
pub(crate) async fn verify_session(
    kafka: &KafkaSettings,
    pool: &PgPool,
    id: Uuid,
) -> anyhow::Result<Option<Report>> {
    // The database first: it follows the log, so that everything it knows is in the log by then.
    let Some(mut stored) = verify::stored(pool, id).await? else {
        return Ok(None);
    };
    let mut run = replay(kafka, &stored).await?;
    if let Some(last) = run.ended_with()
        && stored.sequence() < last
    {
        stored = settled(pool, id, last).await?.unwrap_or(stored);
        run = replay(kafka, &stored).await?;
    }
    let told = told(kafka, id).await?;
    let fresh = run.finish();
    let repeats = kafka.delivery == Delivery::AtLeastOnce;
    Ok(Some(verify::compare(
        fresh.as_ref(),
        &told,
        &stored,
        repeats,
    )))
}

/// The database once it has written a session's last output, or what it has when that takes long.
async fn settled(pool: &PgPool, id: Uuid, last: u64) -> anyhow::Result<Option<Stored>> {
    let deadline = tokio::time::Instant::now() + SETTLE;
    loop {
        let stored = verify::stored(pool, id).await?;
        let there = stored
            .as_ref()
            .is_none_or(|stored| stored.sequence() >= last);
        if there || tokio::time::Instant::now() >= deadline {
            return Ok(stored);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn replay(kafka: &KafkaSettings, stored: &Stored) -> anyhow::Result<Replay> {
    let past = KafkaPast::<ForwardTestService, MarketDataUpdates>::new(kafka);
    let run = Replay::new(stored, Arc::new(past));
    let group = ForwardTestService::GROUP;
    let committed = async |topic: &str, partitions, partition: i32| {
        let offsets = admin::committed_offsets(kafka, group, topic, partitions).await?;
        let index = usize::try_from(partition).unwrap_or_default();
        anyhow::Ok(offsets.get(index).copied().flatten())
    };
    let (signals, ticks) = (StrategySignals::SPEC, MarketDataUpdates::SPEC);
    let signals = committed(signals.name, signals.partitions, run.signals_partition()).await?;
    let ticks = committed(ticks.name, ticks.partitions, run.market_data_partition()).await?;
    let ends = Ends {
        signals: signals.unwrap_or(i64::MAX),
        ticks: ticks.unwrap_or(i64::MAX),
    };
    let (kafka, created_at) = (kafka.clone(), stored.created_at());
    tokio::task::spawn_blocking(move || {
        let broker = Broker::connect(&kafka)?;
        let since = Position::Time(created_at - CLOCKS);
        let partition = run.signals_partition();
        let signals = Source::open(&broker, StrategySignals::SPEC.name, partition, ends.signals)?;
        let partition = run.market_data_partition();
        let ticks = Source::open(&broker, MarketDataUpdates::SPEC.name, partition, ends.ticks)?;
        apply(run, signals.from(since)?, ticks)
    })
    .await?
}

/// Gives the log to the run, as far as it can use it.
fn apply(
    mut run: Replay,
    mut signals: Source<'_>,
    mut ticks: Source<'_>,
) -> anyhow::Result<Replay> {
    let mut began = false;
    loop {
        match run.wants() {
            Input::Signals => {
                let more = signals.chunk(|message| {
                    let kind = header(message, RecordKind::HEADER);
                    run.signal(message.offset(), kind, message.payload());
                })?;
                if !more {
                    return Ok(run);
                }
            }
            Input::Ticks { from } => {
                if !began && ticks.first > from {
                    // Those before are gone: what the session met can't be said any more.
                    return Ok(run.without_log());
                }
                if !began {
                    ticks.next = from;
                    began = true;
                }
                let more = ticks.chunk(|message| {
                    run.tick(message.offset(), message.key(), message.payload());
                })?;
                if !more {
                    // The record that waits names a tick that forward-test hasn't applied.
                    return Ok(run);
                }
            }
        }
    }
}

/// A partition, read bit by bit.
struct Source<'a> {
    broker: &'a Broker,
    topic: String,
    partition: i32,
    first: i64,
    next: i64,
    end: i64,
}

impl<'a> Source<'a> {
    fn open(broker: &'a Broker, topic: &str, partition: i32, end: i64) -> anyhow::Result<Self> {
        let (topic, partitions) = broker.own_topic(topic)?;
        let bounds = broker.bounds(&topic, partitions)?;
        let bounds = bounds.iter().find(|bounds| bounds.partition == partition);
        let bounds = bounds.with_context(|| format!("{topic} has no partition {partition}"))?;
        Ok(Self {
            broker,
            topic,
            partition,
            first: bounds.first,
            next: bounds.first,
            end: end.min(bounds.end),
        })
    }

    /// From a position on.
    fn from(mut self, position: Position) -> anyhow::Result<Self> {
        let (topic, partitions) = (&self.topic, self.partition + 1);
        let bounds = self.broker.bounds(topic, partitions)?;
        let located = self.broker.locate(topic, &bounds, position)?;
        if let Some(offset) = located.last() {
            self.next = *offset;
        }
        Ok(self)
    }

    /// Reads the next bit; false at the end.
    fn chunk(&mut self, mut each: impl FnMut(&BorrowedMessage<'_>)) -> anyhow::Result<bool> {
        if self.next >= self.end {
            return Ok(false);
        }
        let to = self.end.min(self.next.saturating_add(CHUNK));
        let span = Span {
            partition: self.partition,
            from: self.next,
            to: Some(to),
        };
        self.broker.read(&self.topic, &[span], |message| {
            each(message);
            Ok::<_, InspectError>(Flow::Next)
        })?;
        self.next = to;
        Ok(true)
    }
}

/// What the session's topics hold of it.
async fn told(kafka: &KafkaSettings, id: Uuid) -> anyhow::Result<Told> {
    let kafka = kafka.clone();
    tokio::task::spawn_blocking(move || {
        let broker = Broker::connect(&kafka)?;
        let key = id.to_string();
        let mut told = Told::default();
        for topic in Spoken::ALL {
            let (name, partitions) = broker.own_topic(topic.name())?;
            if partitions < 1 {
                bail!("{name} has no partitions");
            }
            let partition = partition_of(key.as_bytes(), partitions);
            let bounds = broker.bounds(&name, partitions)?;
            let spans: Vec<Span> = bounds
                .iter()
                .filter(|bounds| bounds.partition == partition)
                .map(|bounds| Span {
                    partition,
                    from: bounds.first,
                    to: Some(bounds.end),
                })
                .collect();
            if spans.iter().any(|span| span.from > 0) {
                told.cut(topic);
            }
            broker.read(&name, &spans, |message| {
                if message.key() == Some(key.as_bytes()) {
                    match envelope::decode::<&RawValue>(message.payload()) {
                        Ok(envelope) => told.add(topic, envelope.data.get()),
                        Err(error) => told.add_unreadable(topic, error.to_string()),
                    }
                }
                Ok::<_, InspectError>(Flow::Next)
            })?;
        }
        Ok(told)
    })
    .await?
}
