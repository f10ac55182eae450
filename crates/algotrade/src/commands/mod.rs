//! One file a command.

pub(crate) mod bench;
pub(crate) mod generate;
pub(crate) mod notify;
pub(crate) mod replay;
pub(crate) mod setup;
pub(crate) mod simulator;
pub(crate) mod token;
pub(crate) mod up;
