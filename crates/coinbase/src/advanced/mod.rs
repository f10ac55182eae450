//! The Advanced Trade feed's messages: what the server sends, and what it is asked.
//!
//! It tells the same trades as the Exchange feed, with the same ids, in an envelope of its own: a
//! channel, a time, a number that counts the connection's messages, and events.

mod frame;
mod parse;
mod raw;
mod request;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use frame::{Body, Message, Quote, Trades};
pub use parse::{parse, parse_bytes};
pub use request::{Channel, Request, alias};
