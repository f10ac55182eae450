//! From the lanes to the log: queued in order, acknowledged in order, and queued again in order if
//! Kafka didn't take it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use coinbase::Symbol;
use kafka_common::trace::{self, OpenSpan};
use kafka_common::{MarketDataService, Service as _};
use tokio::sync::{Notify, mpsc};

use crate::book::{Markets, Outgoing};
use crate::message;
use crate::outlet::{Delivery, Outlet, Unwritten};
use crate::producer::Producer;
use crate::recovery::Recovery;
use crate::statistics::FeedStatistics;
use crate::telemetry;
use crate::tick::Entry;

/// Records queued and not yet acknowledged. More than Kafka's client batches in its linger time at
/// any rate that is reached, and well below the client's own queue of some 100,000. At the limit
/// trades wait in the lanes.
const MAX_IN_FLIGHT: usize = 20_000;
/// Acknowledgements looked at in one go.
const ACK_BATCH: usize = 512;
/// Kafka is away when it acknowledges nothing for so long though something is queued.
const AWAY_AFTER: Duration = Duration::from_secs(5);

/// What the publisher and its acknowledging task share.
#[derive(Debug)]
struct Shared {
    markets: Arc<Markets>,
    statistics: Arc<FeedStatistics>,
    /// What wasn't taken, in its order.
    failed: Mutex<Vec<Outgoing>>,
    failing: AtomicBool,
    /// When something was last acknowledged, or nothing was queued.
    progress: Mutex<Instant>,
    answered: Notify,
}

impl Shared {
    fn failed(&self) -> MutexGuard<'_, Vec<Outgoing>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Instant> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self, outgoing: &Outgoing) {
        match outgoing.entry {
            Entry::Trade(_) => self.statistics.published(),
            Entry::Gap(_) => self.statistics.marked(),
        }
    }

    fn unwritten(&self, outgoing: Outgoing, error: &Unwritten) {
        self.statistics.returned();
        match error {
            Unwritten::Failed(error) => {
                tracing::warn!(%error, "a trade was not taken");
                self.failing.store(true, Ordering::Release);
                self.failed().push(outgoing);
            }
            Unwritten::NotOurs => telemetry::not_ours(outgoing.product.symbol()),
        }
    }

    /// For how long Kafka has acknowledged nothing of what is queued.
    fn silence(&self) -> Duration {
        match self.statistics.counts().in_flight {
            0 => Duration::ZERO,
            _ => self.progress().elapsed(),
        }
    }
}

#[derive(Debug)]
struct InFlight {
    outgoing: Outgoing,
    delivery: Delivery,
}

/// Tells whether Kafka takes what is queued.
#[derive(Debug, Clone)]
pub struct PublishHealth(Arc<Shared>);

impl PublishHealth {
    /// Ok unless the last delivery failed or Kafka is silent.
    ///
    /// # Errors
    /// What is wrong, and how much waits.
    pub fn check(&self) -> Result<(), String> {
        let shared = &self.0;
        let counts = shared.statistics.counts();
        let waiting = counts.in_flight + counts.waiting;
        let silence = shared.silence();
        if shared.failing.load(Ordering::Acquire) {
            return Err(format!(
                "Kafka refused the last trades; {waiting} wait to be queued again"
            ));
        }
        match silence > AWAY_AFTER {
            true => Err(format!(
                "Kafka has acknowledged nothing for {silence:.0?}; {waiting} trades wait"
            )),
            false => Ok(()),
        }
    }
}

/// Queues records.
#[derive(Debug)]
pub struct Publisher {
    outlet: Outlet,
    producer: Arc<Producer>,
    source: &'static str,
    in_flight: mpsc::Sender<InFlight>,
    shared: Arc<Shared>,
    /// What is to be queued before anything else.
    again: VecDeque<Outgoing>,
    recovery: Option<Recovery>,
}

/// Takes acknowledgements until the publisher is dropped and everything is answered.
#[derive(Debug)]
pub struct Acknowledger {
    in_flight: mpsc::Receiver<InFlight>,
    shared: Arc<Shared>,
}

/// A publisher and the task that belongs to it.
pub fn publisher(
    outlet: Outlet,
    producer: Arc<Producer>,
    source: &'static str,
    markets: Arc<Markets>,
    statistics: Arc<FeedStatistics>,
) -> (Publisher, Acknowledger, PublishHealth) {
    let shared = Arc::new(Shared {
        markets,
        statistics,
        failed: Mutex::default(),
        failing: AtomicBool::new(false),
        progress: Mutex::new(Instant::now()),
        answered: Notify::new(),
    });
    let (sender, receiver) = mpsc::channel(MAX_IN_FLIGHT);
    let health = PublishHealth(Arc::clone(&shared));
    let acknowledger = Acknowledger {
        in_flight: receiver,
        shared: Arc::clone(&shared),
    };
    let publisher = Publisher {
        outlet,
        producer,
        source,
        in_flight: sender,
        shared,
        again: VecDeque::new(),
        recovery: None,
    };
    (publisher, acknowledger, health)
}

impl Publisher {
    /// How many records may be queued now: none while earlier ones have to be queued again.
    pub fn room(&self) -> usize {
        let is_blocked = self.shared.failing.load(Ordering::Acquire)
            || self.recovery.is_some()
            || !self.again.is_empty();
        if is_blocked {
            0
        } else {
            self.in_flight.capacity()
        }
    }

    /// Records that were refused and aren't queued again yet.
    pub fn to_repeat(&self) -> usize {
        let recovering = self.recovery.as_ref().map_or(0, Recovery::len);
        self.again.len() + recovering + self.shared.failed().len()
    }

    /// Waits until something is answered.
    pub async fn answered(&self) {
        self.shared.answered.notified().await;
    }

    /// For how long Kafka has acknowledged nothing of what is queued, or is to be queued again.
    pub fn silence(&self) -> Duration {
        match self.to_repeat() {
            0 => self.shared.silence(),
            _ => self.shared.progress().elapsed(),
        }
    }

    /// Queues records in their order.
    pub async fn publish(&mut self, records: &[Outgoing]) {
        for outgoing in records {
            // What comes after a refused record waits for it.
            if self.shared.failing.load(Ordering::Acquire) {
                self.shared.failed().push(*outgoing);
                continue;
            }
            self.queue(*outgoing).await;
        }
    }

    async fn queue(&mut self, outgoing: Outgoing) {
        let statistics = &self.shared.statistics;
        if statistics.counts().in_flight == 0 {
            *self.shared.progress() = Instant::now();
        }
        statistics.enqueued();
        let record = message::record(&outgoing, self.source);
        let frame = self.frame(&outgoing);
        let queueing = self.outlet.enqueue(&record);
        let queued = trace::scope(frame.map(|frame| frame.context()), queueing).await;
        if let Some(frame) = frame {
            frame.end(queued.as_ref().err().map(Unwritten::to_string));
        }
        match queued {
            Ok(delivery) => {
                // The other end is dropped only after this one.
                let _sent = self.in_flight.send(InFlight { outgoing, delivery }).await;
            }
            Err(error) => self.shared.unwritten(outgoing, &error),
        }
    }

    /// The frame that told of a trade begins its trace. A mark is made here.
    fn frame(&self, outgoing: &Outgoing) -> Option<OpenSpan> {
        // Without headers a record names no trace.
        if matches!(outgoing.entry, Entry::Gap(_)) || !self.producer.settings().record_headers {
            return None;
        }
        OpenSpan::of_frame(MarketDataService::NAME, self.source, outgoing.heard)
    }

    fn count_late(&self, outgoing: &Outgoing) {
        if let Entry::Gap(missing) = &outgoing.entry {
            self.shared.markets.lock().refused(outgoing.product);
            self.shared.statistics.gap(missing.count());
            self.shared.statistics.lost(missing.count());
            telemetry::gap(outgoing.product.symbol(), missing);
            telemetry::lost(outgoing.product.symbol(), missing.count());
        }
    }

    /// Mends what failed: once everything queued is answered, the log tells what of it is there,
    /// and the rest is queued again.
    pub async fn tend(&mut self) {
        if let Some(recovery) = &mut self.recovery {
            let Some(recovered) = recovery.poll().await else {
                return;
            };
            self.recovery = None;
            for outgoing in &recovered.found {
                // It was counted as returned before.
                self.shared.statistics.enqueued();
                self.shared.taken(outgoing);
            }
            for outgoing in &recovered.late {
                self.count_late(outgoing);
            }
            self.again.extend(recovered.again);
            self.again.extend(recovered.late);
            self.shared.failing.store(false, Ordering::Release);
        }
        while self.in_flight.capacity() > 0
            && !self.shared.failing.load(Ordering::Acquire)
            && let Some(outgoing) = self.again.pop_front()
        {
            self.queue(outgoing).await;
        }
        let failing = self.shared.failing.load(Ordering::Acquire);
        if failing && self.shared.statistics.counts().in_flight == 0 {
            let mut failed = std::mem::take(&mut *self.shared.failed());
            failed.extend(self.again.drain(..));
            telemetry::returned(failed.len());
            let producer = Arc::clone(&self.producer);
            self.recovery = Some(Recovery::start(producer, self.source, failed));
        }
    }
}

impl Acknowledger {
    /// Runs.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(ACK_BATCH);
        let mut published: HashMap<Symbol, u64> = HashMap::new();
        while self.in_flight.recv_many(&mut batch, ACK_BATCH).await > 0 {
            let (mut newest, mut any_taken) = (None, false);
            for InFlight { outgoing, delivery } in batch.drain(..) {
                match delivery.wait().await {
                    Ok(()) => {
                        any_taken = true;
                        self.shared.taken(&outgoing);
                        if let Entry::Trade(tick) = outgoing.entry {
                            *published.entry(outgoing.product.symbol()).or_default() += 1;
                            newest = Some(tick.trade.time);
                        }
                    }
                    Err(error) => self.shared.unwritten(outgoing, &error),
                }
            }
            if any_taken {
                *self.shared.progress() = Instant::now();
            }
            for (symbol, count) in published.drain() {
                telemetry::published(symbol, count);
            }
            // One sample a batch: at a live market's rate that is nearly every trade, and at a
            // replay's rate samples would otherwise pile up between two scrapes.
            if let Some(time) = newest {
                let latency = (Utc::now() - time).to_std().unwrap_or_default();
                telemetry::publish_latency(latency.as_secs_f64());
            }
            telemetry::in_flight(self.shared.statistics.counts().in_flight);
            self.shared.answered.notify_one();
        }
    }
}
