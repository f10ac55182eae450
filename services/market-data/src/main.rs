//! The market-data service as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main(
        "market-data",
        env!("CARGO_PKG_VERSION"),
        8081,
        market_data::start,
    )
}
