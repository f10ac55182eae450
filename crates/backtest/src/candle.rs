//! Candles instead of trades: what a strategy sees of one, and what its orders meet.

use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use strategy_engine::Tick;

/// What was traded within an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// The interval's begin.
    pub time: DateTime<Utc>,
    /// Price of the first trade.
    pub open: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// The lowest price.
    pub low: Decimal,
    /// Price of the last trade.
    pub close: Decimal,
    /// Traded in all, in the base currency.
    pub volume: Decimal,
}

impl Candle {
    /// Trades that make just this candle: what a strategy sees of it.
    pub fn seen(&self) -> [Tick; 4] {
        let tick = |price, volume| Tick {
            time: self.time,
            price,
            volume,
            ..Tick::default()
        };
        [
            tick(self.open, self.volume),
            tick(self.high, Decimal::ZERO),
            tick(self.low, Decimal::ZERO),
            tick(self.close, Decimal::ZERO),
        ]
    }

    /// Trades that the candle may have been, for orders.
    pub(crate) fn path(&self, interval: NonZeroU32) -> Path {
        // Rounded down: what a share of the volume fills must have been traded.
        let volume = (self.volume / Decimal::from(STEPS)).trunc_with_scale(8);
        let step = i64::from(interval.get()) * 1_000_000 / i64::from(STEPS);
        let tick = |price, steps: i64| Tick {
            time: self
                .time
                .checked_add_signed(TimeDelta::microseconds(step * steps))
                .unwrap_or(self.time),
            price,
            volume,
            ..Tick::default()
        };
        let (high, low) = (tick(self.high, 2), tick(self.low, 4));
        Path {
            open: tick(self.open, 0),
            rest: [high, high, low, low, tick(self.close, 6)],
        }
    }
}

/// Trades that a candle is taken for: open, both extremes, and close. An order that one triggers is
/// filled at the next, so each comes twice; the volume is divided among them.
const STEPS: u32 = 7;

/// What orders meet within a candle.
pub(crate) struct Path {
    pub(crate) open: Tick,
    rest: [Tick; 5],
}

impl Path {
    /// In which order the extremes came nobody knows; the worse one is taken. Where something is
    /// held, the low comes first: a stop before a target. Where nothing is, the high: a stop that
    /// buys does so at the top and falls, and a limit that buys at the bottom has missed the rise.
    pub(crate) fn decide(&mut self, holds: bool) {
        if holds {
            let [high, _, low, _, _] = self.rest;
            for (index, price) in [low.price, low.price, high.price, high.price]
                .into_iter()
                .enumerate()
            {
                self.rest[index].price = price;
            }
        }
    }

    pub(crate) fn rest(&self) -> &[Tick] {
        &self.rest
    }
}
