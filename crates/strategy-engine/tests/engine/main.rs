//! The crate from outside: sources in, diagnostics, plans and signals out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod bars;
mod diagnostics;
mod hostile;
mod imports;
mod nodes;
mod plans;
mod properties;
mod real_ticks;
mod snapshots;
mod support;
mod templates;
