//! Both feeds' recordings as one.

use super::reader::RecordedFrame;
use crate::advanced::{self, Body};
use crate::market::text;

/// The channel of the Advanced Trade feed that tells trades.
const MARKET_TRADES: &str = "market_trades";

/// A frame of the Exchange feed as it is; of a message of the Advanced Trade feed, a `match` for each
/// of its trades, and nothing else. Their orders' ids are made up, as that feed has none.
pub fn expand(frame: RecordedFrame) -> impl Iterator<Item = RecordedFrame> {
    let is_advanced = frame.is_advanced();
    let tells_trades = is_advanced && frame.kind.as_deref() == Some(MARKET_TRADES);
    let parsed = tells_trades.then(|| advanced::parse(&frame.text).ok());
    let trades = match parsed.flatten() {
        Some(message) => match message.body {
            Body::Trades(told) => told.trades,
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    let (received, connection) = (frame.received, frame.connection.clone());
    let made = trades.into_iter().map(move |trade| RecordedFrame {
        text: text::match_frame("match", &trade, [0, 1]),
        kind: Some("match".to_owned()),
        product_id: Some(trade.product_id),
        time: Some(trade.time),
        received,
        connection: connection.clone(),
    });
    (!is_advanced).then_some(frame).into_iter().chain(made)
}
