//! Indicators with a memory, as TA-Lib defines them.

use super::codec::{CodecError, Reader, Writer};
use super::exact::Unit;
use super::window::{ExactWindow, FloatWindow};

/// TA-Lib takes sums below this for zero.
const ALMOST_ZERO: f64 = 1e-14;

/// Exponential moving average, seeded with the simple average of the first `period` values.
#[derive(Debug, Clone)]
pub(super) struct Ema {
    period: u32,
    weight: f64,
    seen: u32,
    /// The sum of the seed's values, then the average.
    value: f64,
}

impl Ema {
    pub(super) fn new(period: u32) -> Self {
        Self {
            period,
            weight: 2.0 / (f64::from(period) + 1.0),
            seen: 0,
            value: 0.0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, input: f64) -> f64 {
        if self.seen == self.period {
            self.value += (input - self.value) * self.weight;
            return self.value;
        }
        self.value += input;
        self.seen += 1;
        if self.seen < self.period {
            return f64::NAN;
        }
        self.value /= f64::from(self.period);
        self.value
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.count(self.seen as usize);
        out.real(self.value);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.seen = input.count(self.period as usize)? as u32;
        self.value = input.real()?;
        Ok(())
    }
}

/// Wilder's relative strength index, seeded with the plain averages of the first `period` changes.
#[derive(Debug, Clone)]
pub(super) struct Rsi {
    period: u32,
    changes: u32,
    last: f64,
    /// Sums while seeding, then the smoothed averages.
    gain: f64,
    loss: f64,
}

impl Rsi {
    pub(super) fn new(period: u32) -> Self {
        Self {
            period,
            changes: 0,
            last: f64::NAN,
            gain: 0.0,
            loss: 0.0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, input: f64) -> f64 {
        let change = input - self.last;
        self.last = input;
        if change.is_nan() {
            return f64::NAN;
        }
        let (gain, loss) = if change < 0.0 {
            (0.0, -change)
        } else {
            (change, 0.0)
        };
        let period = f64::from(self.period);
        if self.changes == self.period {
            self.gain = (self.gain * (period - 1.0) + gain) / period;
            self.loss = (self.loss * (period - 1.0) + loss) / period;
        } else {
            self.gain += gain;
            self.loss += loss;
            self.changes += 1;
            if self.changes < self.period {
                return f64::NAN;
            }
            self.gain /= period;
            self.loss /= period;
        }
        let total = self.gain + self.loss;
        // A market that never moved has no strength; TA-Lib gives 0.
        if total < ALMOST_ZERO {
            0.0
        } else {
            100.0 * (self.gain / total)
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.count(self.changes as usize);
        [self.last, self.gain, self.loss]
            .into_iter()
            .for_each(|value| out.real(value));
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.changes = input.count(self.period as usize)? as u32;
        self.last = input.real()?;
        self.gain = input.real()?;
        self.loss = input.real()?;
        Ok(())
    }
}

/// Average price weighted by volume. The volume's sum is exact, so that no volume is exactly zero.
#[derive(Debug, Clone)]
pub(super) struct Vwap {
    turnover: FloatWindow,
    pub(super) volume: ExactWindow,
}

impl Vwap {
    pub(super) fn new(period: u32, volume_unit: Unit) -> Self {
        Self {
            turnover: FloatWindow::new(period),
            volume: ExactWindow::new(period, volume_unit),
        }
    }

    /// The mean turnover and the mean volume, which the caller divides.
    #[inline]
    pub(super) fn push(&mut self, price: f64, volume: f64, volume_units: i128) -> (f64, f64) {
        (
            self.turnover.push(price * volume),
            self.volume.push(volume_units),
        )
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.turnover.save(out);
        self.volume.save(out);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.turnover.load(input)?;
        self.volume.load(input)
    }
}
