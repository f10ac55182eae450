//! Many products over several connections.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::FeedConfig;
use super::event::FeedEvent;
use super::handle::{FeedClient, FeedHandle, FeedProducts, FeedStats};
use super::refusal::{self, Action};
use crate::exchange::ErrorFrame;
use crate::products::ProductId;

/// Events that wait for the consumer at most; each connection has its own queue before it.
const EVENTS: usize = 16;
/// A connection that was refused what can't be mended by trying is tried again after this.
const STOPPED: Duration = Duration::from_secs(300);
/// Between giving a product up and asking for it again.
const RENEWAL: Duration = Duration::from_millis(500);

/// How the pool behaves.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// How each connection behaves.
    pub feed: FeedConfig,
    /// Products of one connection at most.
    pub products_per_connection: usize,
    /// Time between the starts of two connections, so that they don't subscribe all at once.
    pub stagger: Duration,
}

/// What happens on the pool.
#[derive(Debug)]
pub enum PoolEvent {
    /// Something happened on one of its connections.
    Feed {
        /// Which one, from 0.
        connection: usize,
        /// What.
        event: FeedEvent,
    },
    /// The server doesn't have this product. It isn't wanted any more; the others are subscribed
    /// to anew.
    Refused {
        /// The product.
        product: ProductId,
        /// What the server said.
        error: ErrorFrame,
    },
    /// The server refuses this connection for good; it is tried again after some minutes.
    Stopped {
        /// Which one.
        connection: usize,
        /// What the server said.
        error: ErrorFrame,
    },
}

/// Several clients as one. Each product is on one connection; a product that comes goes to the
/// first connection with room.
#[derive(Debug)]
pub struct FeedPool;

impl FeedPool {
    /// Starts without a product and without a connection. Ends when `shutdown` is cancelled.
    pub fn spawn(config: PoolConfig, shutdown: CancellationToken) -> PoolHandle {
        let (sender, events) = mpsc::channel(EVENTS);
        let tasks = TaskTracker::new();
        let state = State {
            config,
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
            sender,
            connections: Vec::new(),
            next_start: None,
            past: FeedStats::default(),
        };
        PoolHandle {
            events,
            products: PoolProducts(Arc::new(Mutex::new(state))),
            shutdown,
            tasks,
        }
    }
}

/// Events of a running pool, and its controls.
#[derive(Debug)]
pub struct PoolHandle {
    events: mpsc::Receiver<PoolEvent>,
    products: PoolProducts,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl PoolHandle {
    /// The next event; `None` once the pool has ended. May be cancelled without losing an event.
    pub async fn next(&mut self) -> Option<PoolEvent> {
        let ended = async {
            self.shutdown.cancelled().await;
            self.tasks.close();
            self.tasks.wait().await;
        };
        tokio::select! {
            biased;
            event = self.events.recv() => event,
            () = ended => self.events.try_recv().ok(),
        }
    }

    /// A control for what is subscribed to; it can be cloned and handed around.
    pub fn products(&self) -> &PoolProducts {
        &self.products
    }

    /// Counts of all connections since the start.
    pub fn stats(&self) -> FeedStats {
        self.products.state().stats()
    }
}

/// What is subscribed to, to be changed while the pool runs.
#[derive(Debug, Clone)]
pub struct PoolProducts(Arc<Mutex<State>>);

impl PoolProducts {
    /// Nothing can panic while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds products; those that were there already make no difference. Must be called within the
    /// runtime.
    pub fn subscribe(&self, products: impl IntoIterator<Item = ProductId>) {
        let mut state = self.state();
        let mut changed = BTreeSet::new();
        for product in products {
            if state.place_of(product).is_none() {
                let at = state.place();
                if let Some(connection) = state.connections.get_mut(at) {
                    connection.wanted.insert(product);
                    changed.insert(at);
                }
            }
        }
        for at in changed {
            self.begin(&mut state, at);
        }
    }

    /// Takes products away; those that weren't there make no difference.
    pub fn unsubscribe(&self, products: impl IntoIterator<Item = ProductId>) {
        let mut state = self.state();
        for product in products {
            if let Some(at) = state.place_of(product)
                && let Some(connection) = state.connections.get_mut(at)
            {
                connection.wanted.remove(&product);
                if let Some(running) = &connection.running {
                    running.unsubscribe([product]);
                }
            }
        }
    }

    /// Gives a product up and asks for it again: its connection is alive and nothing comes of it.
    pub fn renew(&self, product: ProductId) {
        let running = {
            let state = self.state();
            let at = state.place_of(product);
            let connection = at.and_then(|at| state.connections.get(at));
            connection.and_then(|connection| connection.running.clone())
        };
        let Some(running) = running else { return };
        running.unsubscribe([product]);
        let pool = self.clone();
        let tasks = self.state().tasks.clone();
        tasks.spawn(async move {
            sleep(RENEWAL).await;
            if pool.state().place_of(product).is_some() {
                running.subscribe([product]);
            }
        });
    }

    /// What is wanted now, sorted.
    pub fn current(&self) -> Vec<ProductId> {
        let state = self.state();
        let wanted = state.connections.iter().flat_map(|c| c.wanted.iter());
        let all: BTreeSet<ProductId> = wanted.copied().collect();
        all.into_iter().collect()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.state().connections.len()
    }

    /// Brings what a connection wants to its client, which is started if there is none.
    fn begin(&self, state: &mut State, at: usize) {
        let Some(connection) = state.connections.get_mut(at) else {
            return;
        };
        match &connection.running {
            Some(running) => running.subscribe(connection.wanted.iter().copied()),
            None if connection.is_starting => {}
            None => {
                let start = state.next_start();
                self.start(state, at, start);
            }
        }
    }

    fn start(&self, state: &mut State, at: usize, when: Instant) {
        if let Some(connection) = state.connections.get_mut(at) {
            connection.is_starting = true;
        }
        let (pool, shutdown) = (self.clone(), state.shutdown.clone());
        state.tasks.spawn(async move {
            if shutdown
                .run_until_cancelled(sleep_until(when))
                .await
                .is_some()
            {
                pool.run(at).await;
            }
        });
    }

    async fn run(&self, at: usize) {
        let started = {
            let mut state = self.state();
            let (config, stop) = (state.config.feed.clone(), state.shutdown.child_token());
            let sender = state.sender.clone();
            state.connections.get_mut(at).map(|connection| {
                connection.is_starting = false;
                let wanted = connection.wanted.iter().copied();
                let feed = FeedClient::spawn(config, wanted, stop.clone());
                connection.running = Some(feed.products().clone());
                connection.stop = stop;
                connection.stats = Some(feed.reader());
                (feed, sender)
            })
        };
        if let Some((feed, sender)) = started {
            self.forward(at, feed, sender).await;
        }
    }

    async fn forward(&self, at: usize, mut feed: FeedHandle, sender: mpsc::Sender<PoolEvent>) {
        while let Some(event) = feed.next().await {
            if matches!(event, FeedEvent::Batch(_)) {
                self.worked(at);
            }
            let error = match &event {
                FeedEvent::ServerError(error) => Some(error.clone()),
                _ => None,
            };
            let event = PoolEvent::Feed {
                connection: at,
                event,
            };
            if sender.send(event).await.is_err() {
                break;
            }
            if let Some(error) = error
                && let Some(told) = self.refused(at, error)
                && sender.send(told).await.is_err()
            {
                break;
            }
        }
        feed.join().await;
    }

    fn worked(&self, at: usize) {
        if let Some(connection) = self.state().connections.get_mut(at) {
            connection.refusals = 0;
        }
    }

    /// Acts on an `error` frame.
    fn refused(&self, at: usize, error: ErrorFrame) -> Option<PoolEvent> {
        let mut state = self.state();
        let backoff = state.config.feed.backoff;
        let connection = state.connections.get_mut(at)?;
        let action = refusal::action(&error, &connection.wanted);
        let wait = backoff.delay(connection.refusals, rand::random());
        connection.refusals = connection.refusals.saturating_add(1);
        let (wait, told) = match action {
            Action::GoOn => return None,
            Action::Drop(product) => {
                connection.wanted.remove(&product);
                (wait, Some(PoolEvent::Refused { product, error }))
            }
            Action::Retry => (wait, None),
            Action::Stop => {
                let told = PoolEvent::Stopped {
                    connection: at,
                    error,
                };
                (STOPPED, Some(told))
            }
        };
        // A connection that was refused anything is begun anew: what of the request was carried out
        // isn't known.
        connection.end();
        let ended = connection.stats.take().map(|stats| stats.stats());
        state.past = state.past.plus(ended.unwrap_or_default());
        self.start(&mut state, at, Instant::now() + wait);
        told
    }
}

#[derive(Debug)]
struct Connection {
    wanted: BTreeSet<ProductId>,
    running: Option<FeedProducts>,
    is_starting: bool,
    stop: CancellationToken,
    stats: Option<super::handle::StatsReader>,
    /// Refusals since data last came.
    refusals: u32,
}

impl Connection {
    fn end(&mut self) {
        self.stop.cancel();
        self.running = None;
    }
}

#[derive(Debug)]
struct State {
    config: PoolConfig,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    sender: mpsc::Sender<PoolEvent>,
    connections: Vec<Connection>,
    /// When the next connection may start.
    next_start: Option<Instant>,
    /// Counts of connections that were begun anew.
    past: FeedStats,
}

impl State {
    fn place_of(&self, product: ProductId) -> Option<usize> {
        self.connections
            .iter()
            .position(|connection| connection.wanted.contains(&product))
    }

    /// The first connection with room; a new one if there is none.
    fn place(&mut self) -> usize {
        let limit = self.config.products_per_connection.max(1);
        let with_room = |connection: &Connection| connection.wanted.len() < limit;
        if let Some(at) = self.connections.iter().position(with_room) {
            return at;
        }
        self.connections.push(Connection {
            wanted: BTreeSet::new(),
            running: None,
            is_starting: false,
            stop: CancellationToken::new(),
            stats: None,
            refusals: 0,
        });
        self.connections.len() - 1
    }

    fn next_start(&mut self) -> Instant {
        let now = Instant::now();
        let start = self.next_start.map_or(now, |next| next.max(now));
        self.next_start = Some(start + self.config.stagger);
        start
    }

    fn stats(&self) -> FeedStats {
        let running = self.connections.iter().filter_map(|c| c.stats.as_ref());
        running.fold(self.past, |sum, stats| sum.plus(stats.stats()))
    }
}
