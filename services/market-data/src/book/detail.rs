//! What the health page and the metrics tell of the products.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coinbase::{ProductId, Symbol};
use serde_json::{Value, json};

use super::Book;
use super::market::Market;

impl Book {
    fn carried(&self) -> impl Iterator<Item = (&ProductId, &Market)> {
        self.markets.iter().filter(|(_, market)| market.carried)
    }

    /// How long ago something was heard of each product that is carried; `None` for never.
    pub fn ages(&self, now: Instant) -> Vec<(ProductId, Option<Duration>)> {
        self.carried()
            .map(|(product, market)| {
                let age = market.heard.map(|heard| now.duration_since(heard));
                (*product, age)
            })
            .collect()
    }

    /// What the health page tells of the products whose frames stay malformed.
    pub fn malformed(&self, now: Instant) -> BTreeMap<Symbol, Value> {
        self.carried()
            .filter_map(|(product, market)| {
                Some((product.symbol(), market.legibility.detail(now)?))
            })
            .collect()
    }

    /// What the health page tells of each product that is carried.
    pub fn detail(&self, now: Instant) -> Value {
        let details: BTreeMap<String, Value> = self
            .carried()
            .map(|(product, market)| {
                let age = market.heard.map(|heard| now.duration_since(heard));
                let detail = json!({
                    "heard_seconds_ago": age.map(|age| age.as_millis() as f64 / 1e3),
                    "trades": market.latest.trades,
                    "gaps": market.latest.gaps,
                    "waiting": market.lane.held(),
                    "filling": market.lane.has_gap(),
                    "malformed_frames": market.legibility.frames(),
                });
                (product.symbol().to_string(), detail)
            })
            .collect();
        json!(details)
    }
}
