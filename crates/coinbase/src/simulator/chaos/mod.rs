//! What goes wrong on the way from the market to a client, on purpose and reproducibly.

mod config;
mod dice;
mod disorder;
mod garbage;
mod gate;
mod log;
mod profile;
#[cfg(test)]
mod tests;

pub use config::{Chaos, Delay, Losses, Reorders, RestTrouble};
pub(super) use disorder::{Disorder, Step};
pub(super) use gate::{RestGate, Verdict};
pub(super) use log::ChaosLog;
pub use log::ChaosReport;
pub use profile::{PROFILES, Profile};
