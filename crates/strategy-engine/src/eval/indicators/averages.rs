//! Averages that weigh the newest values most, and what is made of them.

use super::{ALMOST_ZERO, Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// Exponential moving average, seeded with the simple average of the first `period` values.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Ema {
    period: u32,
    weight: f64,
    seen: u32,
    /// The sum of the seed's values, then the average.
    value: f64,
}

impl Ema {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self {
            period,
            weight: 2.0 / (f64::from(period) + 1.0),
            seen: 0,
            value: 0.0,
        }
    }

    #[inline]
    pub(in crate::eval) fn push(&mut self, input: f64) -> f64 {
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

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.count(self.seen as usize);
        out.real(self.value);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.seen = input.count(self.period as usize)? as u32;
        self.value = input.real()?;
        Ok(())
    }
}

/// Wilder's relative strength index, seeded with the plain averages of the first `period` changes.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Rsi {
    period: u32,
    changes: u32,
    last: f64,
    /// Sums while seeding, then the smoothed averages.
    gain: f64,
    loss: f64,
}

impl Rsi {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self {
            period,
            changes: 0,
            last: f64::NAN,
            gain: 0.0,
            loss: 0.0,
        }
    }

    #[inline]
    pub(in crate::eval) fn push(&mut self, input: f64) -> f64 {
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

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.count(self.changes as usize);
        [self.last, self.gain, self.loss]
            .into_iter()
            .for_each(|value| out.real(value));
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.changes = input.count(self.period as usize)? as u32;
        self.last = input.real()?;
        self.gain = input.real()?;
        self.loss = input.real()?;
        Ok(())
    }
}

impl Push for Ema {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        Self::push(self, value)
    }
}

impl Push for Rsi {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        Self::push(self, value)
    }
}

/// Linearly weighted average: the newest value weighs `period`, the oldest 1. Both sums are taken
/// afresh once a period, so that rounding errors can't pile up.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Wma {
    period: usize,
    ring: Vec<f64>,
    oldest: usize,
    sum: f64,
    weighted: f64,
}

impl Wma {
    pub(in crate::eval) fn new(period: u32) -> Self {
        let period = period as usize;
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
            sum: 0.0,
            weighted: 0.0,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.oldest);
        out.real(self.sum);
        out.real(self.weighted);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.ring, self.period)?;
        self.sum = input.real()?;
        self.weighted = input.real()?;
        Ok(())
    }
}

impl Push for Wma {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        if self.ring.len() < self.period {
            self.ring.push(value);
            self.sum += value;
            self.weighted += value * self.ring.len() as f64;
            if self.ring.len() < self.period {
                return f64::NAN;
            }
        } else {
            let slot = &mut self.ring[self.oldest];
            self.weighted += self.period as f64 * value - self.sum;
            self.sum += value - *slot;
            *slot = value;
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
                self.sum = self.ring.iter().sum();
                let weighted = self.ring.iter().zip(1_u32..);
                self.weighted = weighted
                    .map(|(value, weight)| value * f64::from(weight))
                    .sum();
            }
        }
        let period = self.period as f64;
        self.weighted / (period * (period + 1.0) / 2.0)
    }
}

/// Line, signal and histogram. As in TA-Lib, the fast average is seeded where the slow one is, and
/// nothing has a value before the signal has one.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Values that the fast average still leaves out.
    left_out: u32,
}

impl Macd {
    pub(in crate::eval) fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
            left_out: slow.saturating_sub(fast),
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.count(self.left_out as usize);
        [&self.fast, &self.slow, &self.signal]
            .into_iter()
            .for_each(|ema| ema.save(out));
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.left_out = input.count(self.left_out as usize)? as u32;
        self.fast.load(input)?;
        self.slow.load(input)?;
        self.signal.load(input)
    }
}

impl Push for Macd {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, parts: &mut [f64]) -> f64 {
        let slow = self.slow.push(value);
        let mut fast = f64::NAN;
        if self.left_out == 0 {
            fast = self.fast.push(value);
        } else {
            self.left_out -= 1;
        }
        let line = fast - slow;
        if line.is_nan() {
            return f64::NAN;
        }
        let signal = self.signal.push(line);
        if signal.is_nan() {
            return f64::NAN;
        }
        parts[0] = signal;
        parts[1] = line - signal;
        line
    }
}
