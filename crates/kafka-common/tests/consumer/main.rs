//! The consumer on a real Kafka, one subject a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breaker;
mod dead_letters;
mod delivery;
mod membership;
mod rebalance;
mod replay;
mod retries;
mod revocation;
mod shutdown;
mod staleness;
mod watchdog;
mod world;
