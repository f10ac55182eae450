//! One file a command.

pub(crate) mod asyncapi;
pub(crate) mod backtest;
#[cfg(feature = "platform")]
pub(crate) mod bench;
#[cfg(feature = "chaos")]
pub(crate) mod chaos;
mod connection;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod groups;
pub(crate) mod lag;
pub(crate) mod notify;
pub(crate) mod offsets;
pub(crate) mod ops;
pub(crate) mod produce;
pub(crate) mod record;
pub(crate) mod recording;
#[cfg(feature = "platform")]
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod simulator;
pub(crate) mod strategy;
pub(crate) mod tail;
pub(crate) mod token;
pub(crate) mod topics;
#[cfg(feature = "platform")]
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod verify;
