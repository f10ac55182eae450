//! When a strategy is evaluated: on every trade, or on bars of time, trades, volume or price.
//!
//! The strategy engine builds the bars; whoever takes a session's terms only has to know which
//! timeframes there are. Both read them here.

mod amount;
mod name;

use std::num::NonZeroU32;

pub use amount::{Amount, AmountError};
pub use name::TimeframeError;

/// Most trades in a tick bar.
pub const MAX_TICKS: u32 = 1_000_000;

/// On every tick, or on bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Timeframe {
    /// Every trade is an evaluation.
    #[default]
    Tick,
    /// Time bars of so many seconds; each begins at a multiple of that since the epoch (UTC).
    Seconds(NonZeroU32),
    /// Tick bars: each closes with its so-many-th trade.
    Ticks(NonZeroU32),
    /// Volume bars: each closes with the trade with which its volume reaches so much, in the base
    /// currency.
    Volume(Amount),
    /// Range bars: each closes with the trade with which its high is so far above its low, in the
    /// quote currency.
    Range(Amount),
}

impl Timeframe {
    /// Length of a time bar in seconds; none of anything else.
    pub fn seconds(self) -> Option<NonZeroU32> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            _ => None,
        }
    }
}
