//! A trade, whichever channel told about it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::products::ProductId;

/// Who paid the spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The taker bought, at the ask.
    Buy,
    /// The taker sold, at the bid.
    Sell,
}

impl Side {
    /// Parses `buy` or `sell`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "buy" => Some(Self::Buy),
            "sell" => Some(Self::Sell),
            _ => None,
        }
    }

    /// The other one: turns a maker's side into the taker's.
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `buy` or `sell`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// One trade. Prices are in units of the quote, sizes in units of the base.
///
/// Decimals have no zeros at their end, so that a trade is the same in every digit whether it came
/// from a `ticker` (which pads sizes with zeros) or from a `match` (which doesn't).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What was traded.
    pub product_id: ProductId,
    /// Contiguous per product.
    pub trade_id: u64,
    /// Position in the product's full stream: grows, but is never contiguous on these channels.
    pub sequence: Option<u64>,
    /// Always positive.
    pub price: Decimal,
    /// Always positive.
    pub size: Decimal,
    /// The taker's side; `None` where the feed doesn't tell it.
    pub side: Option<Side>,
    /// When it happened, by Coinbase's clock.
    pub time: DateTime<Utc>,
    /// Best bid right after the trade; only a `ticker` tells it.
    pub bid: Option<Decimal>,
    /// Best ask right after the trade; only a `ticker` tells it.
    pub ask: Option<Decimal>,
}
