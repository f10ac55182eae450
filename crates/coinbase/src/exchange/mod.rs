//! The Exchange feed's messages: what the server sends, and what it is asked.

mod error;
mod fast;
pub(crate) mod field;
mod frame;
mod kind;
mod parse;
mod raw;
mod request;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod usual;

pub use error::{ParseError, ParseReason};
pub use frame::{
    Book, BookKind, ChannelProducts, ErrorFrame, Frame, Heartbeat, LastTrade, Match, ProductStatus,
    Subscriptions, Ticker,
};
pub use kind::FrameKind;
pub(crate) use parse::leading_kind;
pub use parse::{parse, parse_bytes};
pub use request::{Channel, Request, RequestChannel};
