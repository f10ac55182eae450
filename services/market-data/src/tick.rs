//! What goes into the log of a product: trades, and the marks of trades that are missing.

use chrono::{DateTime, Utc};
use coinbase::Trade;
use rust_decimal::Decimal;

/// A trade with what is known about it besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// The trade, with the best bid and ask if they are recent enough.
    pub trade: Trade,
    /// How much older than the trade these are, in milliseconds.
    pub quote_age_ms: Option<u32>,
    /// It was fetched from the exchange, because the feed didn't bring it.
    pub backfilled: bool,
}

impl Tick {
    /// A trade that was fetched.
    pub fn backfilled(trade: Trade) -> Self {
        Self {
            trade,
            quote_age_ms: None,
            backfilled: true,
        }
    }
}

/// Price and time of a trade that the log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Its price.
    pub price: Decimal,
    /// Its time.
    pub time: DateTime<Utc>,
}

impl From<&Trade> for Anchor {
    fn from(trade: &Trade) -> Self {
        Self {
            price: trade.price,
            time: trade.time,
        }
    }
}

/// Trades in a row that nobody has any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The first id.
    pub first: u64,
    /// The last id.
    pub last: u64,
    /// The trade before them; after them, if nothing is known before.
    pub beside: Anchor,
    /// Why they can't be had.
    pub reason: GapReason,
}

impl Missing {
    /// How many.
    pub fn count(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// Why trades are missing from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The exchange's REST interface doesn't have them.
    NotThere,
    /// More than are fetched.
    TooMany,
    /// REST didn't give them in the time that newer trades are held back.
    TooLate,
    /// Kafka refused them for good.
    Refused,
}

impl GapReason {
    /// A label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotThere => "not_there",
            Self::TooMany => "too_many",
            Self::TooLate => "too_late",
            Self::Refused => "refused",
        }
    }
}

/// One record of a product's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A trade.
    Trade(Tick),
    /// The place of trades that are missing.
    Gap(Missing),
}
