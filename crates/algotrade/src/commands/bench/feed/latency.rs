//! How late a trade is in Kafka: a plain client beside market-data notes when each trade came over
//! its own socket, a consumer when it is in the log. Both are in this process, so that one clock
//! measures. The consumer's way from the broker is included: the figure is rather too large than
//! too small.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use coinbase::client::{FeedClient, FeedConfig, FeedEvent, Item};
use coinbase::simulator::SimulatorHandle;
use coinbase::{ProductId, Symbol};
use kafka_common::messages::MarketDataUpdate;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{KafkaSettings, Topic as _, envelope};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

/// Trades of the first while don't count: connections come about, and rings grow.
const WARM_UP: Duration = Duration::from_secs(2);
/// What is on its way at the end is waited for so long.
const REST: Duration = Duration::from_secs(5);

type Key = (Symbol, u64);
type Seen = Arc<Mutex<HashMap<Key, Instant>>>;

/// What was measured.
#[derive(Debug)]
pub(super) struct Latencies {
    /// Of each trade.
    pub(super) milliseconds: Vec<f64>,
    /// Trades that came over the socket and didn't arrive in Kafka.
    pub(super) unread: usize,
}

/// Releases the simulator and measures for a while.
pub(super) async fn measure(
    settings: &KafkaSettings,
    simulator: &SimulatorHandle,
    length: Duration,
) -> anyhow::Result<Latencies> {
    let shutdown = CancellationToken::new();
    let products: Vec<ProductId> = simulator.products().iter().map(|one| one.id).collect();
    let config = FeedConfig::new(simulator.ws_url());
    let mut witness = FeedClient::spawn(config, products, shutdown.clone());
    loop {
        match witness.next().await.context("the witness ended")? {
            FeedEvent::Subscribed(_) => break,
            FeedEvent::Disconnected { reason, .. } => anyhow::bail!("the witness: {reason}"),
            _ => {}
        }
    }
    let consumer = consumer(settings)?;
    let (logged, over) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let reading = tokio::task::spawn_blocking({
        let (logged, over) = (Arc::clone(&logged), Arc::clone(&over));
        move || read(&consumer, &logged, &over)
    });
    simulator.release();
    let began = Instant::now();
    let mut came: HashMap<Key, Instant> = HashMap::new();
    while began.elapsed() < length {
        let Ok(event) = tokio::time::timeout(length, witness.next()).await else {
            break;
        };
        let Some(FeedEvent::Batch(items)) = event else {
            continue;
        };
        let now = Instant::now();
        for item in items {
            if let Item::Trade(trade) = item {
                let key = (trade.product_id.symbol(), trade.trade_id);
                came.entry(key).or_insert(now);
            }
        }
    }
    came.retain(|_, at| at.duration_since(began) > WARM_UP);
    let deadline = Instant::now() + REST;
    while Instant::now() < deadline && !holds_all(&logged, &came) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    over.store(true, Ordering::Release);
    reading.await??;
    shutdown.cancel();
    witness.join().await;
    let logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
    let late = |(key, came): (&Key, &Instant)| {
        let logged = logged.get(key)?;
        // What the witness heard later than the log has it isn't late.
        Some(logged.saturating_duration_since(*came).as_secs_f64() * 1e3)
    };
    let milliseconds: Vec<f64> = came.iter().filter_map(late).collect();
    Ok(Latencies {
        unread: came.len() - milliseconds.len(),
        milliseconds,
    })
}

fn holds_all(logged: &Seen, came: &HashMap<Key, Instant>) -> bool {
    let logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
    came.keys().all(|key| logged.contains_key(key))
}

/// Reads the whole topic, and asks for each record as soon as it is there.
fn consumer(settings: &KafkaSettings) -> anyhow::Result<BaseConsumer> {
    let mut config = settings.admin();
    config
        .set("group.id", settings.group("bench-latency"))
        .set("enable.auto.commit", "false")
        .set("fetch.min.bytes", "1")
        .set("fetch.queue.backoff.ms", "1");
    let consumer: BaseConsumer = config.create()?;
    let spec = MarketDataUpdates::SPEC;
    let topic = settings.topic(spec.name);
    let mut partitions = TopicPartitionList::new();
    for partition in 0..spec.partitions {
        partitions.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

fn read(consumer: &BaseConsumer, logged: &Seen, over: &AtomicBool) -> anyhow::Result<()> {
    while !over.load(Ordering::Acquire) {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let now = Instant::now();
        let update = envelope::decode::<MarketDataUpdate>(message.payload())?.data;
        if let (Ok(symbol), Some(id)) = (Symbol::parse(&update.symbol), update.trade_id) {
            let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
            logged.entry((symbol, id)).or_insert(now);
        }
    }
    Ok(())
}
