//! Where the price is within its range, and small studies without a file of their own.

use super::extreme::{Highest, Lowest};
use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};
use crate::eval::window::{FloatWindow, Ring};

/// Highest high and lowest low of the last evaluations.
#[derive(Debug, Clone)]
struct Range {
    highest: Highest,
    lowest: Lowest,
}

impl Range {
    fn new(period: u32) -> Self {
        Self {
            highest: Highest::new(period),
            lowest: Lowest::new(period),
        }
    }

    #[inline]
    fn next(&mut self, high: f64, low: f64) -> (f64, f64) {
        (self.highest.next(high), self.lowest.next(low))
    }

    fn save(&self, out: &mut Writer) {
        self.highest.save(out);
        self.lowest.save(out);
    }

    fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.highest.load(input)?;
        self.lowest.load(input)
    }
}

/// %K and %D. As in TA-Lib, an empty range counts as 0, and %K has no value before %D has one.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Stochastic {
    range: Range,
    smooth: FloatWindow,
    average: FloatWindow,
}

impl Stochastic {
    pub(in crate::eval) fn new(k: u32, smooth: u32, d: u32) -> Self {
        Self {
            range: Range::new(k),
            smooth: FloatWindow::new(smooth),
            average: FloatWindow::new(d),
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.range.save(out);
        self.smooth.save(out);
        self.average.save(out);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.range.load(input)?;
        self.smooth.load(input)?;
        self.average.load(input)
    }
}

impl Push for Stochastic {
    #[inline]
    fn push(&mut self, [high, low, close]: Inputs, parts: &mut [f64]) -> f64 {
        let (highest, lowest) = self.range.next(high, low);
        let width = highest - lowest;
        if width.is_nan() {
            return f64::NAN;
        }
        let raw = if width > 0.0 {
            100.0 * ((close - lowest) / width)
        } else {
            0.0
        };
        let k = self.smooth.push(raw);
        if k.is_nan() {
            return f64::NAN;
        }
        let d = self.average.push(k);
        if d.is_nan() {
            return f64::NAN;
        }
        parts[0] = d;
        k
    }
}

/// Williams %R; 0 where the range is empty, as in TA-Lib.
#[derive(Debug, Clone)]
pub(in crate::eval) struct WilliamsR(Range);

impl WilliamsR {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self(Range::new(period))
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.0.save(out);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.0.load(input)
    }
}

impl Push for WilliamsR {
    #[inline]
    fn push(&mut self, [high, low, close]: Inputs, _parts: &mut [f64]) -> f64 {
        let (highest, lowest) = self.0.next(high, low);
        let width = highest - lowest;
        if width.is_nan() {
            f64::NAN
        } else if width > 0.0 {
            -100.0 * ((highest - close) / width)
        } else {
            0.0
        }
    }
}

/// The value `period` evaluations ago.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Lag {
    ring: Ring,
}

impl Lag {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self {
            ring: Ring::new(period),
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.ring.save(out);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.ring.load(input)
    }
}

impl Push for Lag {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        self.ring.push(value).unwrap_or(f64::NAN)
    }
}

/// On-balance volume: begins with the first volume, adds that of each rise and takes off that of
/// each fall, as in TA-Lib.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Obv {
    last: f64,
    total: f64,
}

impl Default for Obv {
    fn default() -> Self {
        Self {
            last: f64::NAN,
            total: 0.0,
        }
    }
}

impl Obv {
    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.real(self.last);
        out.real(self.total);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.last = input.real()?;
        self.total = input.real()?;
        Ok(())
    }
}

impl Push for Obv {
    #[inline]
    fn push(&mut self, [price, volume, _]: Inputs, _parts: &mut [f64]) -> f64 {
        if self.last.is_nan() || price > self.last {
            self.total += volume;
        } else if price < self.last {
            self.total -= volume;
        }
        self.last = price;
        self.total
    }
}
