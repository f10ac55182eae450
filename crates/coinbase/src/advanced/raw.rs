//! Messages as they stand on the wire: every field optional, strings borrowed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::exchange::ProductStatus;
use crate::exchange::text::Text;

/// What tells one message from another. An error has a type and no channel.
#[derive(Deserialize)]
pub(super) struct RawHead<'a> {
    #[serde(borrow)]
    pub channel: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    pub sequence_num: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct RawMessage<'a, E> {
    #[serde(borrow)]
    pub timestamp: Option<Text<'a>>,
    // The events are required where there is a channel: a message without them lost its content.
    pub events: Vec<E>,
}

#[derive(Deserialize)]
pub(super) struct RawTrades<'a> {
    #[serde(borrow, default)]
    pub trades: Vec<RawTrade<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawTrade<'a> {
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub trade_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub price: Option<Text<'a>>,
    #[serde(borrow)]
    pub size: Option<Text<'a>>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
    #[serde(borrow)]
    pub side: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawTickers<'a> {
    #[serde(borrow, default)]
    pub tickers: Vec<RawTicker<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawTicker<'a> {
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub best_bid: Option<Text<'a>>,
    #[serde(borrow)]
    pub best_ask: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawHeartbeat {
    #[serde(default)]
    pub heartbeat_counter: Counter,
}

/// A number, in some messages written as text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Counter {
    Number(u64),
    Text(String),
}

impl Default for Counter {
    fn default() -> Self {
        Self::Number(0)
    }
}

#[derive(Deserialize)]
pub(super) struct RawSubscriptions {
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct RawStatus {
    #[serde(default)]
    pub products: Vec<ProductStatus>,
}
