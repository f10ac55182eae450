//! A server that speaks both feeds, over a real WebSocket, and the REST interface beside them.
//!
//! It plays a recording or the random market to whoever subscribes, as Coinbase would. What it does
//! where a recording can't say is written with [`SimulatorConfig`] and in the crate's README.

mod chaos;
mod config;
mod connection;
mod handle;
mod heartbeat;
mod history;
mod hub;
mod play;
mod rest;
mod server;
mod source;
mod speech;
mod stats;

pub use chaos::{Chaos, ChaosReport, Delay, Losses, PROFILES, Profile, Reorders, RestTrouble};
pub use config::{SimulatorConfig, SimulatorError, Source, Speed};
pub use handle::{Simulator, SimulatorHandle};
pub use stats::SimulatorStats;
