//! The notification service's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main(
        "notification",
        env!("CARGO_PKG_VERSION"),
        8080,
        notification::start,
    )
}
