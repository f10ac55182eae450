//! The trades that REST tells: those that have happened, the newest of each product.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::config::SimulatorError;
use super::source::SimFrame;
use crate::exchange::parse;
use crate::products::ProductId;
use crate::recording::RecordingReader;
use crate::trade::Trade;

/// Which page of a product's trades is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Only trades older than this one.
    pub after: Option<u64>,
    /// Only trades newer than this one.
    pub before: Option<u64>,
    /// At most so many, the newest of them.
    pub limit: usize,
}

/// One product's trades, by rising id.
#[derive(Debug, Default)]
struct Ring {
    trades: VecDeque<Trade>,
    /// The newest trade that has happened. Those beyond it are known from the truth's own file.
    happened: Option<u64>,
}

impl Ring {
    fn happened(&self) -> usize {
        match self.happened {
            None => 0,
            Some(last) => self.trades.partition_point(|trade| trade.trade_id <= last),
        }
    }

    /// False if there is one of this id or a later one.
    fn push(&mut self, trade: Trade) -> bool {
        let is_new = self
            .trades
            .back()
            .is_none_or(|last| last.trade_id < trade.trade_id);
        if is_new {
            self.trades.push_back(trade);
        }
        is_new
    }
}

/// What has happened, whether or not the feed told it.
pub(super) struct History {
    rings: Mutex<BTreeMap<ProductId, Ring>>,
    /// How many trades are kept of each product.
    capacity: usize,
}

impl History {
    /// Keeps `trades` in all.
    pub fn new(products: impl ExactSizeIterator<Item = ProductId>, trades: usize) -> Self {
        let capacity = trades / products.len().max(1);
        let rings = products.map(|product| (product, Ring::default()));
        Self {
            rings: Mutex::new(rings.collect()),
            capacity,
        }
    }

    /// Nothing can panic while it is held.
    fn rings(&self) -> MutexGuard<'_, BTreeMap<ProductId, Ring>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what really happened from a recording of its own. Each trade is told once a trade with
    /// its id or a later one has been played. Blocks.
    ///
    /// # Errors
    /// It can't be read, or holds more than there is room for: the oldest can't be dropped for the
    /// newest, as they have yet to happen.
    pub fn load(&self, path: &Path) -> Result<(), SimulatorError> {
        let mut rings = self.rings();
        for frame in RecordingReader::open(path)? {
            let frame = frame?;
            let trade = parse(&frame.text).ok().and_then(|parsed| parsed.trade());
            let Some(trade) = trade else { continue };
            let Some(ring) = rings.get_mut(&trade.product_id) else {
                continue;
            };
            ring.push(trade);
            if ring.trades.len() > self.capacity {
                return Err(SimulatorError::HistoryTooLong {
                    path: path.to_path_buf(),
                    product: trade.product_id,
                    room: self.capacity,
                });
            }
        }
        Ok(())
    }

    /// These frames are being played: their trades have happened.
    pub fn see(&self, chunk: &[SimFrame]) {
        if self.capacity == 0 || chunk.iter().all(|frame| frame.trade.is_none()) {
            return;
        }
        let mut rings = self.rings();
        for trade in chunk.iter().filter_map(|frame| frame.trade.as_ref()) {
            let Some(ring) = rings.get_mut(&trade.product_id) else {
                continue;
            };
            ring.happened = ring.happened.max(Some(trade.trade_id));
            if ring.push(*trade) && ring.trades.len() > self.capacity {
                ring.trades.pop_front();
            }
        }
    }

    /// A page of a product's trades, the newest first.
    pub fn page(&self, product: ProductId, page: Page) -> Vec<Trade> {
        let rings = self.rings();
        let Some(ring) = rings.get(&product) else {
            return Vec::new();
        };
        let mut end = ring.happened();
        if let Some(after) = page.after {
            end = end.min(ring.trades.partition_point(|trade| trade.trade_id < after));
        }
        let start = match page.before {
            None => 0,
            Some(before) => ring
                .trades
                .partition_point(|trade| trade.trade_id <= before),
        };
        let start = start.max(end.saturating_sub(page.limit));
        if start >= end {
            return Vec::new();
        }
        ring.trades.range(start..end).rev().copied().collect()
    }

    /// Hands all trades of a product that have happened to `take`, the oldest first.
    pub fn each(&self, product: ProductId, take: impl FnMut(&Trade)) {
        let rings = self.rings();
        if let Some(ring) = rings.get(&product) {
            ring.trades.range(..ring.happened()).for_each(take);
        }
    }
}
