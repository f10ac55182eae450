//! What the server sends.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::trimmed;
use crate::products::ProductId;
use crate::trade::{Side, Trade};

/// One frame of the Exchange feed.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<'a> {
    /// The answer to `subscribe` and `unsubscribe`: everything that is now subscribed to.
    Subscriptions(Subscriptions),
    /// A price, and in practice one trade.
    Ticker(Ticker),
    /// One trade.
    Match(Match),
    /// The last trade before the subscription: an old trade, sent again.
    LastMatch(Match),
    /// Once a second per product.
    Heartbeat(Heartbeat),
    /// The order book, whole or changes. Only its head is read.
    Book(Book),
    /// What is traded, and in which state.
    Status(Vec<ProductStatus>),
    /// The server refuses something.
    Error(ErrorFrame),
    /// A type that isn't known here. To be ignored, and counted.
    Unknown {
        /// What it calls itself.
        kind: Cow<'a, str>,
    },
}

impl Frame<'_> {
    /// The frame's type as Coinbase spells it.
    pub fn kind(&self) -> &str {
        match self {
            Self::Subscriptions(_) => "subscriptions",
            Self::Ticker(_) => "ticker",
            Self::Match(_) => "match",
            Self::LastMatch(_) => "last_match",
            Self::Heartbeat(_) => "heartbeat",
            Self::Book(Book {
                kind: BookKind::Snapshot,
                ..
            }) => "snapshot",
            Self::Book(Book {
                kind: BookKind::Update,
                ..
            }) => "l2update",
            Self::Status(_) => "status",
            Self::Error(_) => "error",
            Self::Unknown { kind } => kind,
        }
    }

    /// The trade that the frame tells about for the first time: that of a `ticker` or a `match`.
    /// `None` for a `last_match`, whose trade is from before the subscription.
    pub fn trade(&self) -> Option<Trade> {
        match self {
            Self::Ticker(ticker) => ticker.trade(),
            Self::Match(found) => Some(found.trade()),
            _ => None,
        }
    }
}

/// A `subscriptions` frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subscriptions {
    /// Each channel that is subscribed to.
    #[serde(default)]
    pub channels: Vec<ChannelProducts>,
}

impl Subscriptions {
    /// Whether the channel is subscribed to for this product.
    pub fn contains(&self, channel: &str, product: ProductId) -> bool {
        let mut named = self.channels.iter().filter(|c| c.name == channel);
        named.any(|c| c.product_ids.iter().any(|id| id == product.as_str()))
    }
}

/// One channel of a `subscriptions` frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelProducts {
    /// The channel's name: text, because the server names channels that aren't known here.
    pub name: String,
    /// Its products, as the server names them. Empty for `status`.
    #[serde(default)]
    pub product_ids: Vec<String>,
}

/// A `ticker` frame. Statistics of 24 hours and 30 days are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticker {
    /// What it is about.
    pub product_id: ProductId,
    /// Position in the product's full stream; missing in odd cases.
    pub sequence: Option<u64>,
    /// Price of the last trade.
    pub price: Decimal,
    /// Best bid.
    pub best_bid: Option<Decimal>,
    /// Best ask.
    pub best_ask: Option<Decimal>,
    /// The trade. `None` for a ticker that names none, as the first one of old recordings.
    pub last_trade: Option<LastTrade>,
}

/// The part of a `ticker` that is about its trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTrade {
    /// Contiguous per product.
    pub trade_id: u64,
    /// In units of the base.
    pub size: Decimal,
    /// The taker's side.
    pub side: Side,
    /// When it happened.
    pub time: DateTime<Utc>,
}

impl Ticker {
    /// The ticker's trade, if it names one.
    pub fn trade(&self) -> Option<Trade> {
        let last = self.last_trade?;
        Some(Trade {
            product_id: self.product_id,
            trade_id: last.trade_id,
            sequence: self.sequence,
            price: trimmed(self.price),
            size: trimmed(last.size),
            side: Some(last.side),
            time: last.time,
            bid: self.best_bid.map(trimmed),
            ask: self.best_ask.map(trimmed),
        })
    }
}

/// A `match` or `last_match` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// What was traded.
    pub product_id: ProductId,
    /// Contiguous per product.
    pub trade_id: u64,
    /// Position in the product's full stream.
    pub sequence: Option<u64>,
    /// In units of the quote.
    pub price: Decimal,
    /// In units of the base.
    pub size: Decimal,
    /// The *maker's* side, as the frame has it; [`Trade::side`] is the other one.
    pub maker_side: Side,
    /// When it happened.
    pub time: DateTime<Utc>,
}

impl Match {
    /// The trade, with the side turned into the taker's.
    pub fn trade(&self) -> Trade {
        Trade {
            product_id: self.product_id,
            trade_id: self.trade_id,
            sequence: self.sequence,
            price: trimmed(self.price),
            size: trimmed(self.size),
            side: Some(self.maker_side.opposite()),
            time: self.time,
            bid: None,
            ask: None,
        }
    }
}

/// A `heartbeat` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose it is.
    pub product_id: ProductId,
    /// The product's last trade so far.
    pub last_trade_id: u64,
    /// Position in the product's full stream.
    pub sequence: Option<u64>,
    /// When it was made.
    pub time: DateTime<Utc>,
}

/// The head of a `snapshot` or `l2update` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Book {
    /// Whole or changes.
    pub kind: BookKind,
    /// Whose order book it is.
    pub product_id: ProductId,
    /// When; missing in older shapes.
    pub time: Option<DateTime<Utc>>,
}

/// Which of the two frames about the order book it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookKind {
    /// `snapshot`: the whole book.
    Snapshot,
    /// `l2update`: what has changed.
    Update,
}

/// A product's state in a `status` frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductStatus {
    /// The product, as the server names it.
    pub id: String,
    /// `online`, `offline`, ...
    #[serde(default)]
    pub status: String,
    /// Why; may be null.
    #[serde(default)]
    pub status_message: Option<String>,
}

/// An `error` frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorFrame {
    /// What failed: `Failed to subscribe`.
    #[serde(default)]
    pub message: String,
    /// Why: `XYZ-USD is not a valid product`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl fmt::Display for ErrorFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{}: {reason}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
