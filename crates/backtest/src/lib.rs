#![doc = include_str!("../README.md")]

mod candle;
mod candles;
mod exchange;
mod grid;
mod holding;
mod order;
mod page;
mod run;
mod strategy;
mod thin;

pub use candle::Candle;
pub use candles::{CandleBacktest, Candles, CandlesError};
pub use grid::{Axis, AxisError, Grid, MAX_COMBINATIONS};
pub use holding::Openings;
pub use page::page;
pub use run::{Backtest, BacktestError, Point, Result, Terms};
pub use strategy::{Strategy, Tried};
