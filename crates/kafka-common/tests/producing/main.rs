//! Producing against real Kafka.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod outage;
mod reader;
mod trace;
