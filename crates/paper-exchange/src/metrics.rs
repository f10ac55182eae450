//! Figures about a session that can be kept while it runs. They never enter the ledger.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exact::percentage;

/// Drawdown over the equity points, and how sales ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The highest equity so far, at least the initial balance.
    #[serde(with = "rust_decimal::serde::str")]
    pub peak_equity: Decimal,
    /// The largest fall from a peak, in the quote currency.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown: Decimal,
    /// The largest fall from a peak, in percent of that peak, to 8 decimals.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown_pct: Decimal,
    /// Sales with a gain, fee included.
    pub wins: u64,
    /// Sales with a loss, fee included.
    pub losses: u64,
}

impl Metrics {
    pub(crate) fn new(initial_balance: Decimal) -> Self {
        Self {
            peak_equity: initial_balance,
            max_drawdown: Decimal::ZERO,
            max_drawdown_pct: Decimal::ZERO,
            wins: 0,
            losses: 0,
        }
    }

    pub(crate) fn observe_equity(&mut self, equity: Decimal) {
        if equity >= self.peak_equity {
            self.peak_equity = equity;
            return;
        }
        // Both are within 0..=peak, so the difference can't overflow; it may round in the 29th
        // digit, which a figure for display may.
        let fall = self.peak_equity - equity;
        self.max_drawdown = self.max_drawdown.max(fall);
        self.max_drawdown_pct = self
            .max_drawdown_pct
            .max(percentage(fall, self.peak_equity));
    }

    pub(crate) fn observe_sale(&mut self, realized_pnl: Decimal) {
        if realized_pnl > Decimal::ZERO {
            self.wins += 1;
        } else if realized_pnl < Decimal::ZERO {
            self.losses += 1;
        }
    }
}
