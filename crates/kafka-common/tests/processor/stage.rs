//! Topics of a test's own, ticks in them, members of the group, and what must come out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_common::messages::{MarketDataUpdate, StrategySignal};
use kafka_common::processor::{self, ProcessorHandle, Store};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::{
    KafkaProducer, KafkaSettings, MarketDataService, Service as _, StrategyService, Topic as _,
    Topics, admin, envelope,
};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};
use rust_decimal::Decimal;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::counting::{Counting, Row};

/// For whatever must come about on a machine that does other things as well.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// Enough that every partition has some.
const SYMBOLS: u64 = 24;

pub const DEAD_LETTERS: &str = "market-data-updates.strategy-service.dlq";

/// Settings of a test: members that die are missed after two seconds.
pub fn settings(kafka: &str, topic_prefix: &str, group_prefix: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: kafka.to_owned(),
        topic_prefix: topic_prefix.to_owned(),
        group_prefix: group_prefix.to_owned(),
        session_timeout_ms: 2_000,
        snapshot_interval_ms: 200,
        ..KafkaSettings::default()
    }
}

/// Creates just the topics that are needed here.
pub async fn create_topics(settings: &KafkaSettings, names: &[(&str, i32)]) {
    let client: AdminClient<DefaultClientContext> = settings.admin().create().unwrap();
    let named: Vec<(String, i32)> = names
        .iter()
        .map(|(name, partitions)| (settings.topic(name), *partitions))
        .collect();
    let topics: Vec<NewTopic<'_>> = named
        .iter()
        .map(|(name, partitions)| {
            let replication = TopicReplication::Fixed(settings.replication_factor);
            NewTopic::new(name, *partitions, replication)
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    for created in client.create_topics(&topics, &options).await.unwrap() {
        created.unwrap();
    }
}

pub async fn create_counting_topics(settings: &KafkaSettings) {
    let topics = [
        (
            MarketDataUpdates::SPEC.name,
            MarketDataUpdates::SPEC.partitions,
        ),
        (StrategySignals::SPEC.name, StrategySignals::SPEC.partitions),
        (DEAD_LETTERS, 1),
    ];
    create_topics(settings, &topics).await;
}

pub fn tick(number: u64) -> MarketDataUpdate {
    MarketDataUpdate {
        symbol: format!("S{}USD", number % SYMBOLS),
        price: Decimal::new(100, 0),
        volume: Decimal::from(number + 1),
        timestamp: chrono::DateTime::UNIX_EPOCH + Duration::from_millis(number),
        source: "test".to_owned(),
        trade_id: Some(number),
        sequence: None,
        side: None,
        bid: None,
        ask: None,
        quote_age_ms: None,
        backfilled: false,
        gap: None,
    }
}

/// Sends ticks, at most `per_second`, and waits until each is delivered.
pub async fn send_ticks(
    settings: &KafkaSettings,
    numbers: impl Iterator<Item = u64>,
    per_second: u64,
) {
    let producer = KafkaProducer::<MarketDataService>::start(settings).unwrap();
    let began = Instant::now();
    let mut pending = Vec::new();
    for number in numbers {
        let due = Duration::from_micros(pending.len() as u64 * 1_000_000 / per_second);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            tokio::time::sleep(early).await;
        }
        let update = tick(number);
        let sent = producer.enqueue_message(Topics::MARKET_DATA_UPDATES, &update, &update.symbol);
        pending.push(sent.await.unwrap());
    }
    for delivery in pending {
        delivery.wait().await.unwrap();
    }
}

/// As fast as it goes.
pub const AT_ONCE: u64 = 1_000_000;

/// A member of the group in this process.
pub struct Member {
    pub handle: ProcessorHandle<std::convert::Infallible>,
    shutdown: CancellationToken,
    /// A test that fails must not wait for members that nobody stops.
    _stops: DropGuard,
}

impl Member {
    pub fn start(
        settings: &KafkaSettings,
        instance: &str,
        counting: Counting,
        store: Arc<dyn Store<Row>>,
    ) -> Self {
        let settings = KafkaSettings {
            instance_id: instance.to_owned(),
            ..settings.clone()
        };
        let shutdown = CancellationToken::new();
        let handle = processor::spawn(&settings, counting, store, shutdown.clone());
        let stops = shutdown.clone().drop_guard();
        Self {
            handle,
            shutdown,
            _stops: stops,
        }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.handle.task)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Waits for a condition.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many ticks are committed.
pub async fn committed(settings: &KafkaSettings) -> i64 {
    let spec = MarketDataUpdates::SPEC;
    let group = StrategyService::GROUP;
    match admin::committed_offsets(settings, group, spec.name, spec.partitions).await {
        Ok(offsets) => offsets.into_iter().flatten().sum(),
        Err(_) => 0,
    }
}

/// Waits until so many ticks are committed.
pub async fn until_committed(settings: &KafkaSettings, count: u64) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let committed = committed(settings).await;
        if committed >= count as i64 {
            return;
        }
        let late = Instant::now() >= deadline;
        assert!(!late, "{committed} of {count} ticks are committed");
        // Each look is a client of its own.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Everything in a topic that a reader of this isolation sees, once what is there is decided.
pub async fn read_all(
    settings: &KafkaSettings,
    topic: &str,
    partitions: i32,
    isolation: &str,
) -> Vec<OwnedMessage> {
    let mut config = settings.admin();
    config
        .set("group.id", settings.group("reader"))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation);
    let topic = settings.topic(topic);
    tokio::task::spawn_blocking(move || {
        test_support::all_decided(&config, &topic, partitions);
        let consumer: BaseConsumer = config.create().unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment
                .add_partition_offset(&topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let mut messages = Vec::new();
        let mut ended = std::collections::BTreeSet::new();
        let deadline = Instant::now() + DEADLINE;
        while ended.len() < partitions as usize {
            assert!(Instant::now() < deadline, "the end of {topic} never came");
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => messages.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                Some(Err(error)) => tracing::warn!(%error, "reading"),
            }
        }
        messages
    })
    .await
    .unwrap()
}

/// A signal as its cause and the sum: what the machine computes.
type Counted = (i32, i64, Decimal);

/// By symbol, what must be in the output topic, computed from the input topic.
pub async fn expected(settings: &KafkaSettings) -> BTreeMap<String, Vec<Counted>> {
    let spec = MarketDataUpdates::SPEC;
    let mut expected: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    for message in read_all(settings, spec.name, spec.partitions, "read_committed").await {
        let Ok(read) = envelope::decode::<MarketDataUpdate>(message.payload()) else {
            continue;
        };
        let counted = expected.entry(read.data.symbol).or_default();
        let before = counted.last().map_or(Decimal::ZERO, |(_, _, sum)| *sum);
        let sum = before + read.data.volume;
        counted.push((message.partition(), message.offset(), sum));
    }
    expected
}

/// By symbol, what is in the output topic, in its order.
pub async fn produced(settings: &KafkaSettings) -> BTreeMap<String, Vec<Counted>> {
    let spec = StrategySignals::SPEC;
    let mut produced: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    for message in read_all(settings, spec.name, spec.partitions, "read_committed").await {
        let signal: StrategySignal = envelope::decode(message.payload()).unwrap().data;
        let cause = signal.cause.unwrap();
        let counted = produced.entry(signal.market_data.symbol).or_default();
        counted.push((cause.partition, cause.offset, signal.signal.quantity));
    }
    produced
}

/// Nothing lost, nothing doubled, in order, and each sum right.
pub async fn assert_exactly_once(settings: &KafkaSettings, ticks: u64) {
    let expected = expected(settings).await;
    let count: usize = expected.values().map(Vec::len).sum();
    assert_eq!(count as u64, ticks, "ticks in the log");
    let produced = produced(settings).await;
    for (symbol, expected) in &expected {
        let produced = produced.get(symbol).map_or(&[][..], Vec::as_slice);
        assert_eq!(produced.len(), expected.len(), "signals of {symbol}");
        assert_eq!(produced, expected, "signals of {symbol}");
    }
}
