//! The crate from outside: sources in, diagnostics, plans and signals out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actions;
mod bars;
mod diagnostics;
mod diffs;
mod gaps;
mod holdings;
mod hostile;
mod imports;
mod lints;
mod nodes;
mod oracle;
mod plans;
mod properties;
mod random;
mod real_ticks;
mod reference;
mod script_problems;
mod script_reference;
mod scripts;
mod snapshots;
mod support;
mod templates;
mod terms;
mod time;
mod traces;
