//! One product's stream of trades.

use chrono::{DateTime, Utc};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rust_decimal::Decimal;

use super::character::Mood;
use super::config::{MarketConfig, MarketProduct};
use super::price::Price;
use super::text::{self, DayStatistics};
use crate::products::ProductId;
use crate::trade::{Side, Trade};

/// A part of the trades follow the one before at once, as when an order takes several others.
const BURST_PART: f64 = 0.4;

/// How far apart trades of a burst are on average, relative to the mean of all.
const BURST_GAP: f64 = 0.02;

/// Where the generator of one product stands.
pub(super) struct ProductStream {
    config: MarketProduct,
    rng: Xoshiro256PlusPlus,
    price: Price,
    mood: Mood,
    /// Mean time from one trade to the next, in microseconds.
    mean_gap: f64,
    typical_size: f64,
    last: Trade,
    sequence: u64,
    day: DayStatistics,
    /// When the next trade comes, in microseconds since 1970.
    next_at: i64,
}

impl ProductStream {
    /// `index` tells products of one market apart.
    pub fn new(market: &MarketConfig, config: &MarketProduct, index: u64, start: i64) -> Self {
        // Far apart for neighbouring seeds: the generator mixes its seed by itself.
        let seed = market
            .seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(index);
        let start_steps = config.price_steps().unwrap_or_default();
        let size_steps = config.size_steps().unwrap_or_default();
        let start_price = Decimal::new(start_steps, config.price_decimals).normalize();
        // Milliseconds, so that ids of a market that is started later are larger.
        let start_id = u64::try_from(start / 1_000).unwrap_or_default();
        // Hundreds of times as many as trades, as in the full stream of a real product.
        let sequence = start_id.saturating_mul(100);
        let mut stream = Self {
            config: config.clone(),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            price: Price::new(start_steps as f64, config.volatility_bps),
            mood: Mood::new(config.character, seed, start),
            mean_gap: 1_000_000.0 / market.trades_per_second,
            typical_size: size_steps as f64,
            last: Trade {
                product_id: config.id,
                trade_id: start_id,
                sequence: Some(sequence),
                price: start_price,
                size: config.typical_size.normalize(),
                side: Some(Side::Buy),
                time: at(start),
                bid: None,
                ask: None,
            },
            sequence,
            day: DayStatistics::new(start_price, config.typical_size),
            next_at: start,
        };
        stream.plan_next();
        stream
    }

    pub fn next_at(&self) -> i64 {
        self.next_at
    }

    pub fn id(&self) -> ProductId {
        self.config.id
    }

    /// The `last_match` frame: the trade before the first.
    pub fn last_match(&mut self) -> String {
        let orders = self.order_ids();
        text::match_frame("last_match", &self.last, orders)
    }

    /// The `heartbeat` frame of this second.
    pub fn heartbeat(&mut self, now: i64) -> String {
        // Orders come and go between trades.
        self.sequence += self.rng.random_range(1..60_u64);
        text::heartbeat(self.config.id, self.last.trade_id, self.sequence, at(now))
    }

    /// The next trade, with its `ticker` and its `match`.
    pub fn trade(&mut self) -> (Trade, String, String) {
        let elapsed = self.next_at - self.last.time.timestamp_micros();
        let nudge = self.mood.nudge(elapsed);
        let moved = self.price.step(&nudge, &mut self.rng);
        let spread = i64::from(self.rng.random_range(1..4_u32));
        // Below 10^15 steps times four: exact.
        let bid = (moved.round() as i64).max(1);
        let ask = bid + spread;
        let side = if self.rng.random::<bool>() {
            Side::Buy
        } else {
            Side::Sell
        };
        let price = match side {
            Side::Buy => ask,
            Side::Sell => bid,
        };
        self.sequence += self.rng.random_range(2..1_369_u64);
        let trade = Trade {
            product_id: self.config.id,
            trade_id: self.last.trade_id + 1,
            sequence: Some(self.sequence),
            price: self.price_of(price),
            size: self.size(),
            side: Some(side),
            time: at(self.next_at),
            bid: Some(self.price_of(bid)),
            ask: Some(self.price_of(ask)),
        };
        self.last = trade;
        self.day.add(&trade);
        let depth = (self.size(), self.size());
        let ticker = text::ticker(&trade, &self.day, depth);
        let match_frame = text::match_frame("match", &trade, self.order_ids());
        self.plan_next();
        (trade, ticker, match_frame)
    }

    fn price_of(&self, steps: i64) -> Decimal {
        Decimal::new(steps, self.config.price_decimals).normalize()
    }

    /// Half of them below the typical size, one in fifty more than ten times as large.
    fn size(&mut self) -> Decimal {
        let uniform: f64 = self.rng.random();
        let steps = self.typical_size * 0.52 / (uniform + 0.02);
        Decimal::new((steps as i64).max(1), self.config.size_decimals).normalize()
    }

    fn plan_next(&mut self) {
        let mut uniform = || self.rng.random::<f64>();
        let in_burst = uniform() < BURST_PART;
        let gap = if in_burst {
            2.0 * BURST_GAP * self.mean_gap * uniform()
        } else {
            // So that the mean over both kinds is the mean asked for.
            let mean = (1.0 - BURST_PART * BURST_GAP) / (1.0 - BURST_PART) * self.mean_gap;
            mean * (uniform() + uniform())
        };
        let gap = gap / self.mood.pace(self.next_at);
        self.next_at = self.next_at.saturating_add((gap as i64).max(1));
    }

    fn order_ids(&mut self) -> [u128; 2] {
        [self.rng.random(), self.rng.random()]
    }
}

fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
