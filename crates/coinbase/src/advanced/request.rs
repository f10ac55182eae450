//! What the client asks of the server: one channel a message.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::exchange;
use crate::products::ProductId;

/// A channel that this crate's client subscribes to or that the simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// The trades.
    MarketTrades,
    /// Best bid and ask.
    Ticker,
    /// A sign of life each second, for the whole connection. Without it, quiet channels are closed
    /// after a minute.
    Heartbeats,
    /// The states of all products.
    Status,
}

impl Channel {
    /// The channel's name at Coinbase.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MarketTrades => "market_trades",
            Self::Ticker => "ticker",
            Self::Heartbeats => "heartbeats",
            Self::Status => "status",
        }
    }

    /// The one that tells what the Exchange feed's channel does; `None` for the order book, which
    /// needs a sign-in here.
    pub fn like(channel: exchange::Channel) -> Option<Self> {
        match channel {
            exchange::Channel::Matches => Some(Self::MarketTrades),
            exchange::Channel::Ticker => Some(Self::Ticker),
            exchange::Channel::Heartbeat => Some(Self::Heartbeats),
            exchange::Channel::Status => Some(Self::Status),
            exchange::Channel::Level2Batch => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "market_trades" => Ok(Self::MarketTrades),
            "ticker" => Ok(Self::Ticker),
            "heartbeats" => Ok(Self::Heartbeats),
            "status" => Ok(Self::Status),
            _ => Err(()),
        }
    }
}

/// `subscribe` or `unsubscribe`, for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    product_ids: &'a [ProductId],
    channel: &'static str,
}

impl<'a> Request<'a> {
    /// Asks for the channel of these products.
    pub fn subscribe(channel: Channel, products: &'a [ProductId]) -> Self {
        Self::new("subscribe", channel, products)
    }

    /// Asks for the channel of these products no more.
    pub fn unsubscribe(channel: Channel, products: &'a [ProductId]) -> Self {
        Self::new("unsubscribe", channel, products)
    }

    fn new(kind: &'static str, channel: Channel, products: &'a [ProductId]) -> Self {
        Self {
            kind,
            product_ids: products,
            channel: channel.as_str(),
        }
    }

    /// The message's text.
    pub fn to_json(&self) -> String {
        // Strings only: it can't fail, and an empty message would be refused by the server.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Under which other name a product's trades may come: those of `BTC-USDC` come as `BTC-USD`, with
/// which it shares one order book. So it is with nearly all products against USDC.
pub fn alias(product: ProductId) -> Option<ProductId> {
    (product.quote() == "USDC")
        .then(|| ProductId::parse(&format!("{}-USD", product.base())).ok())
        .flatten()
}
