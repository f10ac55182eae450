//! Keeps as much of a series as a picture can show, in bounded memory.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::run::Point;

/// Points that are kept at most; a picture is about half as many pixels wide.
const MOST: usize = 4_000;

/// The lowest and the highest of each stretch of a series; the stretches grow with it.
#[derive(Debug)]
pub(crate) struct Thin {
    points: Vec<Point>,
    /// Values that become two points.
    stretch: usize,
    seen: usize,
    low: Option<Point>,
    high: Option<Point>,
}

impl Default for Thin {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            stretch: 2,
            seen: 0,
            low: None,
            high: None,
        }
    }
}

/// As `<`, sooner for prices of one market, which have equally many decimals.
fn is_below(value: Decimal, other: Decimal) -> bool {
    match value.scale() == other.scale() {
        true => value.mantissa() < other.mantissa(),
        false => value < other,
    }
}

impl Thin {
    pub(crate) fn push(&mut self, time: DateTime<Utc>, value: Decimal) {
        let point = Point { time, value };
        if self.low.is_none_or(|low| is_below(value, low.value)) {
            self.low = Some(point);
        }
        if self.high.is_none_or(|high| !is_below(value, high.value)) {
            self.high = Some(point);
        }
        self.seen += 1;
        if self.seen >= self.stretch {
            self.close();
            if self.points.len() >= MOST {
                self.halve();
            }
        }
    }

    /// Ends a stretch.
    fn close(&mut self) {
        self.seen = 0;
        if let (Some(low), Some(high)) = (self.low.take(), self.high.take()) {
            let (first, second) = if low.time <= high.time {
                (low, high)
            } else {
                (high, low)
            };
            self.points.extend([first, second]);
        }
    }

    /// Makes one stretch of each two.
    fn halve(&mut self) {
        let before = std::mem::take(&mut self.points);
        for four in before.chunks(4) {
            let low = four.iter().min_by_key(|point| point.value);
            let high = four.iter().max_by_key(|point| point.value);
            if let (Some(low), Some(high)) = (low, high) {
                let (first, second) = if low.time <= high.time {
                    (low, high)
                } else {
                    (high, low)
                };
                self.points.extend([*first, *second]);
            }
        }
        self.stretch *= 2;
    }

    pub(crate) fn points(mut self) -> Vec<Point> {
        self.close();
        self.points.dedup();
        self.points
    }
}
