//! The `algotrade` command.

mod api;
mod backing;
mod cli;
mod commands;
mod demo;
mod given;
mod output;
mod platform;
mod room;
mod scratch;
mod strategies;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
