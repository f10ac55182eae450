//! A market of its own: random, yet the same for the same seed and start.
//!
//! For demos and tests without data and network. Its frames have the shape of real ones; prices
//! wander in phases (rising, falling, hovering), so that moving averages cross often. A product may
//! have a [`Character`]: quiet nights, busy minutes, drift, jumps.

mod character;
mod config;
mod preset;
mod price;
mod product;
mod random;
mod record;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use character::Character;
pub use config::{MarketConfig, MarketError, MarketProduct};
pub use random::{MarketFrame, RandomMarket};
pub use record::{RecordError, Until, record};
