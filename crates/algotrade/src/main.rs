//! The `algotrade` command.

#[cfg(feature = "platform")]
mod api;
#[cfg(feature = "platform")]
mod backing;
mod cli;
mod commands;
#[cfg(feature = "platform")]
mod demo;
#[cfg(feature = "platform")]
mod given;
mod output;
#[cfg(feature = "platform")]
mod platform;
#[cfg(feature = "platform")]
mod room;
#[cfg(feature = "platform")]
mod scratch;
mod strategies;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
