#![doc = include_str!("../README.md")]

pub mod advanced;
pub mod client;
mod decimal;
pub mod exchange;
mod malformed;
pub mod market;
mod products;
pub mod recording;
mod sequencer;
pub mod simulator;
mod time;
mod trade;

pub use decimal::parse_exact;
pub use malformed::Malformed;
pub use products::{Catalog, InvalidProductId, InvalidSymbol, Product, ProductId, Symbol};
pub use sequencer::{Gap, Sequencer, TradeOutcome, WitnessOutcome};
pub use trade::{Side, Trade};
