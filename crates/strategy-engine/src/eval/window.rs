//! Averages over the last `period` values.

use super::codec::{CodecError, Reader, Writer};
use super::exact::{Unit, quotient};

/// Largest magnitude in a window. In the finest unit it is 10^32, and 10^37 summed over the longest
/// period: far from overflow.
const MAX_MAGNITUDE: u128 = 10_u128.pow(20);

/// The average of exact values: an integer sum, rounded once.
#[derive(Debug, Clone)]
pub(super) struct ExactWindow {
    period: usize,
    ring: Vec<i128>,
    /// Where the oldest value is, once the ring is full.
    oldest: usize,
    sum: i128,
    divisor: u128,
}

impl ExactWindow {
    pub(super) fn new(period: u32, unit: Unit) -> Self {
        let period = period as usize;
        let divisor = period as u128 * unit.per_one();
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
            sum: 0,
            divisor,
        }
    }

    /// Adds a value in units; the average, or NaN until there are `period` values.
    #[inline]
    pub(super) fn push(&mut self, value: i128) -> f64 {
        if self.ring.len() < self.period {
            self.ring.push(value);
            self.sum += value;
            if self.ring.len() < self.period {
                return f64::NAN;
            }
        } else {
            let slot = &mut self.ring[self.oldest];
            self.sum += value - *slot;
            *slot = value;
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
            }
        }
        quotient(self.sum, self.divisor)
    }

    /// Goes over to a finer unit.
    pub(super) fn refine(&mut self, factor: i128) {
        self.ring.iter_mut().for_each(|value| *value *= factor);
        self.sum *= factor;
        self.divisor *= factor.unsigned_abs();
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.count(self.ring.len());
        let (newer, older) = self.ring.split_at(self.oldest);
        older
            .iter()
            .chain(newer)
            .for_each(|value| out.integer(*value));
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        let length = input.count(self.period)?;
        let most = MAX_MAGNITUDE * (self.divisor / self.period as u128);
        self.ring.clear();
        for _ in 0..length {
            let value = input.integer()?;
            if value.unsigned_abs() > most {
                return Err(CodecError);
            }
            self.ring.push(value);
        }
        self.oldest = 0;
        self.sum = self.ring.iter().sum();
        Ok(())
    }
}

/// The last `period` numbers.
#[derive(Debug, Clone)]
pub(super) struct Ring {
    period: usize,
    values: Vec<f64>,
    /// Where the oldest is, once there are `period`.
    oldest: usize,
}

impl Ring {
    pub(super) fn new(period: u32) -> Self {
        let period = period as usize;
        Self {
            period,
            values: Vec::with_capacity(period),
            oldest: 0,
        }
    }

    /// Adds a number; gives the one that it replaces, once there are `period`.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        if self.values.len() < self.period {
            self.values.push(value);
            return None;
        }
        let oldest = std::mem::replace(&mut self.values[self.oldest], value);
        self.oldest += 1;
        if self.oldest == self.period {
            self.oldest = 0;
        }
        Some(oldest)
    }

    /// The numbers, once there are `period`; in no order.
    #[inline]
    pub(super) fn full(&self) -> Option<&[f64]> {
        (self.values.len() == self.period).then_some(&self.values)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.ring(&self.values, self.oldest);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.values, self.period)?;
        Ok(())
    }
}

/// The average of binary numbers. The running sum is taken afresh once a period, so that rounding
/// errors can't pile up.
#[derive(Debug, Clone)]
pub(super) struct FloatWindow {
    period: usize,
    ring: Vec<f64>,
    oldest: usize,
    sum: f64,
}

impl FloatWindow {
    pub(super) fn new(period: u32) -> Self {
        let period = period as usize;
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
            sum: 0.0,
        }
    }

    /// Adds a value; the average, or NaN until there are `period` values.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> f64 {
        if self.ring.len() < self.period {
            self.ring.push(value);
            self.sum += value;
            if self.ring.len() < self.period {
                return f64::NAN;
            }
        } else {
            let slot = &mut self.ring[self.oldest];
            self.sum += value - *slot;
            *slot = value;
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
                self.sum = self.ring.iter().sum();
            }
        }
        self.sum / self.period as f64
    }

    /// The place in the ring and the running sum are kept too: later rounding depends on them.
    pub(super) fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.oldest);
        out.real(self.sum);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.ring, self.period)?;
        self.sum = input.real()?;
        Ok(())
    }
}
