//! The produce path, typed and bare.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use kafka_common::messages::MarketDataUpdate;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{KafkaProducer, KafkaSettings, MarketDataService, Topic as _, Topics, envelope};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

/// Messages whose delivery isn't waited for yet: less than what the client's queue holds.
const IN_FLIGHT: usize = 20_000;

/// Records a second through [`KafkaProducer`]: encoded, queued, and each delivery awaited.
pub(super) async fn ours(
    settings: &KafkaSettings,
    messages: &[MarketDataUpdate],
) -> anyhow::Result<f64> {
    let producer = KafkaProducer::<MarketDataService>::start(settings)?;
    warm_up(&producer, messages).await?;
    let started = Instant::now();
    send_all(&producer, messages.iter(), || ()).await?;
    Ok(messages.len() as f64 / started.elapsed().as_secs_f64())
}

/// Queues messages, awaits each delivery, and tells of each.
pub(super) async fn send_all<M: Borrow<MarketDataUpdate>>(
    producer: &KafkaProducer<MarketDataService>,
    messages: impl Iterator<Item = M>,
    mut delivered: impl FnMut(),
) -> anyhow::Result<()> {
    let mut pending = VecDeque::with_capacity(IN_FLIGHT);
    for message in messages {
        let message = message.borrow();
        if pending.len() == IN_FLIGHT
            && let Some(delivery) = pending.pop_front()
        {
            wait(delivery).await?;
            delivered();
        }
        let topic = Topics::MARKET_DATA_UPDATES;
        pending.push_back(
            producer
                .enqueue_message(topic, message, &message.symbol)
                .await?,
        );
    }
    for delivery in pending {
        wait(delivery).await?;
        delivered();
    }
    Ok(())
}

async fn wait(delivery: kafka_common::PendingDelivery) -> anyhow::Result<()> {
    delivery.wait().await?;
    Ok(())
}

/// Connections are made with the first message.
async fn warm_up(
    producer: &KafkaProducer<MarketDataService>,
    messages: &[MarketDataUpdate],
) -> anyhow::Result<()> {
    if let Some(message) = messages.first() {
        let topic = Topics::MARKET_DATA_UPDATES;
        producer
            .send_message(topic, message, &message.symbol)
            .await?;
    }
    Ok(())
}

#[derive(Default)]
struct Counting {
    delivered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.delivered.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.failed.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// Records a second through librdkafka itself, from bytes that are there already, with the same
/// headers.
pub(super) async fn raw(
    settings: &KafkaSettings,
    messages: &[MarketDataUpdate],
) -> anyhow::Result<f64> {
    let bytes = messages
        .iter()
        .map(|message| envelope::encode("market-data", Utc::now(), message))
        .collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<String> = messages.iter().map(|m| m.symbol.clone()).collect();
    let context = Counting::default();
    let (delivered, failed) = (context.delivered.clone(), context.failed.clone());
    let producer: BaseProducer<Counting> =
        settings.producer("bench").create_with_context(context)?;
    let topic = settings.topic(MarketDataUpdates::SPEC.name);
    let headers = [
        ("content-type", "application/json"),
        ("schema-version", "1"),
        ("message-id", "0198c0de-0000-7000-8000-000000000000"),
    ];
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(*value),
            })
        });
    let headers = settings.record_headers.then_some(headers);
    tokio::task::spawn_blocking(move || {
        if let (Some(key), Some(value)) = (keys.first(), bytes.first()) {
            send(&producer, record(&topic, key, value, headers.as_ref()))?;
            producer.flush(Duration::from_secs(10))?;
        }
        let before = delivered.load(Ordering::Relaxed);
        let target = before + bytes.len() as u64;
        let started = Instant::now();
        for (key, value) in keys.iter().zip(&bytes) {
            send(&producer, record(&topic, key, value, headers.as_ref()))?;
            producer.poll(Duration::ZERO);
        }
        while delivered.load(Ordering::Relaxed) < target {
            producer.poll(Duration::from_millis(1));
            let failed = failed.load(Ordering::Relaxed);
            anyhow::ensure!(failed == 0, "{failed} messages were not delivered");
        }
        Ok(bytes.len() as f64 / started.elapsed().as_secs_f64())
    })
    .await?
}

fn record<'a>(
    topic: &'a str,
    key: &'a str,
    value: &'a [u8],
    headers: Option<&OwnedHeaders>,
) -> BaseRecord<'a, str, [u8]> {
    let record = BaseRecord::to(topic).key(key).payload(value);
    match headers {
        Some(headers) => record.headers(headers.clone()),
        None => record,
    }
}

/// Queues a record, and waits where the queue is full.
pub(super) fn send<C: ProducerContext<DeliveryOpaque = ()>>(
    producer: &BaseProducer<C>,
    record: BaseRecord<'_, str, [u8]>,
) -> anyhow::Result<()> {
    let mut record = record;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                record = returned;
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
