//! Products: their names at Coinbase and on the wire, and what is known about them.

mod catalog;
mod id;

pub use catalog::{Catalog, Product};
pub use id::{InvalidProductId, InvalidSymbol, ProductId, Symbol};
