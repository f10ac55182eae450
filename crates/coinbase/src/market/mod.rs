//! A market of its own: random, yet the same for the same seed and start.
//!
//! For demos and tests without data and network. Its frames have the shape of real ones; prices
//! wander in phases (rising, falling, hovering), so that moving averages cross often.

mod config;
mod price;
mod product;
mod random;
mod record;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use config::{MarketConfig, MarketError, MarketProduct};
pub use random::{MarketFrame, RandomMarket};
pub use record::{RecordError, Until, record};
