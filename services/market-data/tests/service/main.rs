//! The service on real servers, fed by a simulator over a real socket.
//!
//! One program, because linking takes longer than any of the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advanced;
mod asked_for;
mod chaos;
mod common;
mod gaps;
mod http;
mod kafka_away;
mod liveness;
mod malformed;
mod outages;
mod replicas;
