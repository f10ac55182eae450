//! A fingerprint of a ledger: equal on every broker, machine and run with the same input.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use sha2::{Digest, Sha256};

use crate::exact::push_short;
use crate::output::Execution;

/// Hashes executions, which must come in sequence order.
#[derive(Debug, Clone, Default)]
pub struct LedgerHasher {
    sha256: Sha256,
}

impl LedgerHasher {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next execution.
    pub fn push(&mut self, execution: &Execution) {
        self.sha256.update(canonical_line(execution));
    }

    /// The SHA-256 of all lines, in lower-case hex.
    pub fn finish(self) -> String {
        self.sha256
            .finalize()
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                // Writing to a String can't fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

/// The line that stands for an execution in the hash, with its line feed. It has no ids.
pub fn canonical_line(execution: &Execution) -> String {
    let e = execution;
    let mut line = String::with_capacity(192 + e.reason.len());
    // Writing to a String can't fail.
    let _ = write!(line, "{}|", e.sequence);
    line.push_str(e.action.as_str());
    line.push('|');
    line.push_str(e.status.as_str());
    for figure in [
        e.quantity,
        e.price,
        e.fee,
        e.realized_pnl,
        e.cash,
        e.position,
    ] {
        line.push('|');
        push_short(&mut line, figure);
    }
    let time = e.time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let _ = writeln!(line, "|{time}|{}", e.reason);
    line
}
