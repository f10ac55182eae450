//! How the client behaves.

use std::time::Duration;

use super::backoff::Backoff;
use crate::exchange::Channel;

/// Coinbase's public Exchange feed.
pub const DEFAULT_WEBSOCKET_URL: &str = "wss://ws-feed.exchange.coinbase.com";

/// The REST interface beside it.
pub const DEFAULT_REST_URL: &str = "https://api.exchange.coinbase.com";

/// Coinbase's public Advanced Trade feed.
pub const DEFAULT_ADVANCED_URL: &str = "wss://advanced-trade-ws.coinbase.com";

/// Which of Coinbase's two feeds is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FeedKind {
    /// The Exchange feed.
    #[default]
    Exchange,
    /// The Advanced Trade feed. It has no heartbeats per product: a trade that gets lost is noticed
    /// with the next one. Quotes are those of up to 2 s before or after the trade.
    Advanced,
}

/// How the client behaves; [`FeedConfig::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    /// `wss://...` or `ws://...`.
    pub websocket_url: String,
    /// Which feed that is. Default: Exchange.
    pub kind: FeedKind,
    /// What to subscribe to for each product, by the Exchange feed's names. Default: ticker, matches and heartbeat.
    pub channels: Vec<Channel>,
    /// Reconnect if no frame has come for so long; heartbeats come each second, so silence means
    /// that the subscription is dead though the socket is not. Default: 15 s. `None` waits forever,
    /// which is right only for a simulator that sends no heartbeats.
    pub stale_after: Option<Duration>,
    /// How long connecting may take, TLS and upgrade included. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long to wait before connecting again.
    pub backoff: Backoff,
    /// A larger message closes the connection. Default: 16 MiB (the largest one seen is 5.1 MB).
    pub max_message_bytes: usize,
    /// How many frames go into one batch at most. Default: 512.
    pub batch_limit: usize,
    /// How many events wait for the consumer at most before the socket isn't read any more.
    /// Default: 16.
    pub event_capacity: usize,
}

impl FeedConfig {
    /// The defaults, for a feed at this address.
    pub fn new(websocket_url: impl Into<String>) -> Self {
        Self {
            websocket_url: websocket_url.into(),
            kind: FeedKind::Exchange,
            channels: vec![Channel::Ticker, Channel::Matches, Channel::Heartbeat],
            stale_after: Some(Duration::from_secs(15)),
            connect_timeout: Duration::from_secs(10),
            backoff: Backoff::default(),
            max_message_bytes: 16 << 20,
            batch_limit: 512,
            event_capacity: 16,
        }
    }
}
