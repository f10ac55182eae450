//! Standard deviation over a window, without the cancellation that running sums of squares suffer.

use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// Count, mean and sum of squared differences from the mean of some values (Welford). Two of them
/// combine into that of all their values (Chan), and nothing is ever subtracted again.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    #[inline]
    fn with(self, value: f64) -> Self {
        let count = self.count + 1.0;
        let difference = value - self.mean;
        let mean = self.mean + difference / count;
        Self {
            count,
            mean,
            squares: self.squares + difference * (value - mean),
        }
    }

    #[inline]
    fn and(self, other: Self) -> Self {
        if other.count < 0.5 {
            return self;
        }
        let count = self.count + other.count;
        let difference = other.mean - self.mean;
        let share = other.count / count;
        Self {
            count,
            mean: self.mean + difference * share,
            squares: self.squares + other.squares + difference * difference * self.count * share,
        }
    }
}

/// Standard deviation of the population. Once a period the moments of each tail of the window are
/// taken; a value that leaves is then left out by going on to the next shorter tail.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Deviation {
    period: usize,
    ring: Vec<f64>,
    oldest: usize,
    /// Of the values from each place of the ring to its end, as they were when the ring began anew.
    tails: Vec<Moments>,
    /// Of the values since then.
    recent: Moments,
}

impl Deviation {
    pub(in crate::eval) fn new(period: u32) -> Self {
        let period = period as usize;
        Self {
            period,
            ring: Vec::with_capacity(period),
            oldest: 0,
            tails: Vec::with_capacity(period),
            recent: Moments::default(),
        }
    }

    fn take_tails(&mut self) {
        self.tails.resize(self.period, Moments::default());
        let mut tail = Moments::default();
        for index in (self.oldest..self.period).rev() {
            tail = tail.with(self.ring[index]);
            self.tails[index] = tail;
        }
    }

    /// The moments follow from the ring: those of the tails are taken over values that have not
    /// changed since, and those of the recent values in their order.
    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.oldest);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.oldest = input.ring(&mut self.ring, self.period)?;
        if self.ring.len() == self.period {
            self.take_tails();
        }
        let recent = self.ring[..self.oldest].iter();
        self.recent = recent.fold(Moments::default(), |moments, value| moments.with(*value));
        Ok(())
    }
}

impl Push for Deviation {
    #[inline]
    fn push(&mut self, [value, ..]: Inputs, _parts: &mut [f64]) -> f64 {
        if self.ring.len() < self.period {
            self.ring.push(value);
            if self.ring.len() < self.period {
                return f64::NAN;
            }
            self.take_tails();
        } else {
            self.ring[self.oldest] = value;
            self.recent = self.recent.with(value);
            self.oldest += 1;
            if self.oldest == self.period {
                self.oldest = 0;
                self.recent = Moments::default();
                self.take_tails();
            }
        }
        let all = self.tails[self.oldest].and(self.recent);
        (all.squares / all.count).max(0.0).sqrt()
    }
}
