//! One stream, many clients.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::chaos::ChaosLog;
use super::history::History;
use super::source::SimFrame;
use super::stats::{ChunkCounts, Counters};
use crate::exchange::FrameKind;
use crate::products::ProductId;
use crate::trade::Trade;

/// How many chunks wait for one client at most.
const CLIENT_CHUNKS: usize = 8;

/// What is sent to clients again when they subscribe late: the latest `ticker` and `match`.
#[derive(Debug, Clone, Default)]
pub(super) struct Latest {
    pub tickers: HashMap<ProductId, SimFrame>,
    pub matches: HashMap<ProductId, SimFrame>,
}

impl Latest {
    pub fn see(&mut self, frame: &SimFrame) {
        let Some(product) = frame.product else { return };
        let map = match frame.kind {
            FrameKind::Ticker => &mut self.tickers,
            FrameKind::Match | FrameKind::LastMatch => &mut self.matches,
            _ => return,
        };
        map.insert(product, frame.clone());
    }

    /// The product's latest trade; with its quote, if there are tickers.
    pub fn of(&self, product: ProductId) -> Option<Trade> {
        let trade = |map: &HashMap<ProductId, SimFrame>| map.get(&product)?.trade;
        trade(&self.tickers).or_else(|| trade(&self.matches))
    }
}

/// What a client's task gets from the stream.
pub(super) enum Delivery {
    Chunk(Arc<Vec<SimFrame>>),
    /// The source has ended: to be dropped once all before it is flushed.
    End(mpsc::Sender<()>),
}

/// A client's place in the stream.
pub(super) struct Seat {
    pub id: u64,
    pub deliveries: mpsc::Receiver<Delivery>,
    /// As of the place where it joined.
    pub latest: Latest,
    /// Cancelled if the client reads too slowly.
    pub too_slow: CancellationToken,
}

struct Client {
    sender: mpsc::Sender<Delivery>,
    too_slow: CancellationToken,
    wants_data: bool,
}

#[derive(Default)]
struct State {
    clients: HashMap<u64, Client>,
    next_id: u64,
    latest: Latest,
}

pub(super) struct Hub {
    state: Mutex<State>,
    /// How many clients are subscribed to more than heartbeats and states.
    listeners: watch::Sender<usize>,
    pub counters: Counters,
    /// What has been played, for REST.
    pub history: History,
    /// What went wrong on purpose.
    pub chaos: Arc<ChaosLog>,
}

impl Hub {
    pub fn new(history: History) -> Self {
        let (state, listeners) = (Mutex::default(), watch::Sender::new(0));
        Self {
            state,
            listeners,
            counters: Counters::default(),
            history,
            chaos: Arc::default(),
        }
    }

    /// No lock is held where a panic could happen; if one did, the state is whole even so.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn join(&self) -> Seat {
        let (sender, deliveries) = mpsc::channel(CLIENT_CHUNKS);
        let too_slow = CancellationToken::new();
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        let client = Client {
            sender,
            too_slow: too_slow.clone(),
            wants_data: false,
        };
        state.clients.insert(id, client);
        Seat {
            id,
            deliveries,
            latest: state.latest.clone(),
            too_slow,
        }
    }

    pub fn leave(&self, id: u64) {
        let mut state = self.state();
        state.clients.remove(&id);
        self.count_listeners(&state);
    }

    /// Says whether a client is subscribed to what the source plays.
    pub fn set_wants_data(&self, id: u64, wants_data: bool) {
        let mut state = self.state();
        if let Some(client) = state.clients.get_mut(&id) {
            client.wants_data = wants_data;
        }
        self.count_listeners(&state);
    }

    fn count_listeners(&self, state: &State) {
        let count = state
            .clients
            .values()
            .filter(|client| client.wants_data)
            .count();
        self.listeners.send_replace(count);
    }

    /// Waits until somebody listens.
    pub async fn listened_to(&self) {
        // The sender lives as long as `self`, so this can't fail.
        let _ = self
            .listeners
            .subscribe()
            .wait_for(|count| *count > 0)
            .await;
    }

    /// Hands a chunk of the source to all clients. Each may keep the others waiting for `patience`,
    /// then it is disconnected; `None` waits for as long as it takes.
    pub async fn play(&self, chunk: Vec<SimFrame>, patience: Option<Duration>) {
        let mut counts = ChunkCounts::default();
        chunk.iter().for_each(|frame| counts.add(frame.kind));
        // Before anybody is told: who asks REST about what it was told finds it there.
        self.history.see(&chunk);
        self.broadcast(chunk, patience).await;
        counts.played(&self.counters);
    }

    /// Hands frames to all clients that the source doesn't know of.
    pub async fn broadcast(&self, chunk: Vec<SimFrame>, patience: Option<Duration>) {
        let receivers = {
            let mut state = self.state();
            // Under the same lock as the list of receivers: who joins now has the frames of this
            // chunk either in `latest` or not at all.
            chunk.iter().for_each(|frame| state.latest.see(frame));
            receivers(&state)
        };
        let chunk = Arc::new(chunk);
        for (sender, too_slow) in receivers {
            let sending = sender.send(Delivery::Chunk(Arc::clone(&chunk)));
            // An error means that the client has just left.
            match patience {
                None => drop(sending.await),
                Some(patience) => {
                    if timeout(patience, sending).await.is_err() {
                        too_slow.cancel();
                    }
                }
            }
        }
    }

    /// Tells all clients that the source has ended, and waits until they have sent all before.
    pub async fn end(&self) {
        let (done, mut all_done) = mpsc::channel(1);
        let receivers = receivers(&self.state());
        for (sender, _) in receivers {
            // An error means that the client has just left.
            let _ = sender.send(Delivery::End(done.clone())).await;
        }
        drop(done);
        // `None` as soon as every client has dropped its own.
        while all_done.recv().await.is_some() {}
    }
}

fn receivers(state: &State) -> Vec<(mpsc::Sender<Delivery>, CancellationToken)> {
    let clients = state.clients.values();
    clients
        .map(|client| (client.sender.clone(), client.too_slow.clone()))
        .collect()
}
