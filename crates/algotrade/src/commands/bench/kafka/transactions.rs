//! The processor: exactly once, at least once, and how long a transaction takes.

use std::sync::Arc;
use std::time::Duration;

use kafka_common::{Delivery, KafkaSettings, processor};
use tokio_util::sync::CancellationToken;

use super::machine::{Clock, Machine, Observer};

/// Longest wait for all records.
const DEADLINE: Duration = Duration::from_secs(300);
/// Transactions whose time is taken.
const TRANSACTIONS: u64 = 200;

/// Records a second, with outputs and offsets in one transaction.
pub(super) async fn exactly_once(settings: &KafkaSettings, count: u64) -> anyhow::Result<f64> {
    rate(settings, Delivery::ExactlyOnce, count).await
}

/// Records a second, with outputs first and offsets after.
pub(super) async fn at_least_once(settings: &KafkaSettings, count: u64) -> anyhow::Result<f64> {
    rate(settings, Delivery::AtLeastOnce, count).await
}

async fn rate(settings: &KafkaSettings, delivery: Delivery, count: u64) -> anyhow::Result<f64> {
    let settings = KafkaSettings {
        delivery,
        ..settings.clone()
    };
    let observer = Observer::new(count, Arc::default());
    process(&settings, &observer, Duration::ZERO, DEADLINE).await?;
    observer
        .rate()
        .ok_or_else(|| anyhow::anyhow!("nothing was processed"))
}

/// Milliseconds that each transaction of 100 records took, from its beginning until it is
/// committed, with so long a pause between them.
pub(super) async fn of_100_records(
    settings: &KafkaSettings,
    pause: Duration,
) -> anyhow::Result<Vec<f64>> {
    let settings = KafkaSettings {
        delivery: Delivery::ExactlyOnce,
        commit_records: 100,
        commit_interval_ms: 10_000,
        ..settings.clone()
    };
    let observer = Observer::new(TRANSACTIONS * 100, Arc::default());
    process(&settings, &observer, pause, DEADLINE).await?;
    let commits = observer.commits();
    // The first ones open connections.
    Ok(commits.into_iter().skip(10).collect())
}

/// Runs a processor until the observer has seen enough, with a pause after each commit.
pub(super) async fn process(
    settings: &KafkaSettings,
    observer: &Arc<Observer>,
    pause: Duration,
    deadline: Duration,
) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let clock = Clock {
        observer: Arc::clone(observer),
        pause,
    };
    let handle = processor::spawn(
        settings,
        Machine(Arc::clone(observer)),
        Arc::new(clock),
        shutdown.clone(),
    );
    let done = tokio::time::timeout(deadline, observer.done.notified()).await;
    shutdown.cancel();
    handle.task.await?;
    done.map_err(|_| anyhow::anyhow!("not all records were processed within {deadline:?}"))
}
