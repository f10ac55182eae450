//! The messages' texts, with the fields in Coinbase's order.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::products::ProductId;
use crate::trade::{Side, Trade};

/// Puts a channel's event into its envelope.
pub(crate) fn message(
    channel: &str,
    sequence_num: u64,
    time: DateTime<Utc>,
    event: &str,
) -> String {
    let time = time.to_rfc3339_opts(SecondsFormat::Nanos, true);
    format!(
        concat!(
            r#"{{"channel":"{}","client_id":"","timestamp":"{}","sequence_num":{},"#,
            r#""events":[{}]}}"#
        ),
        channel, time, sequence_num, event,
    )
}

/// The event of a `market_trades` message. `newest_first` as Coinbase sends them.
pub(crate) fn trades<'a>(kind: &str, newest_first: impl Iterator<Item = &'a Trade>) -> String {
    let trades: Vec<String> = newest_first.map(trade).collect();
    format!(r#"{{"type":"{kind}","trades":[{}]}}"#, trades.join(","))
}

fn trade(trade: &Trade) -> String {
    // The maker's.
    let side = match trade.side {
        Some(Side::Buy) => "SELL",
        Some(Side::Sell) => "BUY",
        None => "UNKNOWN_ORDER_SIDE",
    };
    format!(
        concat!(
            r#"{{"product_id":"{}","trade_id":"{}","price":"{}","size":"{}","time":"{}","#,
            r#""side":"{}"}}"#
        ),
        trade.product_id,
        trade.trade_id,
        trade.price,
        trade.size,
        trade.time.to_rfc3339_opts(SecondsFormat::Micros, true),
        side,
    )
}

/// The event of a `ticker` message.
pub(crate) fn ticker(kind: &str, trade: &Trade) -> String {
    format!(
        concat!(
            r#"{{"type":"{}","tickers":[{{"type":"ticker","product_id":"{}","price":"{}","#,
            r#""best_bid":"{}","best_ask":"{}"}}]}}"#
        ),
        kind,
        trade.product_id,
        trade.price,
        trade.bid.map(|bid| bid.to_string()).unwrap_or_default(),
        trade.ask.map(|ask| ask.to_string()).unwrap_or_default(),
    )
}

/// The event of a `heartbeats` message. Its time is written as the server's language prints it.
pub(crate) fn heartbeat(time: DateTime<Utc>, counter: u64) -> String {
    let time = time.format("%Y-%m-%d %H:%M:%S%.9f +0000 UTC");
    format!(r#"{{"current_time":"{time} m=+{counter}.000000001","heartbeat_counter":{counter}}}"#)
}

/// The event of a `subscriptions` message.
pub(crate) fn subscriptions<'a>(
    channels: impl Iterator<Item = (&'a str, Vec<ProductId>)>,
) -> String {
    let channels: std::collections::BTreeMap<&str, Vec<ProductId>> = channels.collect();
    // Strings only: it can't fail.
    let channels = serde_json::to_string(&channels).unwrap_or_default();
    format!(r#"{{"subscriptions":{channels}}}"#)
}
