//! The client of the Exchange feed.
//!
//! One task owns the socket: it connects, subscribes, parses, and hands batches of items to a
//! bounded channel. If the channel is full it stops reading the socket, so that nothing is dropped
//! and nothing piles up here: the server sees a slow reader.

mod backoff;
mod config;
mod crypto;
mod event;
mod handle;
mod probe;
mod rest;
mod run;
mod session;

pub use backoff::Backoff;
pub use config::{DEFAULT_REST_URL, DEFAULT_WEBSOCKET_URL, FeedConfig};
pub use crypto::install_crypto_provider;
pub use event::{DisconnectReason, FeedEvent, Item};
pub use handle::{FeedClient, FeedHandle, FeedProducts, FeedStats};
pub use probe::{ProbeError, probe};
pub use rest::{RestClient, RestError};
