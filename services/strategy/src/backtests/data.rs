//! The market's past: trades out of the log, candles out of market-data.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use backtest::Candles;
use kafka_common::messages::TickView;
use kafka_common::partitioner::market_data_partition;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{
    KafkaSettings, LoggedContext, Service as _, StrategyService, Topic as _, envelope,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use strategy_engine::{Tick, Timeframe};

use super::job::Job;
use crate::market_data::MarketData;

/// Time for an answer of the broker, and silence after which it is taken for away.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// A part of the log: the same part again has the same trades, as long as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Part {
    /// Partition of `market-data-updates`.
    pub(super) partition: i32,
    /// The first offset.
    pub(super) first_offset: i64,
    /// The offset after the last.
    pub(super) end_offset: i64,
}

/// What the log holds, in its order.
pub(super) enum Event {
    Trade(Tick),
    /// Trades are missing here.
    Gap(chrono::DateTime<chrono::Utc>),
}

/// A reader of one partition, from its begin to where it ends now. Joins no group and commits
/// nothing.
pub(super) struct Log {
    consumer: BaseConsumer<LoggedContext>,
    pub(super) part: Part,
}

impl Log {
    pub(super) fn open(settings: &KafkaSettings, symbol: &str) -> Result<Self, Problem> {
        let failed = |error: KafkaError| Problem::unavailable("the log", error);
        let mut config = settings.admin();
        config
            // Assigning partitions by hand needs a group's name, though the group is never joined.
            .set("group.id", settings.group(StrategyService::GROUP))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            // Bounds what is fetched ahead.
            .set("queued.max.messages.kbytes", "16384");
        let consumer: BaseConsumer<LoggedContext> =
            config.create_with_context(LoggedContext).map_err(failed)?;
        let topic = settings.topic(MarketDataUpdates::SPEC.name);
        let partition = market_data_partition(symbol);
        let bounds = consumer.fetch_watermarks(&topic, partition, PATIENCE);
        let (first_offset, end_offset) = bounds.map_err(failed)?;
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&topic, partition, Offset::Offset(first_offset))
            .and_then(|()| consumer.assign(&assignment))
            .map_err(failed)?;
        Ok(Self {
            consumer,
            part: Part {
                partition,
                first_offset,
                end_offset,
            },
        })
    }

    /// Hands over the symbol's events within the job's time; `each` gets the offset after every
    /// record, and the event if it is one of them. It is called without a record while none comes.
    pub(super) fn read(
        &self,
        job: &Job,
        mut each: impl FnMut(Option<i64>, Option<Event>) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let end = self.part.end_offset;
        if self.part.first_offset >= end {
            return Ok(());
        }
        let mut heard = Instant::now();
        loop {
            match self.consumer.poll(POLL) {
                Some(Ok(record)) => {
                    heard = Instant::now();
                    if record.offset() >= end {
                        return Ok(());
                    }
                    let next = record.offset() + 1;
                    each(Some(next), event(job, record.payload()))?;
                    if next >= end {
                        return Ok(());
                    }
                }
                // Transactions end in records that aren't shown.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if kafka_common::is_fatal(&error) => {
                    return Err(Problem::unavailable("the log", error).into());
                }
                Some(Err(error)) => tracing::warn!(%error, "reading the log for a backtest"),
                None => each(None, None)?,
            }
            if heard.elapsed() > PATIENCE {
                return Err(Problem::unavailable("the log", "nothing comes any more").into());
            }
        }
    }
}

/// Why a run ended before its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It failed.
    Problem(Box<Problem>),
    /// Nobody wants it any more, or not here.
    Abandoned,
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// A record that can't be read is none: sessions pass over it, too.
fn event(job: &Job, payload: Option<&[u8]>) -> Option<Event> {
    let tick = envelope::decode::<TickView<'_>>(payload).ok()?.data;
    if tick.symbol != job.symbol.as_str() || !job.is_within(tick.timestamp) {
        return None;
    }
    if tick.gap.is_some() {
        return Some(Event::Gap(tick.timestamp));
    }
    Some(Event::Trade(Tick {
        time: tick.timestamp,
        price: tick.price,
        volume: tick.volume,
        bid: tick.bid,
        ask: tick.ask,
    }))
}

/// The newest candles of a job's symbol that lie within its time.
pub(super) async fn candles(market_data: &MarketData, job: &Job) -> Result<Candles, Problem> {
    let interval = job.interval.as_deref().unwrap_or("1m");
    let found = market_data.candles(&job.symbol, interval).await?;
    let within = found
        .into_iter()
        .filter(|candle| job.is_within(candle.time));
    let length = interval.parse().ok().and_then(Timeframe::seconds);
    Candles::new(within.collect(), length).map_err(|error| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::new(status, "candles_unusable", error.to_string()).field("interval")
    })
}
