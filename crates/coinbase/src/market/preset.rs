//! Markets that come with the crate.

use rust_decimal::Decimal;

use super::character::Character;
use super::config::{MarketConfig, MarketProduct};
use crate::products::ProductId;

struct Preset {
    id: &'static str,
    /// Digits after the point of a price.
    decimals: u32,
    /// The price in its smallest steps.
    price: i64,
    /// The typical size in hundred-millionths.
    size_e8: i64,
    volatility_bps: f64,
    character: Character,
}

/// Prices and sizes as they were in November 2025.
const LIVELY: [Preset; 3] = [
    Preset::even("BTC-USD", 2, 8_778_604, 200_000, 0.6),
    Preset::even("ETH-USD", 2, 292_415, 5_000_000, 0.8),
    Preset::even("SOL-USD", 2, 13_642, 150_000_000, 1.2),
];

const REALISTIC: [Preset; 6] = [
    Preset::even("BTC-USD", 2, 8_778_604, 200_000, 0.35).with(3.0, 0.7, 5.0, 12.0, (2.0, 40.0)),
    Preset::even("ETH-USD", 2, 292_415, 5_000_000, 0.45).with(2.0, 0.7, 5.0, 5.0, (3.0, 60.0)),
    Preset::even("SOL-USD", 2, 13_642, 150_000_000, 0.7).with(1.0, 0.6, 7.0, -15.0, (4.0, 90.0)),
    Preset::even("XRP-USD", 4, 22_031, 20_000_000_000, 0.7).with(0.8, 0.8, 9.0, 20.0, (4.0, 90.0)),
    Preset::even("DOGE-USD", 5, 15_080, 80_000_000_000, 1.0).with(
        0.4,
        0.8,
        14.0,
        -25.0,
        (6.0, 150.0),
    ),
    Preset::even("LTC-USD", 2, 8_457, 300_000_000, 1.2).with(0.1, 0.9, 9.0, 0.0, (2.0, 80.0)),
];

impl Preset {
    const fn even(
        id: &'static str,
        decimals: u32,
        price: i64,
        size_e8: i64,
        volatility_bps: f64,
    ) -> Self {
        Self {
            id,
            decimals,
            price,
            size_e8,
            volatility_bps,
            character: Character {
                activity: 1.0,
                nights: 0.0,
                bursts: 0.0,
                drift_bps_per_day: 0.0,
                jumps_per_day: 0.0,
                jump_bps: 0.0,
            },
        }
    }

    const fn with(
        mut self,
        activity: f64,
        nights: f64,
        bursts: f64,
        drift_bps_per_day: f64,
        (jumps_per_day, jump_bps): (f64, f64),
    ) -> Self {
        self.character = Character {
            activity,
            nights,
            bursts,
            drift_bps_per_day,
            jumps_per_day,
            jump_bps,
        };
        self
    }

    fn build(&self) -> Option<MarketProduct> {
        Some(MarketProduct {
            id: ProductId::parse(self.id).ok()?,
            price: Decimal::new(self.price, self.decimals),
            price_decimals: self.decimals,
            size_decimals: 8,
            typical_size: Decimal::new(self.size_e8, 8),
            volatility_bps: self.volatility_bps,
            character: self.character,
        })
    }
}

impl Default for MarketConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            start: None,
            trades_per_second: 5.0,
            products: LIVELY.iter().filter_map(Preset::build).collect(),
        }
    }
}

impl MarketConfig {
    /// Six products as different as real ones: busy and sleepy, with days and nights, busy minutes,
    /// drift and jumps.
    pub fn realistic() -> Self {
        Self {
            products: REALISTIC.iter().filter_map(Preset::build).collect(),
            ..Self::default()
        }
    }
}
