//! A trade of the market, as far as the exchange needs it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal_macros::dec;
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::exact::MONEY_SCALE;

const MAX_PRICE: Decimal = dec!(1000000000000);

/// One trade that happened in the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketTrade {
    /// Quote currency for one unit.
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
    /// Units traded. This model fills market orders whole and does not read it.
    #[serde(with = "rust_decimal::serde::str")]
    pub volume: Decimal,
    /// Event time: when the exchange executed it.
    pub time: DateTime<Utc>,
}

impl MarketTrade {
    /// The price, checked and without trailing zeros.
    pub(crate) fn checked_price(&self) -> Result<Decimal, LedgerError> {
        let price = self.price.normalize();
        if price <= Decimal::ZERO || price > MAX_PRICE || price.scale() > MONEY_SCALE {
            return Err(LedgerError::InvalidTrade { price: self.price });
        }
        Ok(price)
    }

    /// Minutes since 1970, rounded down.
    pub(crate) fn minute(&self) -> i64 {
        self.time.timestamp().div_euclid(60)
    }
}
