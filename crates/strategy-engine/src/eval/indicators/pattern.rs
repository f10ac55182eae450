//! Chart patterns, told from the last swings.

use super::swings::SwingFinder;
use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};
use crate::plan::Pattern;

/// Swings that a head with shoulders has.
const MOST_POINTS: usize = 5;

/// A top or a bottom. Values are mirrored for patterns that stand on their head, so that all are
/// told as patterns of tops.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: i64,
    value: f64,
    top: bool,
}

/// Keeps the last swings, tops and bottoms in turn, and looks whether they and the price make the
/// pattern.
#[derive(Debug, Clone)]
pub(in crate::eval) struct PatternFinder {
    shoulders: bool,
    /// 1, or -1 where the pattern stands on its head.
    side: f64,
    lookback: i64,
    wing: i64,
    tolerance: f64,
    swings: SwingFinder,
    seen: i64,
    /// Oldest first.
    points: Vec<Point>,
    /// Where the last top of the pattern last told of was.
    told: Option<i64>,
}

impl PatternFinder {
    pub(in crate::eval) fn new(pattern: Pattern, lookback: u32, wing: u32, tolerance: f64) -> Self {
        let upside_down = matches!(
            pattern,
            Pattern::DoubleBottom | Pattern::InverseHeadShoulders
        );
        Self {
            shoulders: matches!(
                pattern,
                Pattern::HeadShoulders | Pattern::InverseHeadShoulders
            ),
            side: if upside_down { -1.0 } else { 1.0 },
            lookback: i64::from(lookback),
            wing: i64::from(wing),
            tolerance,
            swings: SwingFinder::new(wing),
            seen: 0,
            points: Vec::with_capacity(MOST_POINTS),
            told: None,
        }
    }

    /// Of two tops (or bottoms) without a bottom (or top) between them, only the further counts.
    fn add(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if last.top == point.top => {
                let further = if point.top {
                    point.value >= last.value
                } else {
                    point.value <= last.value
                };
                if further {
                    *last = point;
                }
            }
            _ => {
                if self.points.len() == MOST_POINTS {
                    self.points.rotate_left(1);
                    self.points.pop();
                }
                self.points.push(point);
            }
        }
    }

    fn level(&self, a: Point, b: Point) -> bool {
        (a.value - b.value).abs() <= self.tolerance * a.value.abs().max(b.value.abs())
    }

    /// The pattern's first and last top if the price has just completed it.
    fn completed(&self, price: f64) -> Option<(Point, Point)> {
        match *self.points.as_slice() {
            [.., first, between, last] if !self.shoulders && last.top => {
                let stands_out = between.value < first.value && between.value < last.value;
                let holds = self.level(first, last) && stands_out && price < between.value;
                holds.then_some((first, last))
            }
            [first, low1, head, low2, last] if self.shoulders && last.top => {
                let stands_out = head.value > first.value && head.value > last.value;
                let slope = (low2.value - low1.value) / (low2.at - low1.at).max(1) as f64;
                let neckline = low2.value + slope * (self.seen - low2.at) as f64;
                let holds = self.level(first, last) && stands_out && price < neckline;
                holds.then_some((first, last))
            }
            _ => None,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.swings.save(out);
        out.position(self.seen);
        out.position_or_none(self.told);
        out.count(self.points.len());
        for point in &self.points {
            out.position(point.at);
            out.real(point.value);
            out.byte(u8::from(point.top));
        }
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.swings.load(input)?;
        self.seen = input.position()?;
        self.told = input.position_or_none()?;
        self.points.clear();
        for _ in 0..input.count(MOST_POINTS)? {
            self.points.push(Point {
                at: input.position()?,
                value: input.real()?,
                top: input.condition()?.ok_or(CodecError)?,
            });
        }
        Ok(())
    }
}

impl Push for PatternFinder {
    #[inline]
    fn push(&mut self, [price, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        let price = self.side * price;
        self.seen += 1;
        let Some(swing) = self.swings.next(price) else {
            return f64::NAN;
        };
        if swing.high || swing.low {
            self.add(Point {
                at: self.seen - self.wing,
                value: swing.value,
                top: swing.high,
            });
        }
        if let Some((first, last)) = self.completed(price)
            && self.told != Some(last.at)
            && self.seen - first.at <= self.lookback
        {
            self.told = Some(last.at);
            return 1.0;
        }
        0.0
    }
}
