//! What the market trades, and how.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::character::Character;
use crate::products::{Product, ProductId};

/// What the market trades, and how; `default()` is lively and even: BTC-USD, ETH-USD and SOL-USD,
/// whose averages cross often. See also [`MarketConfig::realistic`].
#[derive(Debug, Clone, PartialEq)]
pub struct MarketConfig {
    /// The same seed and start give the same frames to the last byte.
    pub seed: u64,
    /// Event time of the first frame. `None`: now, when the market starts.
    pub start: Option<DateTime<Utc>>,
    /// Trades per second and product on average, in event time. Default: 5. From 0.001 to 100,000.
    pub trades_per_second: f64,
    /// What is traded; at least one.
    pub products: Vec<MarketProduct>,
}

/// One product of the market.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketProduct {
    /// Its name.
    pub id: ProductId,
    /// The price that it starts at, and wanders around in the long run.
    pub price: Decimal,
    /// Digits after the point of a price: 2 means steps of 0.01.
    pub price_decimals: u32,
    /// Digits after the point of a size.
    pub size_decimals: u32,
    /// The size of the middlemost trade; a few are far larger.
    pub typical_size: Decimal,
    /// Standard deviation of the price's move from one trade to the next, in hundredths of a
    /// percent.
    pub volatility_bps: f64,
    /// What its days are like.
    pub character: Character,
}

/// Why a market can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// Nothing to trade.
    #[error("the market has no product")]
    NoProducts,
    /// The rate isn't within 0.001 to 100,000.
    #[error("the number of trades per second must be from 0.001 to 100000")]
    Rate,
    /// The product is given twice.
    #[error("{0} is given twice")]
    Repeated(ProductId),
    /// The product's numbers make no market.
    #[error(
        "{0}: the price must be from 100 steps to 10^15 steps, the size from 1 step to 10^15 \
         steps, decimals up to 12, the volatility from 0 to 100, and its character as documented"
    )]
    Product(ProductId),
}

impl MarketConfig {
    /// The products as `GET /products` lists them.
    pub fn to_products(&self) -> Vec<Product> {
        self.products
            .iter()
            .map(MarketProduct::to_product)
            .collect()
    }

    pub(super) fn check(&self) -> Result<(), MarketError> {
        if self.products.is_empty() {
            return Err(MarketError::NoProducts);
        }
        if !(0.001..=100_000.0).contains(&self.trades_per_second) {
            return Err(MarketError::Rate);
        }
        for (at, product) in self.products.iter().enumerate() {
            if self
                .products
                .iter()
                .take(at)
                .any(|other| other.id == product.id)
            {
                return Err(MarketError::Repeated(product.id));
            }
            let possible = product
                .price_steps()
                .is_some_and(|n| (100..=STEPS_MAX).contains(&n))
                && product
                    .size_steps()
                    .is_some_and(|n| (1..=STEPS_MAX).contains(&n))
                && (0.0..=100.0).contains(&product.volatility_bps)
                && product.character.is_possible();
            if !possible {
                return Err(MarketError::Product(product.id));
            }
        }
        Ok(())
    }
}

/// Beyond this, a number of steps would not be exact in the generator's floats.
const STEPS_MAX: i64 = 1_000_000_000_000_000;

impl MarketProduct {
    /// The starting price in steps.
    pub(super) fn price_steps(&self) -> Option<i64> {
        steps(self.price, self.price_decimals)
    }

    /// The typical size in steps.
    pub(super) fn size_steps(&self) -> Option<i64> {
        steps(self.typical_size, self.size_decimals)
    }

    fn to_product(&self) -> Product {
        Product {
            id: self.id,
            base_currency: self.id.base().to_owned(),
            quote_currency: self.id.quote().to_owned(),
            base_increment: Decimal::new(1, self.size_decimals.min(12)),
            quote_increment: Decimal::new(1, self.price_decimals.min(12)),
            status: "online".to_owned(),
            status_message: None,
            trading_disabled: false,
        }
    }
}

fn steps(number: Decimal, decimals: u32) -> Option<i64> {
    if decimals > 12 {
        return None;
    }
    number
        .checked_mul(Decimal::from(10_i64.checked_pow(decimals)?))?
        .to_i64()
}
