//! The consumer's side of the client.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::FeedConfig;
use super::event::FeedEvent;
use super::run;
use crate::products::ProductId;

/// The client of the Exchange feed, and of the Advanced Trade feed.
#[derive(Debug)]
pub struct FeedClient;

impl FeedClient {
    /// Starts the client's task, which connects at once if there are products. It ends when
    /// `shutdown` is cancelled or the handle is dropped.
    pub fn spawn(
        config: FeedConfig,
        products: impl IntoIterator<Item = ProductId>,
        shutdown: CancellationToken,
    ) -> FeedHandle {
        // A channel that holds only the latest set: commands can't pile up, and whoever gives them
        // never waits.
        let (wanted, wanted_seen) = watch::channel(products.into_iter().collect());
        let (sender, events) = mpsc::channel(config.event_capacity.max(1));
        let counters = Arc::new(Counters::default());
        let task = run::run(config, wanted_seen, sender, Arc::clone(&counters), shutdown);
        let task = tokio::spawn(task);
        FeedHandle {
            events,
            products: FeedProducts { wanted },
            counters,
            task,
        }
    }
}

/// Events of a running client, and its controls.
#[derive(Debug)]
pub struct FeedHandle {
    events: mpsc::Receiver<FeedEvent>,
    products: FeedProducts,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl FeedHandle {
    /// The next event; `None` once the client has ended. May be cancelled without losing an event.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        self.events.recv().await
    }

    /// A control for what is subscribed to; it can be cloned and handed around.
    pub fn products(&self) -> &FeedProducts {
        &self.products
    }

    /// Counts since the start.
    pub fn stats(&self) -> FeedStats {
        self.counters.stats()
    }

    /// Reads the counts without the handle.
    pub(super) fn reader(&self) -> StatsReader {
        StatsReader(Arc::clone(&self.counters))
    }

    /// Waits for the end of the task, after the shutdown was asked for. Events that nobody took are
    /// gone.
    pub async fn join(self) {
        drop(self.events);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the feed's task ended badly");
        }
    }
}

/// What is subscribed to, to be changed while the client runs. A change takes effect within moments
/// if the client is connected, and with the next connection if not.
#[derive(Debug, Clone)]
pub struct FeedProducts {
    wanted: watch::Sender<BTreeSet<ProductId>>,
}

impl FeedProducts {
    /// Adds products; those that were there already make no difference.
    pub fn subscribe(&self, products: impl IntoIterator<Item = ProductId>) {
        self.wanted.send_if_modified(|wanted| {
            let before = wanted.len();
            wanted.extend(products);
            wanted.len() != before
        });
    }

    /// Takes products away; those that weren't there make no difference.
    pub fn unsubscribe(&self, products: impl IntoIterator<Item = ProductId>) {
        self.wanted.send_if_modified(|wanted| {
            let before = wanted.len();
            for product in products {
                wanted.remove(&product);
            }
            wanted.len() != before
        });
    }

    /// What is wanted now, sorted.
    pub fn current(&self) -> Vec<ProductId> {
        self.wanted.borrow().iter().copied().collect()
    }
}

/// Counts since the client started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedStats {
    /// Frames received.
    pub frames: u64,
    /// Their bytes, without those of the protocols below.
    pub bytes: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Frames of unknown types.
    pub unknown: u64,
    /// Connections that came about.
    pub connections: u64,
}

impl FeedStats {
    /// The counts of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            bytes: self.bytes + other.bytes,
            malformed: self.malformed + other.malformed,
            unknown: self.unknown + other.unknown,
            connections: self.connections + other.connections,
        }
    }
}

/// Reads a client's counts.
#[derive(Debug)]
pub(super) struct StatsReader(Arc<Counters>);

impl StatsReader {
    pub fn stats(&self) -> FeedStats {
        self.0.stats()
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub frames: AtomicU64,
    pub bytes: AtomicU64,
    pub malformed: AtomicU64,
    pub unknown: AtomicU64,
    pub connections: AtomicU64,
}

impl Counters {
    fn stats(&self) -> FeedStats {
        FeedStats {
            frames: self.frames.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            unknown: self.unknown.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}
