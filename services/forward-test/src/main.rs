//! The forward-test service.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main(
        "forward-test",
        env!("CARGO_PKG_VERSION"),
        8083,
        forward_test::start,
    )
}
