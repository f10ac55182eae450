//! The client of both feeds.
//!
//! One task owns the socket: it connects, subscribes, parses, and hands batches of items to a
//! bounded channel. If the channel is full it stops reading the socket, so that nothing is dropped
//! and nothing piles up here: the server sees a slow reader.

mod backoff;
mod candles;
mod config;
mod crypto;
mod dialect;
mod event;
mod handle;
mod limiter;
mod pool;
mod probe;
mod recorder;
mod refusal;
mod rest;
mod run;
mod session;
mod trades;

pub use backoff::Backoff;
pub use candles::{CANDLES_PER_REQUEST, PastCandle};
pub use config::{
    DEFAULT_ADVANCED_URL, DEFAULT_REST_URL, DEFAULT_WEBSOCKET_URL, FeedConfig, FeedKind,
};
pub use crypto::install_crypto_provider;
pub use event::{DisconnectReason, FeedEvent, Item};
pub use handle::{FeedClient, FeedHandle, FeedProducts, FeedStats};
pub use pool::{FeedPool, PoolConfig, PoolEvent, PoolHandle, PoolProducts};
pub use probe::{ProbeError, probe};
pub use recorder::{RecorderStats, record};
pub use rest::{RestClient, RestError};
pub use trades::{TRADES_PER_PAGE, TradePage};
