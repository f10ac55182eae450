//! A server that speaks the Exchange feed, over a real WebSocket.
//!
//! It plays a recording or the random market to whoever subscribes, as Coinbase would. What it does
//! where a recording can't say is written with [`SimulatorConfig`] and in the crate's README.

mod config;
mod connection;
mod handle;
mod heartbeat;
mod hub;
mod play;
mod server;
mod source;
mod stats;
mod subscription;

pub use config::{SimulatorConfig, SimulatorError, Source, Speed};
pub use handle::{Simulator, SimulatorHandle};
pub use stats::SimulatorStats;
