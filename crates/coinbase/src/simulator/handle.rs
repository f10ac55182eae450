//! Starting and stopping the simulator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::chaos::{ChaosReport, RestGate};
use super::config::{SimulatorConfig, SimulatorError, Source, Speed};
use super::history::History;
use super::hub::Hub;
use super::play::Play;
use super::server::{self, Shared};
use super::stats::SimulatorStats;
use crate::exchange::FrameKind;
use crate::market::RandomMarket;
use crate::products::Product;
use crate::recording::{Summary, summarize};

/// How long [`SimulatorHandle::shutdown`] waits for connections to end.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A server that speaks both feeds.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Reads the recording through once, to know what it holds, and starts to listen.
    ///
    /// # Errors
    /// [`SimulatorError`]
    pub async fn start(config: SimulatorConfig) -> Result<SimulatorHandle, SimulatorError> {
        if config
            .speed
            .factor()
            .is_some_and(|factor| !(factor > 0.0 && factor.is_finite()))
        {
            return Err(SimulatorError::Speed);
        }
        config.chaos.check().map_err(SimulatorError::Chaos)?;
        let contents = contents(&config.source).await?;
        let ids = contents.products.iter().map(|product| product.id);
        let history = History::new(ids, config.history_trades);
        let history = load(history, config.history.clone()).await?;
        let address = config.listen;
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| SimulatorError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| SimulatorError::Listen { address, source })?;
        Ok(launch(config, contents, history, listener, address))
    }
}

/// Reads the truth's own recording, if there is one.
async fn load(history: History, path: Option<PathBuf>) -> Result<History, SimulatorError> {
    let Some(path) = path else {
        return Ok(history);
    };
    let loading = path.clone();
    let read = tokio::task::spawn_blocking(move || history.load(&loading).map(|()| history)).await;
    // It can only fail to join when the runtime is being torn down.
    read.map_err(|_| SimulatorError::Empty(path))?
}

/// What will be played.
struct Contents {
    summary: Option<Summary>,
    products: Vec<Product>,
    has_heartbeats: bool,
    /// The kind of frame that brings each trade once.
    trades: FrameKind,
}

async fn contents(source: &Source) -> Result<Contents, SimulatorError> {
    match source {
        Source::Market(config) => {
            // Only to have it checked: it starts when somebody listens.
            RandomMarket::new(config)?;
            let products = config.to_products();
            Ok(Contents {
                summary: None,
                products,
                has_heartbeats: true,
                trades: FrameKind::Match,
            })
        }
        Source::Recording { path, range } => {
            let (file, range) = (path.clone(), *range);
            let read = tokio::task::spawn_blocking(move || summarize(&file, range)).await;
            // It can only fail to join when the runtime is being torn down.
            let summary = read.map_err(|_| SimulatorError::Empty(path.clone()))??;
            if summary.products.is_empty() {
                return Err(SimulatorError::Empty(path.clone()));
            }
            let products = summary.to_products();
            let has_heartbeats = summary.heartbeats > 0;
            let trades = match summary.matches {
                0 => FrameKind::Ticker,
                _ => FrameKind::Match,
            };
            Ok(Contents {
                summary: Some(summary),
                products,
                has_heartbeats,
                trades,
            })
        }
    }
}

fn launch(
    config: SimulatorConfig,
    contents: Contents,
    history: History,
    listener: TcpListener,
    address: SocketAddr,
) -> SimulatorHandle {
    let hub = Arc::new(Hub::new(history));
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let released = watch::Sender::new(!config.hold);
    let finished = watch::Sender::new(false);
    let shared = Arc::new(Shared {
        hub: Arc::clone(&hub),
        status_frame: server::status_frame(&contents.products),
        listed: contents.products.iter().map(|product| product.id).collect(),
        products: contents.products,
        rest_gate: RestGate::new(&config.chaos),
        chaos: config.chaos,
        trades: contents.trades,
        subscribe_within: config.subscribe_within,
        clients: Arc::new(Semaphore::new(server::MAX_CLIENTS)),
        drop_clients: Mutex::new(stop.child_token()),
        stop: stop.clone(),
        tasks: tasks.clone(),
    });
    let play = Play {
        hub,
        source: config.source,
        speed: config.speed,
        has_heartbeats: contents.has_heartbeats,
        released: released.subscribe(),
        finished: finished.clone(),
    };
    let stopped = stop.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(play.run()).await });
    // Heartbeats and single trades must not wait for more to send.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "nodelay not set");
        }
    });
    let router = server::router(Arc::clone(&shared));
    let stopped = stop.clone();
    tasks.spawn(async move {
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async move { stopped.cancelled().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "simulator ended");
        }
    });
    let is_fast = config.speed == Speed::AsFastAsClientReads;
    tracing::info!(%address, as_fast_as_read = is_fast, hold = config.hold, "simulator listens");
    let _stop = stop.drop_guard();
    SimulatorHandle {
        address,
        shared,
        released,
        finished,
        summary: contents.summary,
        _stop,
    }
}

/// A running simulator. It ends when the handle is dropped; [`SimulatorHandle::shutdown`] waits for
/// that.
#[derive(Debug)]
pub struct SimulatorHandle {
    address: SocketAddr,
    shared: Arc<Shared>,
    released: watch::Sender<bool>,
    finished: watch::Sender<bool>,
    summary: Option<Summary>,
    _stop: DropGuard,
}

impl SimulatorHandle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The feed: `ws://127.0.0.1:PORT`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The same as the Advanced Trade feed: `ws://127.0.0.1:PORT/advanced`.
    pub fn advanced_url(&self) -> String {
        format!("ws://{}/advanced", self.address)
    }

    /// The REST interface beside it: `http://127.0.0.1:PORT`.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What `GET /products` answers.
    pub fn products(&self) -> &[Product] {
        &self.shared.products
    }

    /// What the recording holds in the range that is played; `None` for the random market.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Lets the stream begin, if it was held.
    pub fn release(&self) {
        self.released.send_replace(true);
    }

    /// Counts since the start.
    pub fn stats(&self) -> SimulatorStats {
        self.shared.hub.counters.stats()
    }

    /// What has gone wrong on purpose since the start.
    pub fn chaos(&self) -> ChaosReport {
        self.shared.hub.chaos.write().clone()
    }

    /// Waits until the recording has been played, and every frame of it written to the sockets of
    /// the clients that were connected at its end. Never ends for the random market.
    pub async fn finished(&self) {
        // The sender lives as long as `self`, so this can't fail.
        let _ = self
            .finished
            .subscribe()
            .wait_for(|finished| *finished)
            .await;
    }

    /// Disconnects all clients, as Coinbase does at times. They may come back.
    pub fn drop_connections(&self) {
        self.shared.drop_clients();
    }

    /// Stops listening and disconnects all clients; takes 2 s at most.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if timeout(SHUTDOWN, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("simulator left connections behind");
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("products", &self.listed)
            .finish_non_exhaustive()
    }
}
