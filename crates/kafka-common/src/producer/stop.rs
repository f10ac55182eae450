//! The end of a producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::destination::Destination;

/// What a producer left undelivered. Each message was logged with its topic, key and size, and its
/// sender was told; whether one that was in flight is in the log is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "it tells what was lost"]
pub struct StopReport {
    /// Messages by logical topic; empty if all were delivered.
    pub undelivered: BTreeMap<&'static str, usize>,
}

impl StopReport {
    /// How many messages were not delivered.
    #[must_use]
    pub fn total(&self) -> usize {
        self.undelivered.values().sum()
    }
}

pub(super) async fn stop(
    client: Arc<Client>,
    destinations: Vec<Arc<Destination>>,
    deadline: Duration,
) -> StopReport {
    let stopping = tokio::task::spawn_blocking(move || {
        client.flush(deadline);
        let left = destinations.iter().filter(|known| known.in_flight() > 0);
        let undelivered = left.map(|known| (known.topic, known.in_flight())).collect();
        client.purge();
        StopReport { undelivered }
    });
    // `flush` blocks; on the runtime's threads it would stop everything else.
    let report = stopping.await.unwrap_or_default();
    if report.total() > 0 {
        tracing::error!(
            undelivered = report.total(),
            topics = ?report.undelivered,
            "producer stopped before everything was delivered"
        );
    }
    report
}
