//! Candles from the trades that came since the start, bounded.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use coinbase::Trade;
use coinbase::client::PastCandle;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ring::Ring;

/// Candles kept of each interval; the oldest go first. A symbol's nine intervals take 200 KB when
/// all are full.
pub const KEPT: usize = 1_000;

/// A candle's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, utoipa::ToSchema)]
pub enum Interval {
    /// One second.
    #[serde(rename = "1s")]
    OneSecond,
    /// Five seconds.
    #[serde(rename = "5s")]
    FiveSeconds,
    /// Fifteen seconds.
    #[serde(rename = "15s")]
    FifteenSeconds,
    /// One minute.
    #[default]
    #[serde(rename = "1m")]
    OneMinute,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// Fifteen minutes.
    #[serde(rename = "15m")]
    FifteenMinutes,
    /// One hour.
    #[serde(rename = "1h")]
    OneHour,
    /// Six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// One day.
    #[serde(rename = "1d")]
    OneDay,
}

/// Seconds of each interval, in the order of [`Interval`].
const SECONDS: [i64; 9] = [1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400];

impl Interval {
    /// Its length.
    pub fn seconds(self) -> i64 {
        SECONDS[self as usize]
    }

    /// Whether the exchange knows candles of this length.
    pub fn is_known_to_exchange(self) -> bool {
        self.seconds() >= 60
    }
}

/// What was traded within an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Candle {
    /// The interval's start, in seconds since 1970.
    pub time: i64,
    /// Price of the first trade.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    pub open: Decimal,
    /// The highest price.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    pub high: Decimal,
    /// The lowest price.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    pub low: Decimal,
    /// Price of the last trade.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    pub close: Decimal,
    /// Traded in all, in the base currency.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    pub volume: Decimal,
    /// Trades that are missing from it, because nobody has them; some may belong to later ones.
    #[serde(skip_serializing_if = "is_none")]
    pub missing: u64,
}

fn is_none(missing: &u64) -> bool {
    *missing == 0
}

impl From<PastCandle> for Candle {
    fn from(past: PastCandle) -> Self {
        Self {
            time: past.time,
            open: past.open,
            high: past.high,
            low: past.low,
            close: past.close,
            volume: past.volume,
            missing: 0,
        }
    }
}

impl Candle {
    fn of(time: i64, trade: &Trade, missing: u64) -> Self {
        Self {
            time,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.size,
            missing,
        }
    }

    fn add(&mut self, trade: &Trade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume = self.volume.saturating_add(trade.size);
    }
}

/// The candles of one symbol.
#[derive(Debug)]
pub struct Candles {
    series: [Ring<Candle>; SECONDS.len()],
    /// Trades that are missing before the first candle.
    missing: u64,
}

impl Default for Candles {
    fn default() -> Self {
        Self {
            series: [const { Ring::new(KEPT) }; SECONDS.len()],
            missing: 0,
        }
    }
}

impl Candles {
    /// Adds a trade to each interval.
    pub fn add(&mut self, trade: &Trade) {
        let time = epoch_seconds(trade.time);
        let missing = std::mem::take(&mut self.missing);
        for (series, seconds) in self.series.iter_mut().zip(SECONDS) {
            add_to(series, time - time.rem_euclid(seconds), trade, missing);
        }
    }

    /// Notes that trades are missing after the one of this time.
    pub fn gap(&mut self, after: DateTime<Utc>, missing: u64) {
        let time = epoch_seconds(after);
        let mut is_noted = false;
        for (series, seconds) in self.series.iter_mut().zip(SECONDS) {
            let start = time - time.rem_euclid(seconds);
            is_noted |= series.change(by_time(start), |candle| {
                candle.missing = candle.missing.saturating_add(missing);
            });
        }
        if !is_noted {
            self.missing = self.missing.saturating_add(missing);
        }
    }

    /// The newest `limit` candles, the oldest of them first.
    pub fn latest(&self, interval: Interval, limit: usize) -> Vec<Candle> {
        let series = self.series.get(interval as usize);
        series
            .map(|series| series.newest(limit))
            .unwrap_or_default()
    }
}

fn epoch_seconds(time: DateTime<Utc>) -> i64 {
    time.timestamp()
}

fn by_time(start: i64) -> impl Fn(&Candle) -> Ordering {
    move |candle| candle.time.cmp(&start)
}

fn add_to(series: &mut Ring<Candle>, start: i64, trade: &Trade, missing: u64) {
    match series.newest_mut() {
        Some(newest) if newest.time == start => newest.add(trade),
        // Times of one product run backwards now and then, by a little.
        Some(newest) if newest.time > start => add_late(series, start, trade),
        _ => series.push(Candle::of(start, trade, missing)),
    }
}

fn add_late(series: &mut Ring<Candle>, start: i64, trade: &Trade) {
    if !series.change(by_time(start), |candle| candle.add(trade)) {
        series.insert(Candle::of(start, trade, 0), by_time(start));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::book::tests::trade;

    fn at(seconds: i64, price: i64) -> Trade {
        let mut trade = trade("BTC-USD", 1, price);
        trade.time = DateTime::from_timestamp(seconds, 0).unwrap();
        trade
    }

    fn prices(candle: &Candle) -> [i64; 4] {
        [candle.open, candle.high, candle.low, candle.close]
            .map(|price| i64::try_from(price).unwrap())
    }

    #[test]
    fn trades_fall_into_their_intervals() {
        let mut candles = Candles::default();
        for (seconds, price) in [(60, 10), (61, 14), (64, 8), (65, 9), (119, 11), (120, 12)] {
            candles.add(&at(seconds, price));
        }
        let minutes = candles.latest(Interval::OneMinute, KEPT);
        assert_eq!(
            minutes.iter().map(|c| c.time).collect::<Vec<_>>(),
            [60, 120]
        );
        assert_eq!(prices(&minutes[0]), [10, 14, 8, 11]);
        assert_eq!(minutes[0].volume, at(60, 10).size * Decimal::from(5));
        let five = candles.latest(Interval::FiveSeconds, KEPT);
        assert_eq!(
            five.iter().map(|c| c.time).collect::<Vec<_>>(),
            [60, 65, 115, 120]
        );
        assert_eq!(candles.latest(Interval::OneSecond, KEPT).len(), 6);
        assert_eq!(candles.latest(Interval::OneHour, KEPT)[0].time, 0);
        assert_eq!(candles.latest(Interval::OneMinute, 1)[0].time, 120);
    }

    #[test]
    fn a_late_trade_goes_where_it_belongs() {
        let mut candles = Candles::default();
        for (seconds, price) in [(10, 1), (12, 2), (10, 5), (11, 3), (3, 4)] {
            candles.add(&at(seconds, price));
        }
        let seconds = candles.latest(Interval::OneSecond, KEPT);
        assert_eq!(
            seconds.iter().map(|c| c.time).collect::<Vec<_>>(),
            [3, 10, 11, 12]
        );
        assert_eq!(prices(&seconds[1]), [1, 5, 1, 5]);
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let mut candles = Candles::default();
        for second in 0..2_500 {
            candles.add(&at(second, 1));
        }
        let seconds = candles.latest(Interval::OneSecond, usize::MAX);
        assert_eq!((seconds.len(), seconds[0].time), (KEPT, 1_500));
        // Older than all that is kept, with no room: it is the first to go.
        candles.add(&at(0, 9));
        assert_eq!(candles.latest(Interval::OneSecond, usize::MAX), seconds);
    }

    #[test]
    fn gaps_are_noted_where_they_are() {
        let mut candles = Candles::default();
        // After a restart the trade before the gap has no candle.
        candles.gap(DateTime::from_timestamp(10, 0).unwrap(), 7);
        candles.add(&at(60, 1));
        candles.gap(at(60, 1).time, 3);
        candles.add(&at(125, 2));
        let missing = |interval| {
            let all = candles.latest(interval, KEPT);
            all.iter().map(|c| (c.time, c.missing)).collect::<Vec<_>>()
        };
        assert_eq!(missing(Interval::OneMinute), [(60, 10), (120, 0)]);
        assert_eq!(missing(Interval::OneDay), [(0, 10)]);
    }

    #[test]
    fn json_has_exact_numbers() {
        let json = serde_json::to_string(&Candle::of(60, &at(60, 7), 0)).unwrap();
        assert_eq!(
            json,
            r#"{"time":60,"open":7,"high":7,"low":7,"close":7,"volume":0.5}"#
        );
    }
}
