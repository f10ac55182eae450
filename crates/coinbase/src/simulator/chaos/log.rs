//! What went wrong, so that a test can compare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::products::ProductId;

/// How many lost trades are remembered by their ids.
const IDS: usize = 1_000_000;

/// What went wrong since the start. Counts are over all connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChaosReport {
    /// Trades that were held back from clients that had subscribed to them. What a connection's end
    /// cost isn't among them.
    pub lost: BTreeMap<ProductId, BTreeSet<u64>>,
    /// Trades lost beyond the million that `lost` has room for.
    pub lost_beyond: u64,
    /// Frames sent twice.
    pub duplicated: u64,
    /// Frames sent after later ones.
    pub reordered: u64,
    /// Unreadable frames put in.
    pub garbage: u64,
    /// Short waits.
    pub slowed: u64,
    /// Long waits.
    pub paused: u64,
    /// Connections ended.
    pub disconnected: u64,
    /// Connections that got nothing.
    pub stalled: u64,
}

impl ChaosReport {
    /// How many trades were lost.
    pub fn lost_trades(&self) -> u64 {
        self.ids() as u64 + self.lost_beyond
    }

    fn ids(&self) -> usize {
        self.lost.values().map(BTreeSet::len).sum()
    }
}

#[derive(Debug, Default)]
pub(in crate::simulator) struct ChaosLog(Mutex<ChaosReport>);

impl ChaosLog {
    /// Nothing can panic while it is held.
    pub fn write(&self) -> MutexGuard<'_, ChaosReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lose(&self, product: ProductId, trade_id: u64) {
        let mut report = self.write();
        let is_known = report
            .lost
            .get(&product)
            .is_some_and(|ids| ids.contains(&trade_id));
        if is_known {
            return;
        }
        if report.ids() < IDS {
            report.lost.entry(product).or_default().insert(trade_id);
        } else {
            report.lost_beyond += 1;
        }
    }
}
