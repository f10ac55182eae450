//! The consume path, with all that the layer does and bare.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafka_common::messages::TradeExecution;
use kafka_common::topics::TradeExecutions;
use kafka_common::{
    HandlerError, KafkaConsumer, KafkaSettings, NotificationService, Service as _, Topic as _,
    Topics, envelope,
};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longest wait for all records.
const DEADLINE: Duration = Duration::from_secs(300);

/// From the first record to the last, so that the time to join the group is left out.
#[derive(Debug)]
struct Clock {
    count: u64,
    seen: AtomicU64,
    zero: Instant,
    /// In microseconds since `zero`.
    first: AtomicU64,
    last: AtomicU64,
    done: Notify,
}

impl Clock {
    fn new(count: u64) -> Arc<Self> {
        Arc::new(Self {
            count,
            seen: AtomicU64::new(0),
            zero: Instant::now(),
            first: AtomicU64::new(0),
            last: AtomicU64::new(0),
            done: Notify::new(),
        })
    }

    fn tick(&self) {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let now = || self.zero.elapsed().as_micros() as u64;
        if seen == 1 {
            self.first.store(now(), Ordering::Relaxed);
        }
        if seen == self.count {
            self.last.store(now(), Ordering::Relaxed);
            self.done.notify_one();
        }
    }

    fn rate(&self) -> f64 {
        let micros = self.last.load(Ordering::Relaxed) - self.first.load(Ordering::Relaxed);
        self.count as f64 / (micros.max(1) as f64 / 1e6)
    }
}

/// Records a second through [`KafkaConsumer`].
pub(super) async fn ours(settings: &KafkaSettings, count: u64) -> anyhow::Result<f64> {
    let clock = Clock::new(count);
    let seen = Arc::clone(&clock);
    let consumer = KafkaConsumer::<NotificationService>::new(settings)
        .add_message_handler(Topics::TRADE_EXECUTIONS, move |record| {
            std::hint::black_box(&record.data.price);
            seen.tick();
            std::future::ready(Ok::<(), HandlerError>(()))
        })
        .start()?;
    let stop = CancellationToken::new();
    let consuming = tokio::spawn(consumer.start_consuming(stop.clone()));
    let done = tokio::time::timeout(DEADLINE, clock.done.notified()).await;
    stop.cancel();
    consuming.await??;
    done.map_err(|_| anyhow::anyhow!("not all records came within {DEADLINE:?}"))?;
    Ok(clock.rate())
}

/// Records a second through librdkafka, only decoded into the same struct.
pub(super) async fn raw(settings: &KafkaSettings, count: u64) -> anyhow::Result<f64> {
    let consumer: BaseConsumer = settings
        .consumer("bench", NotificationService::GROUP)
        .create()?;
    let topic = settings.topic(TradeExecutions::SPEC.name);
    tokio::task::spawn_blocking(move || {
        consumer.subscribe(&[&topic])?;
        let clock = Clock::new(count);
        let deadline = Instant::now() + DEADLINE;
        while clock.seen.load(Ordering::Relaxed) < count {
            anyhow::ensure!(Instant::now() < deadline, "not all records came");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message?;
            let read = envelope::decode::<TradeExecution>(message.payload())?;
            std::hint::black_box(&read.data.price);
            clock.tick();
        }
        Ok(clock.rate())
    })
    .await?
}
