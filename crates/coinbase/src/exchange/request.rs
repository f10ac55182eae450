//! What the client asks of the server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::products::ProductId;

/// A channel that this crate's client subscribes to or that the simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A price for each trade.
    Ticker,
    /// The trades.
    Matches,
    /// A sign of life each second, naming the last trade.
    Heartbeat,
    /// The states of all products.
    Status,
    /// The order book, in batches of 50 ms.
    Level2Batch,
}

impl Channel {
    /// The channel's name at Coinbase.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Matches => "matches",
            Self::Heartbeat => "heartbeat",
            Self::Status => "status",
            Self::Level2Batch => "level2_batch",
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
            "ticker" => Ok(Self::Ticker),
            "matches" => Ok(Self::Matches),
            "heartbeat" => Ok(Self::Heartbeat),
            "status" => Ok(Self::Status),
            // The server answers the first by the second's name.
            "level2_batch" | "level2_50" => Ok(Self::Level2Batch),
            _ => Err(()),
        }
    }
}

/// `subscribe` or `unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Request<'a> {
    /// Begin to send these.
    Subscribe {
        /// Channels, each with its products.
        channels: Vec<RequestChannel<'a>>,
    },
    /// Stop sending these.
    Unsubscribe {
        /// Channels, each with its products.
        channels: Vec<RequestChannel<'a>>,
    },
}

/// One channel of a [`Request`]. The products stand inside each channel, because the server takes
/// those beside `channels` for channels given by name only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestChannel<'a> {
    name: &'static str,
    product_ids: &'a [ProductId],
}

impl<'a> Request<'a> {
    /// Asks for the channels of these products.
    pub fn subscribe(channels: &[Channel], products: &'a [ProductId]) -> Self {
        Self::Subscribe {
            channels: request_channels(channels, products),
        }
    }

    /// Asks for the channels of these products no more.
    pub fn unsubscribe(channels: &[Channel], products: &'a [ProductId]) -> Self {
        Self::Unsubscribe {
            channels: request_channels(channels, products),
        }
    }

    /// The message's text.
    pub fn to_json(&self) -> String {
        // Strings only: it can't fail, and an empty message would be refused by the server.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn request_channels<'a>(
    channels: &[Channel],
    products: &'a [ProductId],
) -> Vec<RequestChannel<'a>> {
    let one = |channel: &Channel| RequestChannel {
        name: channel.as_str(),
        product_ids: products,
    };
    channels.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn products_stand_inside_each_channel() {
        let products = [ProductId::parse("BTC-USD").unwrap()];
        let request = Request::subscribe(&[Channel::Ticker, Channel::Heartbeat], &products);
        assert_eq!(
            request.to_json(),
            concat!(
                r#"{"type":"subscribe","channels":[{"name":"ticker","product_ids":["BTC-USD"]},"#,
                r#"{"name":"heartbeat","product_ids":["BTC-USD"]}]}"#
            )
        );
        let request = Request::unsubscribe(&[Channel::Matches], &products);
        assert!(request.to_json().starts_with(r#"{"type":"unsubscribe""#));
    }

    #[test]
    fn channels_are_read_by_both_names_of_the_book() {
        for channel in [
            Channel::Ticker,
            Channel::Matches,
            Channel::Heartbeat,
            Channel::Status,
        ] {
            assert_eq!(channel.as_str().parse(), Ok(channel));
        }
        assert_eq!("level2_50".parse(), Ok(Channel::Level2Batch));
        assert_eq!("full".parse::<Channel>(), Err(()));
    }
}
