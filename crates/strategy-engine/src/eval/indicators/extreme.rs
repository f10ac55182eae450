//! The highest and the lowest of the last values.

use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// Once a period the extreme of each tail of the window is taken, so that a value that leaves costs
/// no search for the next best.
#[derive(Debug, Clone)]
struct Extreme {
    period: usize,
    ring: Vec<f64>,
    oldest: usize,
    /// Of the values from each place of the ring to its end, as they were when the ring began anew.
    tails: Vec<f64>,
    /// Of the values since then; the value that any other beats where there are none.
    recent: f64,
    /// Which of two is kept.
    better: fn(f64, f64) -> f64,
    worst: f64,
}

impl Extreme {
    fn new(period: u32, better: fn(f64, f64) -> f64, worst: f64) -> Self {
        let period = period as usize;
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
            tails: Vec::with_capacity(period),
            recent: worst,
            better,
            worst,
        }
    }

    #[inline]
    fn push(&mut self, value: f64, better: impl Fn(f64, f64) -> f64) -> f64 {
        if self.ring.len() < self.period {
            self.ring.push(value);
            if self.ring.len() < self.period {
                return f64::NAN;
            }
            self.take_tails();
        } else {
            self.ring[self.oldest] = value;
            self.recent = better(self.recent, value);
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
                self.recent = self.worst;
                self.take_tails();
            }
        }
        better(self.tails[self.oldest], self.recent)
    }

    fn take_tails(&mut self) {
        self.tails.resize(self.period, self.worst);
        let mut tail = self.worst;
        for index in (self.oldest..self.period).rev() {
            tail = (self.better)(tail, self.ring[index]);
            self.tails[index] = tail;
        }
    }

    fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.oldest);
    }

    fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.ring, self.period)?;
        if self.ring.len() == self.period {
            self.take_tails();
        }
        let recent = self.ring[..self.oldest].iter().copied();
        self.recent = recent.fold(self.worst, self.better);
        Ok(())
    }
}

macro_rules! extreme {
    ($name:ident, $better:expr, $worst:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone)]
        pub(in crate::eval) struct $name(Extreme);

        impl $name {
            pub(in crate::eval) fn new(period: u32) -> Self {
                Self(Extreme::new(period, $better, $worst))
            }

            #[inline]
            pub(in crate::eval) fn next(&mut self, value: f64) -> f64 {
                self.0.push(value, $better)
            }

            pub(in crate::eval) fn save(&self, out: &mut Writer) {
                self.0.save(out);
            }

            pub(in crate::eval) fn load(
                &mut self,
                input: &mut Reader<'_>,
            ) -> Result<(), CodecError> {
                self.0.load(input)
            }
        }

        impl Push for $name {
            #[inline]
            fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
                self.next(value)
            }
        }
    };
}

extreme!(
    Highest,
    f64::max,
    f64::NEG_INFINITY,
    "The highest of the last `period` values."
);
extreme!(
    Lowest,
    f64::min,
    f64::INFINITY,
    "The lowest of the last `period` values."
);
