//! Where records leave for the log: one producer for all partitions, or, among replicas, a writer
//! for each partition that this one holds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kafka_common::messages::{MarketDataUpdate, MissingTrades};
use kafka_common::partitioner::market_data_partition;
use kafka_common::{PendingDelivery, ProduceError, Topics};

use crate::producer::Producer;
use crate::telemetry;
use crate::writer::{Writer, Written};

/// A record isn't in the log.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// Kafka didn't take it: it is to be queued again.
    #[error(transparent)]
    Failed(#[from] ProduceError),
    /// Another replica writes this partition now: it has the trade from the exchange itself.
    #[error("another replica writes this partition")]
    NotOurs,
}

/// A record on its way.
#[derive(Debug)]
pub enum Delivery {
    /// Through the producer.
    Plain(PendingDelivery),
    /// Through a partition's writer.
    Fenced(Written),
}

impl Delivery {
    /// Waits until it is in the log.
    ///
    /// # Errors
    /// It isn't, or may not be.
    pub async fn wait(self) -> Result<(), Unwritten> {
        match self {
            Self::Plain(delivery) => delivery.wait().await.map(|_| ()).map_err(Unwritten::from),
            Self::Fenced(written) => written.wait().await.map_err(|_| Unwritten::NotOurs),
        }
    }
}

/// The writers of the partitions that this replica holds.
#[derive(Debug, Default)]
pub struct Writers(RwLock<HashMap<i32, Arc<Writer>>>);

impl Writers {
    /// The writer of a partition.
    pub fn of(&self, partition: i32) -> Option<Arc<Writer>> {
        let writers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        writers.get(&partition).cloned()
    }

    /// Puts a writer in its place, or takes it away.
    pub fn set(&self, partition: i32, writer: Option<Writer>) {
        let mut writers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match writer {
            Some(writer) => writers.insert(partition, Arc::new(writer)),
            None => writers.remove(&partition),
        };
    }
}

/// Where records leave.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// All partitions are this process's.
    Plain(Arc<Producer>),
    /// Those are that have a writer.
    Fenced(Arc<Writers>),
}

impl Outlet {
    /// Queues a record, for as long as it takes: a trade is not given up while Kafka is slow.
    ///
    /// # Errors
    /// It can't be queued.
    pub async fn enqueue(&self, record: &MarketDataUpdate) -> Result<Delivery, Unwritten> {
        match self {
            Self::Plain(producer) => Ok(Delivery::Plain(enqueue(producer, record).await?)),
            Self::Fenced(writers) => {
                let partition = market_data_partition(&record.symbol);
                let writer = writers.of(partition).ok_or(Unwritten::NotOurs)?;
                let written = writer.write(record).await;
                written
                    .map(Delivery::Fenced)
                    .map_err(|_| Unwritten::NotOurs)
            }
        }
    }
}

async fn enqueue(
    producer: &Producer,
    record: &MarketDataUpdate,
) -> Result<PendingDelivery, ProduceError> {
    loop {
        let current = producer.current();
        let (topic, key) = (Topics::MARKET_DATA_UPDATES, &record.symbol);
        let queued = match record.gap {
            None => current.enqueue_message(topic, record, key).await,
            Some(_) => {
                let kind = MissingTrades::RECORD_KIND;
                current.enqueue_kind(topic, kind, record, key).await
            }
        };
        match queued {
            Err(error @ ProduceError::QueueFull { .. }) => telemetry::queue_stays_full(&error),
            outcome => return outcome,
        }
    }
}
