//! Commodity channel index.

use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// The mean deviation takes a pass over the window at each evaluation, which is why its period is
/// limited more than others.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Cci {
    period: usize,
    ring: Vec<f64>,
    oldest: usize,
}

impl Cci {
    pub(in crate::eval) fn new(period: u32) -> Self {
        let period = period as usize;
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.oldest);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.ring, self.period)?;
        Ok(())
    }
}

impl Push for Cci {
    #[inline]
    fn push(&mut self, [high, low, close]: Inputs, _parts: &mut [f64]) -> f64 {
        // One price must stay itself to the last bit, which a sum of three may not.
        let typical = if high <= low {
            close
        } else {
            (high + low + close) / 3.0
        };
        if self.ring.len() < self.period {
            self.ring.push(typical);
            if self.ring.len() < self.period {
                return f64::NAN;
            }
        } else {
            self.ring[self.oldest] = typical;
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
            }
        }
        let count = self.period as f64;
        let mean = self.ring.iter().sum::<f64>() / count;
        let deviation = self
            .ring
            .iter()
            .map(|value| (value - mean).abs())
            .sum::<f64>()
            / count;
        let difference = typical - mean;
        // In a window of equal values both are what rounding left of zero.
        let noise = f64::EPSILON * mean.abs() * count;
        if deviation <= noise {
            0.0
        } else {
            difference / (0.015 * deviation)
        }
    }
}
