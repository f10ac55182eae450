//! Dividing the partitions among replicas: each claims its share, and takes over from one that is
//! gone.
//!
//! Leases in Redis say who *should* write a partition. That nobody else *can* is the broker's doing:
//! see [`Writer`]. So without Redis the holders simply go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use kafka_common::KafkaSettings;
use kafka_common::Topic as _;
use kafka_common::topics::MarketDataUpdates;
use serde_json::{Value, json};
use service_kit::leases::Leases;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::outlet::Writers;
use crate::tail;
use crate::telemetry;
use crate::writer::Writer;

/// A lease that isn't claimed again ends after this.
pub const LEASE: Duration = Duration::from_millis(2_500);
/// Between two rounds of claims. A replica that is gone is noticed after a lease and a round.
const ROUND: Duration = Duration::from_millis(500);
/// What is queued when a partition is given up has so long to go out.
const HAND_OVER: Duration = Duration::from_millis(500);

/// Claims partitions, holds them, and gives them up.
#[derive(Debug)]
pub struct Holder {
    kafka: KafkaSettings,
    source: &'static str,
    leases: Leases,
    writers: Arc<Writers>,
    assignment: Arc<Assignment>,
    /// What was claimed, and whether it is taken over already.
    claimed: Mutex<BTreeMap<i32, bool>>,
}

impl Holder {
    /// Holds nothing yet.
    pub fn new(
        kafka: &KafkaSettings,
        source: &'static str,
        leases: Leases,
        writers: Arc<Writers>,
        assignment: Arc<Assignment>,
    ) -> Self {
        Self {
            kafka: kafka.clone(),
            source,
            leases,
            writers,
            assignment,
            claimed: Mutex::default(),
        }
    }

    /// What the health page tells.
    pub fn detail(&self) -> Value {
        let claimed = self.claimed();
        let taken = claimed.iter().filter(|(_, is_taken)| **is_taken);
        let partitions: Vec<i32> = taken.map(|(partition, _)| *partition).collect();
        json!({"partitions": partitions})
    }

    fn claimed(&self) -> MutexGuard<'_, BTreeMap<i32, bool>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> Vec<(i32, bool)> {
        let claimed = self.claimed();
        claimed
            .iter()
            .map(|(partition, is_taken)| (*partition, *is_taken))
            .collect()
    }

    /// Runs until `shutdown`, and gives everything up then.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(rounds.tick()).await.is_some() {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "redis doesn't answer: who holds what stays as it is");
            }
        }
        let given_back = self
            .list()
            .into_iter()
            .map(|(partition, _)| self.give_back(partition));
        join_all(given_back).await;
    }

    async fn round(self: &Arc<Self>) -> Result<(), redis::RedisError> {
        // First what was taken away, whether or not Redis knows of it.
        for (partition, is_taken) in self.list() {
            let writer = self.writers.of(partition);
            if is_taken && writer.is_none_or(|writer| writer.is_fenced()) {
                self.lose(partition);
            }
        }
        let replicas = format!("market-data:{}:replicas", self.source);
        let replicas = self.leases.present(&replicas).await?;
        let replicas = i32::try_from(replicas).unwrap_or(i32::MAX).max(1);
        let partitions = MarketDataUpdates::SPEC.partitions;
        let share = (partitions + replicas - 1) / replicas;
        let share = usize::try_from(share).unwrap_or_default();
        for partition in 0..partitions {
            let (is_claimed, count) = {
                let claimed = self.claimed();
                (claimed.contains_key(&partition), claimed.len())
            };
            if !is_claimed && count >= share {
                continue;
            }
            if is_claimed && count > share {
                // Another replica has come: it claims what becomes free. Meanwhile the others are
                // claimed on.
                tokio::spawn(self.give_back(partition));
                continue;
            }
            match (is_claimed, self.leases.claim(&self.name(partition)).await?) {
                (false, true) => {
                    self.claimed().insert(partition, false);
                    // Meanwhile the lease is claimed on.
                    tokio::spawn(Arc::clone(self).take(partition));
                }
                (true, false) => self.lose(partition),
                _ => {}
            }
        }
        Ok(())
    }

    fn name(&self, partition: i32) -> String {
        format!("market-data:{}:partition:{partition}", self.source)
    }

    async fn take(self: Arc<Self>, partition: i32) {
        match self.try_take(partition).await {
            Ok(symbols) => tracing::info!(partition, symbols, "partition taken over"),
            Err(error) => {
                tracing::error!(partition, %error, "the partition can't be taken over");
                self.claimed().remove(&partition);
                if let Err(error) = self.leases.release(&self.name(partition)).await {
                    tracing::warn!(partition, %error, "the lease ends by itself");
                }
            }
        }
    }

    /// First the broker shuts out whoever wrote the partition before; then its log is final, and
    /// tells where to go on.
    async fn try_take(&self, partition: i32) -> anyhow::Result<usize> {
        let settings = self.kafka.clone();
        let taking = tokio::task::spawn_blocking(move || Writer::take_over(&settings, partition));
        let writer = taking.await??;
        let tail = tail::read(&self.kafka, self.source, Some(partition)).await?;
        let mut claimed = self.claimed();
        let Some(is_taken) = claimed.get_mut(&partition) else {
            anyhow::bail!("another replica has claimed it meanwhile");
        };
        *is_taken = true;
        self.writers.set(partition, Some(writer));
        self.assignment.hold(partition, &tail.logged);
        telemetry::held_partitions(claimed.len());
        Ok(tail.logged.len())
    }

    fn lose(&self, partition: i32) {
        tracing::warn!(partition, "partition lost to another replica");
        self.assignment.lose(partition);
        self.writers.set(partition, None);
        self.forget(partition);
    }

    fn forget(&self, partition: i32) {
        let mut claimed = self.claimed();
        claimed.remove(&partition);
        telemetry::held_partitions(claimed.len());
    }

    /// Nothing of the partition goes out any more; what is queued still does, and then another may
    /// claim it.
    fn give_back(self: &Arc<Self>, partition: i32) -> impl Future<Output = ()> + Send + use<> {
        tracing::info!(partition, "partition given back");
        self.assignment.lose(partition);
        self.forget(partition);
        let holder = Arc::clone(self);
        async move {
            tokio::time::sleep(HAND_OVER).await;
            holder.writers.set(partition, None);
            if let Err(error) = holder.leases.release(&holder.name(partition)).await {
                tracing::warn!(partition, %error, "the lease ends by itself");
            }
        }
    }
}
