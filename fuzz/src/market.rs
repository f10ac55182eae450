//! Frames of the project's own random market.

use std::time::Duration;

use chrono::{DateTime, Utc};
use coinbase::market::{MarketConfig, MarketFrame, RandomMarket};

/// Frames of a market that is the same each time: of every type that it has.
pub fn frames(count: usize) -> Vec<MarketFrame> {
    let config = MarketConfig {
        start: Some(DateTime::<Utc>::UNIX_EPOCH + Duration::from_secs(1_767_571_200)),
        ..MarketConfig::default()
    };
    let market = RandomMarket::new(&config).expect("the default market is one");
    market.take(count).collect()
}
