#![doc = include_str!("../README.md")]

mod exchange;
mod grid;
mod order;
mod page;
mod run;
mod thin;

pub use grid::{Axis, AxisError, Grid, MAX_COMBINATIONS};
pub use page::page;
pub use run::{Backtest, BacktestError, Point, Result, Terms};
