//! What the server sends.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::exchange::{ErrorFrame, ProductStatus, Subscriptions};
use crate::malformed::Malformed;
use crate::products::ProductId;
use crate::trade::Trade;

/// One message of the Advanced Trade feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Counts the messages of the connection, over all channels, from 0: one that is skipped was
    /// lost. Only an error has none.
    pub sequence_num: Option<u64>,
    /// What it is about.
    pub body: Body<'a>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    /// `market_trades`
    Trades(Trades),
    /// `ticker`: best bid and ask. It names no trade.
    Quotes(Vec<Quote>),
    /// `heartbeats`: once a second per connection, about no product.
    Heartbeat {
        /// Counts the heartbeats.
        counter: u64,
    },
    /// `subscriptions`: everything that is now subscribed to.
    Subscriptions(Subscriptions),
    /// `status`
    Status(Vec<ProductStatus>),
    /// `l2_data`, `candles` and others that are known and not read.
    Other,
    /// The server refuses something. It comes without an envelope.
    Error(ErrorFrame),
    /// A channel that isn't known here. To be ignored, and counted.
    Unknown {
        /// What it calls itself.
        channel: Cow<'a, str>,
    },
}

/// The trades of one message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trades {
    /// By rising id: the server sends the newest first.
    pub trades: Vec<Trade>,
    /// Trades that could not be read; the others count even so.
    pub malformed: Vec<Malformed>,
}

/// Best bid and ask of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Whose.
    pub product_id: ProductId,
    /// Best bid.
    pub bid: Option<Decimal>,
    /// Best ask.
    pub ask: Option<Decimal>,
    /// The message's time.
    pub time: DateTime<Utc>,
}
