//! From the message's text to its type.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::frame::{Body, Message, Quote, Trades};
use super::raw::{
    Counter, RawHead, RawHeartbeat, RawMessage, RawStatus, RawSubscriptions, RawTickers, RawTrade,
    RawTrades,
};
use crate::exchange::field::{optional, positive, product, required, time};
use crate::exchange::text::Text;
use crate::exchange::{ChannelProducts, ParseError, ParseReason, Subscriptions};
use crate::malformed::Malformed;
use crate::trade::{Side, Trade};

type Result<T> = std::result::Result<T, ParseError>;

/// Reads one message from bytes.
///
/// # Errors
/// As [`parse`], and if the bytes aren't UTF-8.
pub fn parse_bytes(bytes: &[u8]) -> Result<Message<'_>> {
    parse(std::str::from_utf8(bytes).map_err(ParseError::not_utf8)?)
}

/// Reads one message. Fields that aren't known are ignored; a channel that isn't known becomes
/// [`Body::Unknown`].
///
/// # Errors
/// [`ParseError`] if it is no JSON object with a `channel` (or an error's `type`), or its events
/// can't be read. A single trade that can't be read is told in [`Trades::malformed`].
pub fn parse(text: &str) -> Result<Message<'_>> {
    // Serde would take an array for a struct, too.
    if text.trim_start().starts_with('[') {
        return Err(ParseError::not_object());
    }
    let head: RawHead<'_> = read(text)?;
    let Some(channel) = head.channel else {
        return without_channel(head, text);
    };
    let body = match channel.as_str() {
        "market_trades" => Body::Trades(trades(read(text)?)),
        "ticker" | "ticker_batch" => Body::Quotes(quotes(&read(text)?)?),
        "heartbeats" => heartbeat(&read(text)?)?,
        "subscriptions" => Body::Subscriptions(subscriptions(read(text)?)),
        "status" => {
            let message: RawMessage<'_, RawStatus> = read(text)?;
            let products = message.events.into_iter().flat_map(|event| event.products);
            Body::Status(products.collect())
        }
        "l2_data" | "candles" | "user" | "futures_balance_summary" => Body::Other,
        _ => Body::Unknown { channel: channel.0 },
    };
    Ok(Message {
        sequence_num: head.sequence_num,
        body,
    })
}

fn without_channel<'a>(head: RawHead<'a>, text: &'a str) -> Result<Message<'a>> {
    let body = match head.kind.map(|kind| kind.0) {
        Some(Cow::Borrowed("error")) => Body::Error(read(text)?),
        Some(kind) => Body::Unknown { channel: kind },
        None => return Err(ParseError::missing("channel")),
    };
    Ok(Message {
        sequence_num: head.sequence_num,
        body,
    })
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(ParseError::json)
}

fn trades(message: RawMessage<'_, RawTrades<'_>>) -> Trades {
    let mut told = Trades::default();
    for raw in message.events.iter().flat_map(|event| &event.trades) {
        match trade(raw) {
            Ok(trade) => told.trades.push(trade),
            Err(error) => {
                let product = raw.product_id.as_ref().map(Text::as_str);
                told.malformed.push(Malformed::trade(product, error));
            }
        }
    }
    told.trades.sort_by_key(|trade| trade.trade_id);
    told
}

fn trade(raw: &RawTrade<'_>) -> Result<Trade> {
    let id = required("trade_id", raw.trade_id.as_ref())?;
    let wrong_id = |_| ParseError::field(ParseReason::WrongType, "trade_id", id);
    Ok(Trade {
        product_id: product(raw.product_id.as_ref())?,
        trade_id: id.parse().map_err(wrong_id)?,
        sequence: None,
        price: positive("price", raw.price.as_ref())?.normalize(),
        size: positive("size", raw.size.as_ref())?.normalize(),
        side: taker(required("side", raw.side.as_ref())?)?,
        time: time(raw.time.as_ref())?,
        bid: None,
        ask: None,
    })
}

/// The message has the maker's side, or says that it isn't known.
fn taker(side: &str) -> Result<Option<Side>> {
    match side {
        "BUY" => Ok(Some(Side::Sell)),
        "SELL" => Ok(Some(Side::Buy)),
        "UNKNOWN_ORDER_SIDE" => Ok(None),
        other => Err(ParseError::field(ParseReason::BadSide, "side", other)),
    }
}

fn quotes(message: &RawMessage<'_, RawTickers<'_>>) -> Result<Vec<Quote>> {
    let time: DateTime<Utc> = time(message.timestamp.as_ref())?;
    let tickers = message.events.iter().flat_map(|event| &event.tickers);
    tickers
        .map(|raw| {
            Ok(Quote {
                product_id: product(raw.product_id.as_ref())?,
                bid: optional("best_bid", raw.best_bid.as_ref())?,
                ask: optional("best_ask", raw.best_ask.as_ref())?,
                time,
            })
        })
        .collect()
}

fn heartbeat(message: &RawMessage<'_, RawHeartbeat>) -> Result<Body<'static>> {
    let counter = message.events.last().map(|event| &event.heartbeat_counter);
    let counter = match counter {
        None => return Err(ParseError::missing("heartbeat_counter")),
        Some(Counter::Number(number)) => *number,
        Some(Counter::Text(text)) => text
            .parse()
            .map_err(|_| ParseError::field(ParseReason::WrongType, "heartbeat_counter", text))?,
    };
    Ok(Body::Heartbeat { counter })
}

fn subscriptions(message: RawMessage<'_, RawSubscriptions>) -> Subscriptions {
    let channels = message
        .events
        .into_iter()
        .flat_map(|event| event.subscriptions)
        .map(|(name, product_ids)| ChannelProducts { name, product_ids });
    Subscriptions {
        channels: channels.collect(),
    }
}
