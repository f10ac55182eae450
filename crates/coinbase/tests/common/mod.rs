//! What the tests over a real socket share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use coinbase::client::{Backoff, FeedClient, FeedConfig, FeedEvent, FeedHandle, Item};
use coinbase::exchange::parse;
use coinbase::market::{MarketConfig, Until, record};
use coinbase::recording::{RecordingReader, TimeRange};
use coinbase::{ProductId, Sequencer, Trade, TradeOutcome};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

/// Nothing here takes so long unless it hangs, however busy the machine is.
pub const LONG: Duration = Duration::from_secs(60);

pub fn product(id: &str) -> ProductId {
    id.parse().unwrap()
}

pub fn market(seed: u64) -> MarketConfig {
    let start = "2025-11-25T05:00:00Z".parse().ok();
    MarketConfig {
        seed,
        start,
        ..MarketConfig::default()
    }
}

/// A recording that the random market makes.
pub fn recording(folder: &Path, trades: u64) -> PathBuf {
    let path = folder.join("market.ndjson.zst");
    record(&market(42), Until::Trades(trades), &path).unwrap();
    path
}

/// The recorded data beside the repository, if it is there.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/data").join(name);
    path.exists().then_some(path)
}

/// Each trade of a recording once, in order, straight from the file.
pub fn trades_of(path: &Path, range: TimeRange, products: &[ProductId]) -> Vec<Trade> {
    let mut sequencer = Sequencer::new();
    let frames = RecordingReader::open(path)
        .unwrap()
        .between(range)
        .map(Result::unwrap);
    let trades = frames.filter_map(|frame| parse(&frame.text).unwrap().trade());
    let wanted = trades.filter(|trade| products.contains(&trade.product_id));
    wanted
        .filter(|trade| is_new(&mut sequencer, trade))
        .collect()
}

pub fn is_new(sequencer: &mut Sequencer, trade: &Trade) -> bool {
    matches!(
        sequencer.trade(trade.product_id, trade.trade_id),
        TradeOutcome::Emit { .. }
    )
}

/// A client that comes back at once and never calls silence stale.
pub fn fast_config(url: String) -> FeedConfig {
    let backoff = Backoff {
        initial: Duration::from_millis(5),
        max: Duration::from_millis(20),
    };
    FeedConfig {
        stale_after: None,
        backoff,
        ..FeedConfig::new(url)
    }
}

pub fn client(config: FeedConfig, products: &[ProductId]) -> (FeedHandle, CancellationToken) {
    let shutdown = CancellationToken::new();
    (
        FeedClient::spawn(config, products.to_vec(), shutdown.clone()),
        shutdown,
    )
}

pub async fn next(feed: &mut FeedHandle) -> FeedEvent {
    let event = tokio::time::timeout(LONG, feed.next()).await;
    event.expect("an event in time").expect("the client lives")
}

/// The next event that `pick` takes.
pub async fn next_that<T>(
    feed: &mut FeedHandle,
    mut pick: impl FnMut(&FeedEvent) -> Option<T>,
) -> T {
    loop {
        if let Some(picked) = pick(&next(feed).await) {
            return picked;
        }
    }
}

pub fn trades_in(event: &FeedEvent) -> Vec<Trade> {
    let FeedEvent::Batch(items) = event else {
        return Vec::new();
    };
    let trade = |item: &Item| match item {
        Item::Trade(trade) => Some(*trade),
        _ => None,
    };
    items.iter().filter_map(trade).collect()
}

/// Takes events until so many new trades have come.
pub async fn collect_new(feed: &mut FeedHandle, count: usize) -> Vec<Trade> {
    let mut sequencer = Sequencer::new();
    let mut trades = Vec::new();
    while trades.len() < count {
        let new = trades_in(&next(feed).await);
        trades.extend(
            new.into_iter()
                .filter(|trade| is_new(&mut sequencer, trade)),
        );
    }
    trades
}

/// A client that speaks for itself, for what the real one never says.
pub struct RawClient(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl RawClient {
    pub async fn connect(url: &str) -> Self {
        Self(connect_async(url).await.unwrap().0)
    }

    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn subscribe(&mut self, channels: &[&str], products: &[&str]) {
        let request = serde_json::json!(
            {"type": "subscribe", "channels": channels, "product_ids": products});
        self.send(&request.to_string()).await;
    }

    /// The next text; `None` once the server has closed, with its reason.
    pub async fn next(&mut self) -> Result<String, String> {
        loop {
            let message = tokio::time::timeout(LONG, self.0.next())
                .await
                .expect("in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|f| f.reason.to_string()).unwrap_or_default());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("end".to_owned()),
            }
        }
    }

    /// The next text of this type.
    pub async fn next_kind(&mut self, kind: &str) -> String {
        loop {
            let text = self.next().await.expect("open");
            if parse(&text).unwrap().kind() == kind {
                return text;
            }
        }
    }
}

/// The same client, speaking the Advanced Trade feed.
pub fn advanced(url: String) -> FeedConfig {
    FeedConfig {
        kind: coinbase::client::FeedKind::Advanced,
        ..fast_config(url)
    }
}

/// A server under the test's control.
pub struct Server(pub TcpListener);

impl Server {
    pub async fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.0.local_addr().unwrap())
    }

    pub async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (socket, _) = tokio::time::timeout(LONG, self.0.accept())
            .await
            .unwrap()
            .unwrap();
        tokio_tungstenite::accept_async(socket).await.unwrap()
    }
}

/// The client's next request.
pub async fn request(socket: &mut WebSocketStream<TcpStream>) -> serde_json::Value {
    let message = tokio::time::timeout(LONG, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}
