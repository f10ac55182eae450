//! The task between the feed's client and the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coinbase::ProductId;
use coinbase::client::{
    DEFAULT_ADVANCED_URL, DEFAULT_WEBSOCKET_URL, FeedConfig, FeedEvent, PoolConfig, PoolEvent,
    PoolHandle,
};
use service_kit::settings::{FeedKind, FeedSettings};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::book::Markets;
use crate::feed_health::FeedHealth;
use crate::fetch::{Fetched, Fetches};
use crate::producer::Producer;
use crate::publisher::{Acknowledger, Publisher};
use crate::registry::Registry;
use crate::statistics::FeedStatistics;
use crate::telemetry;
use crate::tick::Entry;

/// How often the task looks whether anything moves.
const LOOK: Duration = Duration::from_millis(100);
/// Looks between two updates of the ages.
const LOOKS_PER_AGE: u32 = 10;
/// Records that go from the lanes to the publisher at once.
const RELEASE: usize = 512;
/// So long the socket isn't read while Kafka is slow or a lane is full. After that Kafka is away:
/// what comes waits in the lanes, and what doesn't fit is fetched later.
const STALL: Duration = Duration::from_secs(2);
/// What the end may take, in all below the time that a service has for it: queueing what was read,
/// delivering what is queued, and hearing of it.
const QUEUE_BOUND: Duration = Duration::from_secs(2);
const DELIVER_BOUND: Duration = Duration::from_secs(5);
const HEAR_BOUND: Duration = Duration::from_secs(1);

/// Between the starts of two connections.
const STAGGER: Duration = Duration::from_millis(250);

/// The clients' configuration.
pub fn config(settings: &FeedSettings) -> PoolConfig {
    let mut feed = FeedConfig::new(&settings.websocket_url);
    if settings.kind == FeedKind::Advanced {
        feed.kind = coinbase::client::FeedKind::Advanced;
        if settings.websocket_url == DEFAULT_WEBSOCKET_URL {
            feed.websocket_url = DEFAULT_ADVANCED_URL.to_owned();
        }
    }
    feed.stale_after = stale_after(settings);
    PoolConfig {
        feed,
        products_per_connection: settings.products_per_connection,
        stagger: STAGGER,
    }
}

/// How long the feed may be silent; `None` for ever.
pub fn stale_after(settings: &FeedSettings) -> Option<Duration> {
    let seconds = settings.stale_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Takes the clients' events until they end.
#[derive(Debug)]
pub struct FeedTask {
    /// The clients.
    pub feed: PoolHandle,
    /// Orders and keeps.
    pub markets: Arc<Markets>,
    /// Fetches what is missing.
    pub fetches: Fetches,
    /// Queues what comes out.
    pub publisher: Publisher,
    /// Counts.
    pub statistics: Arc<FeedStatistics>,
    /// Is told how the feed is.
    pub health: Arc<FeedHealth>,
    /// Is told which product the exchange doesn't have.
    pub registry: Arc<Registry>,
    /// When a product of which nothing is heard is asked for again.
    pub stale_after: Option<Duration>,
}

impl FeedTask {
    async fn run(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count: u32 = 0;
        let mut frames = 0;
        let mut full_since = None;
        let mut renewed = HashMap::new();
        loop {
            let may_read = self.may_read(&mut full_since);
            tokio::select! {
                event = self.feed.next(), if may_read => match event {
                    Some(event) => {
                        self.statistics.busy();
                        self.take(event);
                    }
                    None => break,
                },
                fetched = self.fetches.next() => self.fetched(fetched),
                () = self.publisher.answered() => {}
                _ = looks.tick() => {
                    frames = self.look(frames);
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(LOOKS_PER_AGE) {
                        self.tell_ages(&mut renewed);
                    }
                }
            }
            self.publisher.tend().await;
            self.pass_on().await;
        }
        self.pass_on().await;
    }

    /// Whether the socket is read. It isn't while what was read can't go on, but no longer than
    /// [`STALL`] without an acknowledgement: a feed that isn't read is cut off.
    fn may_read(&self, full_since: &mut Option<Instant>) -> bool {
        let is_full = self.markets.lock().is_full();
        *full_since = is_full.then(|| full_since.unwrap_or_else(Instant::now));
        let waits_for_lane = full_since.is_some_and(|since| since.elapsed() < STALL);
        let waits_for_kafka = self.publisher.room() == 0 && self.publisher.silence() < STALL;
        !waits_for_lane && !waits_for_kafka
    }

    fn take(&mut self, event: PoolEvent) {
        match event {
            PoolEvent::Feed { connection, event } => self.take_from(connection, event),
            PoolEvent::Refused { product, error } => {
                self.health.refused(product, error.to_string());
                let registry = Arc::clone(&self.registry);
                tokio::spawn(async move { registry.give_up(product).await });
            }
            PoolEvent::Stopped { connection, error } => {
                let why = format!("the exchange refuses the subscription: {error}");
                self.health.disconnected(connection, why);
            }
        }
    }

    fn take_from(&mut self, connection: usize, event: FeedEvent) {
        match event {
            FeedEvent::Connected => self.health.connected(connection),
            FeedEvent::Subscribed(subscriptions) => {
                tracing::debug!(connection, ?subscriptions, "feed confirms");
            }
            FeedEvent::Batch(items) => {
                let now = Instant::now();
                self.health.alive(connection, now);
                let judged = self.markets.lock().take(&items, now);
                self.statistics.duplicates(judged.duplicates);
                telemetry::duplicates(judged.duplicates);
                telemetry::left_out(judged.left_out);
            }
            FeedEvent::ServerError(error) => telemetry::feed_error(&error),
            FeedEvent::Disconnected { reason, retry_in } => {
                self.health.disconnected(connection, reason.to_string());
                telemetry::disconnected(&reason, retry_in);
            }
        }
    }

    fn fetched(&mut self, fetched: Fetched) {
        let Fetched {
            product,
            ask,
            answer,
        } = fetched;
        let now = Instant::now();
        let found = self.markets.lock().answer(product, &ask, answer, now);
        if found > 0 {
            self.statistics.backfilled(found as u64);
            telemetry::backfilled(product.symbol(), found);
        }
    }

    /// Passes on what can be, and has fetched what is missing.
    async fn pass_on(&mut self) {
        let now = Instant::now();
        let mut out = Vec::new();
        loop {
            let room = self.publisher.room().min(RELEASE);
            out.clear();
            self.markets.lock().release(room, now, &mut out);
            if out.is_empty() {
                break;
            }
            for outgoing in &out {
                if let Entry::Gap(missing) = &outgoing.entry {
                    self.statistics.gap(missing.count());
                    telemetry::gap(outgoing.product.symbol(), missing);
                }
            }
            self.publisher.publish(&out).await;
        }
        let (asks, waiting) = {
            let mut book = self.markets.lock();
            (book.asks(now), book.waiting())
        };
        for (product, ask) in asks {
            self.fetches.begin(product, ask);
        }
        self.statistics
            .waiting(waiting + self.publisher.to_repeat());
    }

    /// Tells the statistics what the client counted, and whether nothing has moved.
    fn look(&self, frames_before: u64) -> u64 {
        let stats = self.feed.stats();
        self.statistics.received(stats);
        let counts = self.statistics.counts();
        telemetry::waiting(counts.waiting);
        match stats.frames == frames_before && counts.in_flight == 0 {
            true => self.statistics.quiet(),
            false => self.statistics.busy(),
        }
        stats.frames
    }

    /// Tells how long ago something was heard of each product, and asks again for those of which
    /// nothing is heard. A product that doesn't trade has heartbeats, so that silence means that its
    /// subscription is lost, though its connection may be fine.
    fn tell_ages(&self, renewed: &mut HashMap<ProductId, Instant>) {
        let now = Instant::now();
        let (ages, malformed) = {
            let markets = self.markets.lock();
            (markets.ages(now), markets.malformed(now).len())
        };
        telemetry::malformed_products(malformed);
        renewed.retain(|product, _| ages.iter().any(|(known, _)| known == product));
        for (product, age) in ages {
            let Some(age) = age else { continue };
            telemetry::feed_age(product.symbol(), age);
            let since = renewed.get(&product).map_or(age, |at| age.min(now - *at));
            if self.stale_after.is_some_and(|bound| since > bound) {
                telemetry::renewed(product.symbol(), age);
                renewed.insert(product, now);
                self.feed.products().renew(product);
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
    let undelivered = producer.current().stop(DELIVER_BOUND).await.total();
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
