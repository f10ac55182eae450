//! Frames as they stand on the wire: every field optional, strings borrowed.
//!
//! Optional even where a field can't be missing, so that the error names the field.

use serde::Deserialize;

use super::text::Text;

#[derive(Deserialize)]
pub(super) struct RawKind<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawTicker<'a> {
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    pub sequence: Option<u64>,
    pub trade_id: Option<u64>,
    #[serde(borrow)]
    pub price: Option<Text<'a>>,
    #[serde(borrow)]
    pub last_size: Option<Text<'a>>,
    #[serde(borrow)]
    pub side: Option<Text<'a>>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
    #[serde(borrow)]
    pub best_bid: Option<Text<'a>>,
    #[serde(borrow)]
    pub best_ask: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawMatch<'a> {
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    pub sequence: Option<u64>,
    pub trade_id: Option<u64>,
    #[serde(borrow)]
    pub price: Option<Text<'a>>,
    #[serde(borrow)]
    pub size: Option<Text<'a>>,
    #[serde(borrow)]
    pub side: Option<Text<'a>>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
}

/// Heartbeats and the heads of order book frames.
#[derive(Deserialize)]
pub(super) struct RawHead<'a> {
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    pub sequence: Option<u64>,
    pub last_trade_id: Option<u64>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RawStatus {
    #[serde(default)]
    pub products: Vec<super::frame::ProductStatus>,
}
