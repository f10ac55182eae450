//! The strategy service.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main("strategy", env!("CARGO_PKG_VERSION"), 8082, strategy::start)
}
