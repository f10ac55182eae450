//! What the client tells its consumer.

use std::time::Duration;

use crate::exchange::{ErrorFrame, Heartbeat, Subscriptions};
use crate::malformed::Malformed;
use crate::trade::Trade;

/// What happens on the feed, in the order in which it happens.
#[derive(Debug)]
pub enum FeedEvent {
    /// Connected, and the subscription is sent.
    Connected,
    /// The server's answer: all that is subscribed to now.
    Subscribed(Subscriptions),
    /// What the frames that were ready told, in the order in which they came. Never empty.
    Batch(Vec<Item>),
    /// The server refuses something. The connection may go on.
    ServerError(ErrorFrame),
    /// The connection is gone.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// When the next attempt comes; `None` if it waits for a product to be subscribed to.
        retry_in: Option<Duration>,
    },
}

/// What one frame told. Frames about the order book and the products' states tell nothing here.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A trade, of a `ticker` or a `match`: with both channels subscribed, each one comes twice.
    Trade(Trade),
    /// An old trade that starts a subscription; see [`Sequencer`](crate::Sequencer::last_match).
    LastMatch(Trade),
    /// A sign of life.
    Heartbeat(Heartbeat),
    /// A sign of life of the whole connection, with its number: all that the Advanced Trade feed has.
    Alive(u64),
    /// So many messages of the connection were lost, of whatever product: to be counted. Only the
    /// Advanced Trade feed numbers its messages.
    FramesLost(u64),
    /// A frame that could not be read: to be counted.
    Malformed(Malformed),
    /// A frame of a type that isn't known, at most 64 characters of it: to be counted.
    Unknown(String),
}

/// Why a connection ended or didn't come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectReason {
    /// It was not possible to connect, or not in time.
    #[error("could not connect: {0}")]
    ConnectFailed(String),
    /// The request could not be sent.
    #[error("could not send the subscription: {0}")]
    SubscribeFailed(String),
    /// No frame for longer than `stale_after`.
    #[error("no frame for {0:?}")]
    Stale(Duration),
    /// The server closed it.
    #[error("closed by the server: {0}")]
    Closed(String),
    /// A message beyond the limit.
    #[error("message too big: {0}")]
    MessageTooBig(String),
    /// The socket broke, or what came over it was no WebSocket.
    #[error("connection broken: {0}")]
    Broken(String),
    /// The last product was unsubscribed from.
    #[error("no product is subscribed to")]
    NoProducts,
}

impl DisconnectReason {
    /// A short label for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::ConnectFailed(_) => "connect_failed",
            Self::SubscribeFailed(_) => "subscribe_failed",
            Self::Stale(_) => "stale",
            Self::Closed(_) => "closed",
            Self::MessageTooBig(_) => "message_too_big",
            Self::Broken(_) => "broken",
            Self::NoProducts => "no_products",
        }
    }
}
