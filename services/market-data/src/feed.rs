//! The task between the feed's client and the log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coinbase::client::{FeedConfig, FeedEvent, FeedHandle, FeedProducts};
use service_kit::settings::FeedSettings;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::book::Markets;
use crate::producer::Producer;
use crate::publisher::{Acknowledger, Publisher};
use crate::statistics::FeedStatistics;
use crate::telemetry;

/// How often the task looks whether anything moves.
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two updates of the ages.
const LOOKS_PER_AGE: u32 = 10;
/// What the end may take, in all below the time that a service has for it: queueing what was read,
/// delivering what is queued, and hearing of it.
const QUEUE_BOUND: Duration = Duration::from_secs(2);
const DELIVER_BOUND: Duration = Duration::from_secs(5);
const HEAR_BOUND: Duration = Duration::from_secs(1);

/// The client's configuration.
pub fn config(settings: &FeedSettings) -> FeedConfig {
    let mut config = FeedConfig::new(&settings.websocket_url);
    config.stale_after = stale_after(settings);
    config
}

/// How long the feed may be silent; `None` for ever.
pub fn stale_after(settings: &FeedSettings) -> Option<Duration> {
    let seconds = settings.stale_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[derive(Debug)]
struct Connection {
    connected: bool,
    /// When it connected or something last came.
    alive: Instant,
    /// Why it isn't connected.
    why: String,
}

/// How the feed is, for the health check.
#[derive(Debug)]
pub struct FeedHealth {
    products: FeedProducts,
    stale_after: Option<Duration>,
    connection: Mutex<Connection>,
}

impl FeedHealth {
    /// Not connected yet.
    pub fn new(products: FeedProducts, stale_after: Option<Duration>) -> Self {
        let connection = Mutex::new(Connection {
            connected: false,
            alive: Instant::now(),
            why: "not connected yet".to_owned(),
        });
        Self {
            products,
            stale_after,
            connection,
        }
    }

    /// Ok if it is connected and not silent for too long. A fresh connection needs no data to be
    /// good, and without products there is nothing to be connected for.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.products.current().is_empty() {
            return Ok(());
        }
        let connection = self.lock();
        if !connection.connected {
            return Err(connection.why.clone());
        }
        let silence = connection.alive.elapsed();
        match self.stale_after {
            Some(bound) if silence > bound => Err(format!("nothing came for {silence:.0?}")),
            _ => Ok(()),
        }
    }

    fn connected(&self) {
        let mut connection = self.lock();
        connection.connected = true;
        connection.alive = Instant::now();
    }

    fn alive(&self, now: Instant) {
        self.lock().alive = now;
    }

    fn disconnected(&self, why: String) {
        let mut connection = self.lock();
        connection.connected = false;
        connection.why = why;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the client's events until the client ends.
#[derive(Debug)]
pub struct FeedTask {
    /// The client.
    pub feed: FeedHandle,
    /// Judges and keeps.
    pub markets: Arc<Markets>,
    /// Queues what is new.
    pub publisher: Publisher,
    /// Counts.
    pub statistics: Arc<FeedStatistics>,
    /// Is told how the feed is.
    pub health: Arc<FeedHealth>,
}

impl FeedTask {
    async fn run(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count: u32 = 0;
        let mut frames = 0;
        loop {
            tokio::select! {
                event = self.feed.next() => match event {
                    Some(event) => {
                        self.statistics.busy();
                        self.take(event).await;
                    }
                    None => break,
                },
                _ = looks.tick() => {
                    frames = self.look(frames);
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(LOOKS_PER_AGE) {
                        self.tell_ages();
                    }
                }
            }
        }
        self.health.disconnected("stopped".to_owned());
        self.feed.join().await;
    }

    async fn take(&mut self, event: FeedEvent) {
        match event {
            FeedEvent::Connected => self.health.connected(),
            FeedEvent::Subscribed(subscriptions) => {
                tracing::debug!(?subscriptions, "feed confirms");
            }
            FeedEvent::Batch(items) => {
                let now = Instant::now();
                self.health.alive(now);
                let mut fresh = Vec::with_capacity(items.len());
                let judged = self.markets.lock().take(&items, now, &mut fresh);
                self.statistics.duplicates(judged.duplicates);
                self.statistics.gap(judged.gaps, judged.missing);
                telemetry::duplicates(judged.duplicates);
                self.publisher.publish(&fresh).await;
            }
            FeedEvent::ServerError(error) => telemetry::feed_error(&error),
            FeedEvent::Disconnected { reason, retry_in } => {
                self.health.disconnected(reason.to_string());
                telemetry::disconnected(&reason, retry_in);
            }
        }
    }

    /// Tells the statistics what the client counted, and whether nothing has moved.
    fn look(&self, frames_before: u64) -> u64 {
        let stats = self.feed.stats();
        self.statistics.received(stats);
        let in_flight = self.statistics.counts().in_flight;
        match stats.frames == frames_before && in_flight == 0 {
            true => self.statistics.quiet(),
            false => self.statistics.busy(),
        }
        stats.frames
    }

    fn tell_ages(&self) {
        let ages = self.markets.lock().ages(Instant::now());
        for (symbol, age) in ages {
            if let Some(age) = age {
                telemetry::feed_age(symbol, age);
            }
        }
    }
}

/// Runs the feed to its end, and after `shutdown` delivers what was read.
pub async fn run(
    task: FeedTask,
    acknowledger: Acknowledger,
    producer: Arc<Producer>,
    shutdown: CancellationToken,
) {
    let statistics = Arc::clone(&task.statistics);
    let hearing: JoinHandle<()> = tokio::spawn(acknowledger.run());
    let overdue = async {
        shutdown.cancelled().await;
        sleep(QUEUE_BOUND).await;
    };
    tokio::select! {
        () = task.run() => {}
        // Kafka takes nothing at the moment. What isn't queued is a gap that the next start finds.
        () = overdue => tracing::error!("the feed ended with trades that were not queued"),
    }
    let undelivered = producer.current().stop(DELIVER_BOUND).await;
    let abort = hearing.abort_handle();
    if timeout(HEAR_BOUND, hearing).await.is_err() {
        abort.abort();
        let unknown = statistics.counts().in_flight;
        tracing::error!(
            undelivered,
            unknown,
            "ended before all trades were acknowledged"
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use coinbase::ProductId;
    use coinbase::client::FeedClient;

    use super::*;

    #[tokio::test]
    async fn ready_once_connected_and_while_something_comes() {
        let stop = CancellationToken::new();
        let feed = FeedClient::spawn(FeedConfig::new("ws://127.0.0.1:1"), [], stop.clone());
        let stale = Some(Duration::from_millis(20));
        let health = FeedHealth::new(feed.products().clone(), stale);
        assert_eq!(
            health.check(),
            Ok(()),
            "there is nothing to be connected for"
        );
        feed.products()
            .subscribe([ProductId::parse("BTC-USD").unwrap()]);
        assert!(health.check().is_err(), "not connected yet");
        health.connected();
        assert_eq!(health.check(), Ok(()), "no data is needed at first");
        std::thread::sleep(Duration::from_millis(40));
        assert!(health.check().unwrap_err().contains("nothing came"));
        health.alive(Instant::now());
        assert_eq!(health.check(), Ok(()));
        health.disconnected("gone".to_owned());
        assert_eq!(health.check(), Err("gone".to_owned()));
        stop.cancel();
    }
}
