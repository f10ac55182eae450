//! One connection, from the subscription to its end.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::config::FeedConfig;
use super::dialect::Dialect;
use super::event::{DisconnectReason, FeedEvent, Item};
use super::handle::Counters;
use super::run::Wanted;
use crate::malformed::Malformed;
use crate::products::ProductId;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long sending a request may take: they are small, so a full socket means a dead server.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a polite end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes of the subscription within this time go out as one request: Coinbase allows 100 of them
/// in a second.
const REQUEST_INTERVAL: Duration = Duration::from_millis(20);

/// Opens the WebSocket.
pub(super) async fn connect(config: &FeedConfig) -> Result<Socket, DisconnectReason> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(config.max_message_bytes))
        .max_frame_size(Some(config.max_message_bytes));
    let url = config.websocket_url.as_str();
    let connecting = connect_async_tls_with_config(url, Some(limits), true, None);
    match timeout(config.connect_timeout, connecting).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(DisconnectReason::ConnectFailed(error.to_string())),
        Err(_) => {
            let detail = format!("no answer within {:?}", config.connect_timeout);
            Err(DisconnectReason::ConnectFailed(detail))
        }
    }
}

/// How a session ended.
pub(super) enum End {
    /// Nobody takes the events any more.
    ConsumerGone,
    /// The connection is of no use any more.
    Disconnected(DisconnectReason),
}

impl From<DisconnectReason> for End {
    fn from(reason: DisconnectReason) -> Self {
        Self::Disconnected(reason)
    }
}

pub(super) struct Session<'a> {
    config: &'a FeedConfig,
    socket: Socket,
    dialect: Dialect,
    wanted: &'a mut Wanted,
    events: &'a mpsc::Sender<FeedEvent>,
    counters: &'a Counters,
    /// What the server was asked for.
    active: BTreeSet<ProductId>,
    /// What has been read and not yet handed on.
    batch: Vec<Item>,
    had_data: bool,
}

impl<'a> Session<'a> {
    pub fn new(
        config: &'a FeedConfig,
        socket: Socket,
        wanted: &'a mut Wanted,
        events: &'a mpsc::Sender<FeedEvent>,
        counters: &'a Counters,
    ) -> Self {
        let (active, batch) = (BTreeSet::new(), Vec::new());
        Self {
            config,
            socket,
            dialect: Dialect::of(config),
            wanted,
            events,
            counters,
            active,
            batch,
            had_data: false,
        }
    }

    /// Whether a trade or heartbeat has come.
    pub fn had_data(&self) -> bool {
        self.had_data
    }

    /// Subscribes and reads until the connection or the consumer ends.
    pub async fn serve(&mut self) -> End {
        match self.try_serve().await {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn try_serve(&mut self) -> Result<std::convert::Infallible, End> {
        self.sync_products().await?;
        self.send(FeedEvent::Connected).await?;
        loop {
            let silence = self.config.stale_after;
            tokio::select! {
                // The socket comes first: the others are rare, and are looked at as soon as it has
                // nothing ready.
                biased;
                message = next_message(&mut self.socket, silence) => {
                    self.take(message?).await?;
                    self.take_ready().await?;
                }
                changed = self.wanted.changed() => {
                    changed.map_err(|_| End::ConsumerGone)?;
                    sleep(REQUEST_INTERVAL).await;
                    self.sync_products().await?;
                }
            }
        }
    }

    /// Takes what else is ready without waiting, up to a batch, and hands it on.
    async fn take_ready(&mut self) -> Result<(), End> {
        for _ in 1..self.config.batch_limit {
            match self.socket.next().now_or_never() {
                None => break,
                Some(message) => match received(message) {
                    Ok(message) => self.take(message).await?,
                    Err(reason) => {
                        // What came before the end still counts.
                        self.hand_on().await?;
                        return Err(reason.into());
                    }
                },
            }
        }
        self.hand_on().await?;
        // On a busy feed the socket is always ready: look whether the subscription is to change.
        if self.wanted.has_changed().map_err(|_| End::ConsumerGone)? {
            self.wanted.mark_unchanged();
            sleep(REQUEST_INTERVAL).await;
            self.sync_products().await?;
        }
        Ok(())
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        let bytes = match &message {
            Message::Text(text) => text.as_bytes(),
            // Not what Coinbase sends, but what would be in it is clear.
            Message::Binary(bytes) => bytes.as_ref(),
            Message::Close(frame) => {
                let text = frame.as_ref().map(|f| format!("{} {}", f.code, f.reason));
                let text = text.unwrap_or_else(|| "without a reason".to_owned());
                // What came before it still counts.
                self.hand_on().await?;
                return Err(DisconnectReason::Closed(text).into());
            }
            // Answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        self.counters.frames.fetch_add(1, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let told = self.batch.len();
        let read = self.dialect.read(bytes, &mut self.batch, self.counters);
        self.had_data |= self.batch.iter().skip(told).any(is_data);
        match read {
            Ok(None) => Ok(()),
            Ok(Some(event)) => {
                // After what came before it.
                self.hand_on().await?;
                self.send(event).await
            }
            Err(malformed) => {
                self.take_malformed(malformed);
                Ok(())
            }
        }
    }

    fn take_malformed(&mut self, malformed: Malformed) {
        self.counters.malformed.fetch_add(1, Ordering::Relaxed);
        self.batch.push(Item::Malformed(malformed));
    }

    async fn hand_on(&mut self) -> Result<(), End> {
        if self.batch.is_empty() {
            return Ok(());
        }
        // The next batch will probably be of the same size.
        let next = Vec::with_capacity(self.batch.len());
        let batch = std::mem::replace(&mut self.batch, next);
        self.send(FeedEvent::Batch(batch)).await
    }

    /// Waits while the channel is full: the socket isn't read meanwhile, nothing is dropped.
    async fn send(&self, event: FeedEvent) -> Result<(), End> {
        self.events.send(event).await.map_err(|_| End::ConsumerGone)
    }

    /// Asks the server for what is wanted and isn't active, and no more for the reverse.
    async fn sync_products(&mut self) -> Result<(), End> {
        let wanted = self.wanted.borrow_and_update().clone();
        if wanted.is_empty() {
            return Err(DisconnectReason::NoProducts.into());
        }
        let added: Vec<ProductId> = wanted.difference(&self.active).copied().collect();
        let removed: Vec<ProductId> = self.active.difference(&wanted).copied().collect();
        if !added.is_empty() {
            let requests = self.dialect.subscribe(self.config, &added);
            self.request(requests).await?;
        }
        if !removed.is_empty() {
            let requests = self.dialect.unsubscribe(self.config, &removed);
            self.request(requests).await?;
        }
        self.active = wanted;
        Ok(())
    }

    async fn request(&mut self, requests: Vec<String>) -> Result<(), DisconnectReason> {
        let sending = async {
            for request in requests {
                self.socket.feed(Message::text(request)).await?;
            }
            self.socket.flush().await
        };
        match timeout(SEND_TIMEOUT, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DisconnectReason::SubscribeFailed(error.to_string())),
            Err(_) => {
                let detail = format!("not taken within {SEND_TIMEOUT:?}");
                Err(DisconnectReason::SubscribeFailed(detail))
            }
        }
    }

    /// Says goodbye if the socket still takes it.
    pub async fn close(mut self) {
        let _ = timeout(CLOSE_TIMEOUT, self.socket.close(None)).await;
    }
}

/// Whether an item shows that the subscription works.
fn is_data(item: &Item) -> bool {
    matches!(item, Item::Trade(_) | Item::Heartbeat(_) | Item::Alive(_))
}

/// Waits for a message, for as long as silence is allowed. Time during which nobody waits, because
/// the consumer is slow, is no silence.
pub(super) async fn next_message(
    socket: &mut Socket,
    silence: Option<Duration>,
) -> Result<Message, DisconnectReason> {
    let data = async {
        loop {
            // Pings are answered by a server that has forgotten the subscription, too.
            match received(socket.next().await) {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                other => return other,
            }
        }
    };
    match silence {
        None => data.await,
        Some(silence) => match timeout(silence, data).await {
            Ok(message) => message,
            Err(_) => Err(DisconnectReason::Stale(silence)),
        },
    }
}

fn received(message: Option<Result<Message, SocketError>>) -> Result<Message, DisconnectReason> {
    match message {
        Some(Ok(message)) => Ok(message),
        Some(Err(error @ SocketError::Capacity(_))) => {
            Err(DisconnectReason::MessageTooBig(error.to_string()))
        }
        Some(Err(SocketError::ConnectionClosed)) | None => {
            Err(DisconnectReason::Closed("end of the stream".to_owned()))
        }
        Some(Err(error)) => Err(DisconnectReason::Broken(error.to_string())),
    }
}
