//! Writes down what a feed sends, frame by frame, without reading more of it than it must.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::SinkExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::config::FeedConfig;
use super::crypto::install_crypto_provider;
use super::dialect::Dialect;
use super::event::DisconnectReason;
use super::session::{self, Socket};
use crate::products::ProductId;
use crate::recording::{Record, RecordKind, RecordingError, RecordingStore, StoreConfig};

/// So many bytes wait for the disk at most; then the socket isn't read.
const WAITING_BYTES: usize = 64 << 20;

/// So many records wait at most.
const WAITING_RECORDS: usize = 4_096;

/// How often the writer looks whether it is time to flush or to rotate.
const LOOK: Duration = Duration::from_millis(200);

/// Counts since the start.
#[derive(Debug, Default)]
pub struct RecorderStats {
    frames: AtomicU64,
    bytes: AtomicU64,
    connections: AtomicU64,
}

impl RecorderStats {
    /// Frames received.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Connections that came about.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

type Waiting = (Record, OwnedSemaphorePermit);

/// Records what the feed sends about these products until `shutdown`, over as many connections as it
/// takes. A slow disk slows the reading; the server may then disconnect, and the recording says so.
///
/// # Errors
/// [`RecordingError`] if the recording can't be written.
pub async fn record(
    feed: FeedConfig,
    products: Vec<ProductId>,
    store: StoreConfig,
    stats: Arc<RecorderStats>,
    shutdown: CancellationToken,
) -> Result<(), RecordingError> {
    install_crypto_provider();
    let store = RecordingStore::open(store)?;
    let (sender, receiver) = mpsc::channel(WAITING_RECORDS);
    let writing = tokio::task::spawn_blocking(move || write(store, receiver, &Handle::current()));
    let recorder = Recorder {
        feed,
        products,
        sender,
        room: Arc::new(Semaphore::new(WAITING_BYTES)),
        stats,
        connection: 0,
    };
    // Ends at the shutdown, or when the writer has failed.
    let _ = shutdown.run_until_cancelled(recorder.run()).await;
    match writing.await {
        Ok(written) => written,
        // It can only fail to join when the runtime is being torn down.
        Err(_) => Ok(()),
    }
}

/// The writer's thread: until the sender is gone.
fn write(
    mut store: RecordingStore,
    mut records: mpsc::Receiver<Waiting>,
    runtime: &Handle,
) -> Result<(), RecordingError> {
    loop {
        match runtime.block_on(async { timeout(LOOK, records.recv()).await }) {
            Ok(Some((record, _room))) => store.write(&record)?,
            Ok(None) => return store.finish(),
            Err(_) => {}
        }
        store.tick()?;
    }
}

struct Recorder {
    feed: FeedConfig,
    products: Vec<ProductId>,
    sender: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    stats: Arc<RecorderStats>,
    connection: u64,
}

/// The writer is gone.
struct Ended;

impl Recorder {
    async fn run(mut self) -> Result<std::convert::Infallible, Ended> {
        let mut failures = 0;
        loop {
            let frames = self.stats.frames();
            let reason = match session::connect(&self.feed).await {
                Ok(socket) => self.one_connection(socket).await?,
                Err(reason) => reason,
            };
            if self.stats.frames() > frames {
                failures = 0;
            }
            let delay = self.feed.backoff.delay(failures, rand::random());
            failures = failures.saturating_add(1);
            tracing::warn!(%reason, ?delay, "recorder disconnected, will reconnect");
            self.put(RecordKind::Disconnected, reason.to_string())
                .await?;
            tokio::time::sleep(delay).await;
        }
    }

    async fn one_connection(&mut self, mut socket: Socket) -> Result<DisconnectReason, Ended> {
        self.connection += 1;
        self.stats.connections.fetch_add(1, Ordering::Relaxed);
        self.put(RecordKind::Connected, self.feed.websocket_url.clone())
            .await?;
        for request in Dialect::of(&self.feed).subscribe(&self.feed, &self.products) {
            if let Err(error) = socket.send(Message::text(request.clone())).await {
                return Ok(DisconnectReason::SubscribeFailed(error.to_string()));
            }
            self.put(RecordKind::Sent, request).await?;
        }
        loop {
            let message = match session::next_message(&mut socket, self.feed.stale_after).await {
                Ok(message) => message,
                Err(reason) => return Ok(reason),
            };
            let data = match message {
                Message::Text(text) => text.as_str().as_bytes().to_vec(),
                Message::Binary(bytes) => bytes.to_vec(),
                Message::Close(frame) => {
                    let reason = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                    return Ok(DisconnectReason::Closed(reason.unwrap_or_default()));
                }
                _ => continue,
            };
            self.stats.frames.fetch_add(1, Ordering::Relaxed);
            self.stats
                .bytes
                .fetch_add(data.len() as u64, Ordering::Relaxed);
            self.put(RecordKind::Received, data).await?;
        }
    }

    async fn put(&self, kind: RecordKind, data: impl Into<Vec<u8>>) -> Result<(), Ended> {
        let record = Record::now(kind, self.connection, data);
        let size = u32::try_from(record.data.len().min(WAITING_BYTES)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(size).await;
        let room = room.map_err(|_| Ended)?;
        self.sender.send((record, room)).await.map_err(|_| Ended)
    }
}
