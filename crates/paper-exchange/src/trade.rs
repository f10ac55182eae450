//! A trade of the market, as far as the exchange needs it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::exact::{MONEY_SCALE, normalized, steps_of, to_units};
use crate::terms::MAX_PRICE_STEPS;

/// One trade that happened in the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketTrade {
    /// Quote currency for one unit.
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
    /// Units traded. Read by the volume model and by square-root slippage only.
    #[serde(with = "rust_decimal::serde::str")]
    pub volume: Decimal,
    /// Event time: when the exchange executed it.
    pub time: DateTime<Utc>,
}

impl MarketTrade {
    /// The price, checked and without trailing zeros.
    pub(crate) fn checked_price(&self) -> Result<Decimal, LedgerError> {
        let price = normalized(self.price);
        // In steps: this is done for every trade, and comparing decimals takes longer.
        match steps_of(price) {
            Some(1..=MAX_PRICE_STEPS) => Ok(price),
            _ => Err(LedgerError::InvalidTrade { price: self.price }),
        }
    }

    /// The volume in steps of 1e-8, rounded down; none where it can't be held.
    pub(crate) fn steps(&self) -> Option<u128> {
        if self.volume <= Decimal::ZERO {
            return Some(0);
        }
        let volume = match self.volume.scale() <= MONEY_SCALE {
            true => self.volume,
            false => self.volume.trunc_with_scale(MONEY_SCALE),
        };
        to_units(volume, MONEY_SCALE)
    }

    /// Minutes since 1970, rounded down.
    pub(crate) fn minute(&self) -> i64 {
        self.time.timestamp().div_euclid(60)
    }
}

/// The best prices that came with a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The highest price that somebody pays.
    #[serde(with = "rust_decimal::serde::str")]
    pub bid: Decimal,
    /// The lowest price at which somebody sells.
    #[serde(with = "rust_decimal::serde::str")]
    pub ask: Decimal,
    /// How much older than the trade it is, in milliseconds.
    pub age_ms: u32,
}
