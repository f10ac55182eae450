#![doc = include_str!("../README.md")]

mod order;
mod records;
mod terms;

pub use order::{action, order_terms, quantity_type};
pub use records::{MarketRecord, Met, command, meet, order};
pub use terms::{Opening, Terms};
