//! From the frame's text to its type, in one pass over the text if it is written as Coinbase does.

use std::borrow::Cow;

use serde::Deserialize;

use super::error::ParseError;
use super::fast::{self, Fields};
use super::field::{optional, positive, product, side, time};
use super::frame::{Book, BookKind, Frame, Heartbeat, LastTrade, Match, Ticker};
use super::raw::{RawHead, RawKind, RawMatch, RawStatus, RawTicker};
use super::usual;

type Result<T> = std::result::Result<T, ParseError>;

/// Reads one frame from bytes.
///
/// # Errors
/// As [`parse`], and if the bytes aren't UTF-8.
pub fn parse_bytes(bytes: &[u8]) -> Result<Frame<'_>> {
    match usual::frame(bytes) {
        Some(frame) => Ok(frame),
        None => parse_unusual(std::str::from_utf8(bytes).map_err(ParseError::not_utf8)?),
    }
}

/// Reads one frame. Fields that aren't known are ignored; so that a frame of a new type isn't an
/// error either, it becomes [`Frame::Unknown`].
///
/// # Errors
/// [`ParseError`] if it is no JSON object with a `type`, or a field is missing or unreadable.
pub fn parse(text: &str) -> Result<Frame<'_>> {
    match usual::frame(text.as_bytes()) {
        Some(frame) => Ok(frame),
        None => parse_unusual(text),
    }
}

/// Reads a frame that isn't letter for letter as Coinbase writes it.
pub(super) fn parse_unusual(text: &str) -> Result<Frame<'_>> {
    match leading_kind(text) {
        Some(kind @ ("ticker" | "match" | "last_match" | "heartbeat")) => match Fields::of(text) {
            Some(fields) => parse_fields(kind, &fields),
            None => parse_kind(Cow::Borrowed(kind), text),
        },
        Some(kind) => parse_kind(Cow::Borrowed(kind), text),
        None => parse_kind(kind_of(text)?, text),
    }
}

/// The type where Coinbase puts it, at the very front: saves a pass over the frame.
pub(crate) fn leading_kind(text: &str) -> Option<&str> {
    let (kind, _) = text.strip_prefix(r#"{"type":""#)?.split_once('"')?;
    (!kind.contains('\\')).then_some(kind)
}

/// The type wherever it stands; checks the whole frame's syntax.
fn kind_of(text: &str) -> Result<Cow<'_, str>> {
    // Serde would take an array for a struct, too.
    if text.trim_start().starts_with('[') {
        return Err(ParseError::not_object());
    }
    let raw: RawKind<'_> = read(text)?;
    raw.kind
        .map(|kind| kind.0)
        .ok_or_else(|| ParseError::missing("type"))
}

/// The frames that come all the time, once their fields are known.
fn parse_fields<'a>(kind: &str, fields: &Fields<'a>) -> Result<Frame<'a>> {
    let (product_id, time) = (fast::text(fields.product_id), fast::text(fields.time));
    let (price, side) = (fast::text(fields.price), fast::text(fields.side));
    let (sequence, trade_id) = (fields.sequence, fields.trade_id);
    match kind {
        "ticker" => ticker(RawTicker {
            product_id,
            sequence,
            trade_id,
            price,
            last_size: fast::text(fields.last_size),
            side,
            time,
            best_bid: fast::text(fields.best_bid),
            best_ask: fast::text(fields.best_ask),
        })
        .map(Frame::Ticker),
        "heartbeat" => heartbeat(RawHead {
            product_id,
            sequence,
            last_trade_id: fields.last_trade_id,
            time,
        })
        .map(Frame::Heartbeat),
        _ => {
            let found = match_frame(RawMatch {
                product_id,
                sequence,
                trade_id,
                price,
                size: fast::text(fields.size),
                side,
                time,
            })?;
            Ok(match kind {
                "last_match" => Frame::LastMatch(found),
                _ => Frame::Match(found),
            })
        }
    }
}

pub(super) fn parse_kind<'a>(kind: Cow<'a, str>, text: &'a str) -> Result<Frame<'a>> {
    match kind.as_ref() {
        "ticker" => ticker(read(text)?).map(Frame::Ticker),
        "match" => match_frame(read(text)?).map(Frame::Match),
        "last_match" => match_frame(read(text)?).map(Frame::LastMatch),
        "heartbeat" => heartbeat(read(text)?).map(Frame::Heartbeat),
        "l2update" => book(BookKind::Update, read(text)?).map(Frame::Book),
        "snapshot" => book(BookKind::Snapshot, read(text)?).map(Frame::Book),
        "subscriptions" => read(text).map(Frame::Subscriptions),
        "status" => read(text).map(|raw: RawStatus| Frame::Status(raw.products)),
        "error" => read(text).map(Frame::Error),
        // Its syntax is checked even so: half a frame is an error, whatever it calls itself.
        _ => kind_of(text).map(|kind| Frame::Unknown { kind }),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(ParseError::json)
}

fn ticker(raw: RawTicker<'_>) -> Result<Ticker> {
    let last_trade = match raw.trade_id {
        None => None,
        Some(trade_id) => Some(LastTrade {
            trade_id,
            size: positive("last_size", raw.last_size.as_ref())?,
            side: side(raw.side.as_ref())?,
            time: time(raw.time.as_ref())?,
        }),
    };
    Ok(Ticker {
        product_id: product(raw.product_id.as_ref())?,
        sequence: raw.sequence,
        price: positive("price", raw.price.as_ref())?,
        best_bid: optional("best_bid", raw.best_bid.as_ref())?,
        best_ask: optional("best_ask", raw.best_ask.as_ref())?,
        last_trade,
    })
}

fn match_frame(raw: RawMatch<'_>) -> Result<Match> {
    Ok(Match {
        product_id: product(raw.product_id.as_ref())?,
        trade_id: raw
            .trade_id
            .ok_or_else(|| ParseError::missing("trade_id"))?,
        sequence: raw.sequence,
        price: positive("price", raw.price.as_ref())?,
        size: positive("size", raw.size.as_ref())?,
        maker_side: side(raw.side.as_ref())?,
        time: time(raw.time.as_ref())?,
    })
}

fn heartbeat(raw: RawHead<'_>) -> Result<Heartbeat> {
    Ok(Heartbeat {
        product_id: product(raw.product_id.as_ref())?,
        last_trade_id: raw
            .last_trade_id
            .ok_or_else(|| ParseError::missing("last_trade_id"))?,
        sequence: raw.sequence,
        time: time(raw.time.as_ref())?,
    })
}

fn book(kind: BookKind, raw: RawHead<'_>) -> Result<Book> {
    let time = match &raw.time {
        None => None,
        given => Some(time(given.as_ref())?),
    };
    Ok(Book {
        kind,
        product_id: product(raw.product_id.as_ref())?,
        time,
    })
}
