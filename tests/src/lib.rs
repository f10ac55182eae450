//! What the end-to-end tests share.
//!
//! The binaries under test are those that `cargo build --release --workspace` made; a missing one
//! fails the test that needs it.

// Test support: what fails here fails the test, and says what and where.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

pub mod agreement;
pub mod api;
pub mod binaries;
pub mod fixture;
pub mod ledger;
pub mod log;
pub mod oracle;
pub mod process;
pub mod recording;
pub mod schemas;
pub mod stack;
pub mod tool;
