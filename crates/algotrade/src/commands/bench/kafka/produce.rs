//! The produce path, typed and bare.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use kafka_common::messages::MarketDataUpdate;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{
    KafkaProducer, KafkaSettings, MarketDataService, Service as _, Topic as _, Topics, envelope,
    record_headers,
};
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use uuid::Uuid;

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

/// A record as [`KafkaProducer`] writes it, ready to be sent.
struct Ready {
    key: String,
    value: Vec<u8>,
    headers: OwnedHeaders,
}

impl Ready {
    fn of(message: &MarketDataUpdate, standard: bool) -> anyhow::Result<Self> {
        Ok(Self {
            key: message.symbol.clone(),
            value: envelope::encode(MarketDataService::NAME, Utc::now(), message)?,
            headers: record_headers(standard, Uuid::now_v7(), &[]),
        })
    }

    fn send(self, producer: &BaseProducer<Counting>, topic: &str) -> anyhow::Result<()> {
        let record = BaseRecord::to(topic)
            .key(self.key.as_str())
            .payload(&self.value[..])
            .headers(self.headers);
        send(producer, record)
    }
}

/// Records a second through librdkafka itself, from the same bytes, headers among them, that are
/// all there already.
pub(super) async fn raw(
    settings: &KafkaSettings,
    messages: &[MarketDataUpdate],
) -> anyhow::Result<f64> {
    let ready = |message| Ready::of(message, settings.record_headers);
    let mut records = messages
        .iter()
        .map(ready)
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter();
    let context = Counting::default();
    let (delivered, failed) = (context.delivered.clone(), context.failed.clone());
    let producer: BaseProducer<Counting> =
        settings.producer("bench").create_with_context(context)?;
    let topic = settings.topic(MarketDataUpdates::SPEC.name);
    tokio::task::spawn_blocking(move || {
        // Connections are made with the first record.
        if let Some(first) = records.next() {
            first.send(&producer, &topic)?;
            producer.flush(Duration::from_secs(10))?;
        }
        let count = records.len();
        let target = delivered.load(Ordering::Relaxed) + count as u64;
        let started = Instant::now();
        for record in records {
            record.send(&producer, &topic)?;
            producer.poll(Duration::ZERO);
        }
        while delivered.load(Ordering::Relaxed) < target {
            producer.poll(Duration::from_millis(1));
            let failed = failed.load(Ordering::Relaxed);
            anyhow::ensure!(failed == 0, "{failed} messages were not delivered");
        }
        Ok(count as f64 / started.elapsed().as_secs_f64())
    })
    .await?
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
