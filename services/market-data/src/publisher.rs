//! From new trades to the log: queued in order, acknowledged in order, never silently lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use coinbase::{ProductId, Symbol, Trade};
use kafka_common::messages::MarketDataUpdate;
use kafka_common::{PendingDelivery, ProduceError, Topics};
use tokio::sync::mpsc;

use crate::book::Markets;
use crate::message;
use crate::producer::{Producer, is_fatal};
use crate::statistics::FeedStatistics;
use crate::telemetry;

/// Trades queued and not yet acknowledged. More than Kafka's client batches in its linger time at
/// any rate that is reached, and well below the client's own queue of some 100,000. At the limit
/// the feed waits, and with it the socket.
const MAX_IN_FLIGHT: usize = 20_000;
/// Acknowledgements looked at in one go.
const ACK_BATCH: usize = 512;
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);

/// What the publisher and its acknowledging task share.
#[derive(Debug)]
struct Shared {
    markets: Arc<Markets>,
    statistics: Arc<FeedStatistics>,
    failing: AtomicBool,
}

impl Shared {
    fn lost(&self, trade: &Queued, error: &dyn std::fmt::Display) {
        self.failing.store(true, Ordering::Release);
        let begins_gap = self.markets.lock().lost(trade.product, trade.trade_id);
        self.statistics.lost(begins_gap);
        telemetry::lost(trade.product.symbol(), trade.trade_id, error);
    }

    fn published(&self) {
        self.statistics.published();
        if self.failing.load(Ordering::Acquire) {
            self.failing.store(false, Ordering::Release);
            tracing::info!("kafka takes trades again");
        }
    }
}

/// What must be known of a trade once it is queued.
#[derive(Debug, Clone, Copy)]
struct Queued {
    product: ProductId,
    trade_id: u64,
    time: DateTime<Utc>,
}

#[derive(Debug)]
struct InFlight {
    trade: Queued,
    delivery: PendingDelivery,
}

/// Tells whether deliveries fail.
#[derive(Debug, Clone)]
pub struct PublishHealth(Arc<Shared>);

impl PublishHealth {
    /// Ok unless the last delivery failed.
    ///
    /// # Errors
    /// The last delivery failed.
    pub fn check(&self) -> Result<(), String> {
        match self.0.failing.load(Ordering::Acquire) {
            true => Err("the last trades could not be delivered to Kafka".to_owned()),
            false => Ok(()),
        }
    }
}

/// Queues trades.
#[derive(Debug)]
pub struct Publisher {
    producer: Arc<Producer>,
    source: &'static str,
    in_flight: mpsc::Sender<InFlight>,
    shared: Arc<Shared>,
}

/// Takes acknowledgements until the publisher is dropped and everything is answered.
#[derive(Debug)]
pub struct Acknowledger {
    in_flight: mpsc::Receiver<InFlight>,
    shared: Arc<Shared>,
}

/// A publisher and the task that belongs to it.
pub fn publisher(
    producer: Arc<Producer>,
    source: &'static str,
    markets: Arc<Markets>,
    statistics: Arc<FeedStatistics>,
) -> (Publisher, Acknowledger, PublishHealth) {
    let shared = Arc::new(Shared {
        markets,
        statistics,
        failing: AtomicBool::new(false),
    });
    let (sender, receiver) = mpsc::channel(MAX_IN_FLIGHT);
    let health = PublishHealth(Arc::clone(&shared));
    let acknowledger = Acknowledger {
        in_flight: receiver,
        shared: Arc::clone(&shared),
    };
    let publisher = Publisher {
        producer,
        source,
        in_flight: sender,
        shared,
    };
    (publisher, acknowledger, health)
}

impl Publisher {
    /// Queues trades in their order; waits while too many are unacknowledged.
    pub async fn publish(&self, trades: &[Trade]) {
        for trade in trades {
            let update = message::update(trade, self.source);
            let queued = Queued {
                product: trade.product_id,
                trade_id: trade.trade_id,
                time: trade.time,
            };
            self.shared.statistics.enqueued();
            match self.enqueue(&update).await {
                Ok(delivery) => {
                    let trade = queued;
                    // The other end is dropped only after this one.
                    let _sent = self.in_flight.send(InFlight { trade, delivery }).await;
                }
                Err(error) => self.shared.lost(&queued, &error),
            }
        }
    }

    /// Waits for room for as long as it takes: the trade is not given up while Kafka is slow.
    async fn enqueue(&self, update: &MarketDataUpdate) -> Result<PendingDelivery, ProduceError> {
        loop {
            let producer = self.producer.current();
            let topic = Topics::MARKET_DATA_UPDATES;
            match producer
                .enqueue_message(topic, update, &update.symbol)
                .await
            {
                Err(error @ ProduceError::QueueFull { .. }) => telemetry::queue_stays_full(&error),
                Err(error) if is_fatal(&error) => {
                    if let Err(refused) = self.producer.renew(&error) {
                        tracing::error!(error = %refused, "no new producer");
                        tokio::time::sleep(RENEWAL_PAUSE).await;
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

impl Acknowledger {
    /// Runs.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(ACK_BATCH);
        let mut published: HashMap<Symbol, u64> = HashMap::new();
        while self.in_flight.recv_many(&mut batch, ACK_BATCH).await > 0 {
            let mut newest = None;
            for InFlight { trade, delivery } in batch.drain(..) {
                match delivery.wait().await {
                    Ok(_) => {
                        self.shared.published();
                        *published.entry(trade.product.symbol()).or_default() += 1;
                        newest = Some(trade.time);
                    }
                    Err(error) => self.shared.lost(&trade, &error),
                }
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
        }
    }
}
