//! Commodity channel index.

use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};
use crate::eval::window::Ring;

/// The mean deviation takes a pass over the window at each evaluation, which is why its period is
/// limited more than others.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Cci {
    ring: Ring,
}

impl Cci {
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

impl Push for Cci {
    #[inline]
    fn push(&mut self, [high, low, close]: Inputs, _parts: &mut [f64]) -> f64 {
        // One price must stay itself to the last bit, which a sum of three may not.
        let typical = if high <= low {
            close
        } else {
            (high + low + close) / 3.0
        };
        self.ring.push(typical);
        let Some(values) = self.ring.full() else {
            return f64::NAN;
        };
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let deviation = values.iter().map(|value| (value - mean).abs()).sum::<f64>() / count;
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
