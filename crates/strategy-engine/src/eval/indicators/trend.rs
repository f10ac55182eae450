//! Wilder's indicators of volatility and direction, and what is made of them.

use super::{ALMOST_ZERO, Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// How far the price went, the gap from the last close included.
#[inline]
fn true_range(high: f64, low: f64, last_close: f64) -> f64 {
    let gap = (high - last_close).abs().max((low - last_close).abs());
    (high - low).max(gap)
}

/// Average true range: the mean of the first `period` ones, then smoothed.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Atr {
    period: u32,
    seen: u32,
    last_close: f64,
    /// The sum of the seed's ranges, then the average.
    value: f64,
}

impl Atr {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self {
            period,
            seen: 0,
            last_close: f64::NAN,
            value: 0.0,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.count(self.seen as usize);
        out.real(self.last_close);
        out.real(self.value);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.seen = input.count(self.period as usize)? as u32;
        self.last_close = input.real()?;
        self.value = input.real()?;
        Ok(())
    }

    #[inline]
    fn next(&mut self, [high, low, close]: Inputs) -> f64 {
        let last_close = std::mem::replace(&mut self.last_close, close);
        if last_close.is_nan() {
            return f64::NAN;
        }
        let range = true_range(high, low, last_close);
        let period = f64::from(self.period);
        if self.seen == self.period {
            self.value = (self.value * (period - 1.0) + range) / period;
            return self.value;
        }
        self.value += range;
        self.seen += 1;
        if self.seen < self.period {
            return f64::NAN;
        }
        self.value /= period;
        self.value
    }
}

impl Push for Atr {
    #[inline]
    fn push(&mut self, inputs: Inputs, _parts: &mut [f64]) -> f64 {
        self.next(inputs)
    }
}

/// Directional movement: ADX, +DI, -DI. Sums of `period - 1` moves are smoothed from then on; the
/// ADX begins with the mean of the first `period` directional indices.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Adx {
    period: u32,
    /// Evaluations after the first, up to twice the period.
    seen: u32,
    last: Inputs,
    plus: f64,
    minus: f64,
    range: f64,
    /// The sum of the seed's indices, then the average.
    value: f64,
}

impl Adx {
    pub(in crate::eval) fn new(period: u32) -> Self {
        Self {
            period,
            seen: 0,
            last: [f64::NAN; 3],
            plus: 0.0,
            minus: 0.0,
            range: 0.0,
            value: 0.0,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.count(self.seen as usize);
        let figures = [self.plus, self.minus, self.range, self.value];
        self.last
            .into_iter()
            .chain(figures)
            .for_each(|value| out.real(value));
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.seen = input.count(2 * self.period as usize)? as u32;
        for last in &mut self.last {
            *last = input.real()?;
        }
        self.plus = input.real()?;
        self.minus = input.real()?;
        self.range = input.real()?;
        self.value = input.real()?;
        Ok(())
    }
}

impl Push for Adx {
    #[inline]
    fn push(&mut self, inputs: Inputs, parts: &mut [f64]) -> f64 {
        let [high, low, _] = inputs;
        let [last_high, last_low, last_close] = std::mem::replace(&mut self.last, inputs);
        if last_close.is_nan() {
            return f64::NAN;
        }
        let (up, down) = (high - last_high, last_low - low);
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && up < down { down } else { 0.0 };
        let range = true_range(high, low, last_close);
        let period = f64::from(self.period);
        self.seen = (self.seen + 1).min(2 * self.period);
        if self.seen >= self.period {
            self.plus -= self.plus / period;
            self.minus -= self.minus / period;
            self.range -= self.range / period;
        }
        self.plus += plus;
        self.minus += minus;
        self.range += range;
        if self.seen < self.period {
            return f64::NAN;
        }
        let share = |part: f64| {
            if self.range.abs() < ALMOST_ZERO {
                0.0
            } else {
                100.0 * (part / self.range)
            }
        };
        let (plus, minus) = (share(self.plus), share(self.minus));
        parts[0] = plus;
        parts[1] = minus;
        let total = plus + minus;
        // Where nothing moved, the average stays as it is.
        let index = (total.abs() >= ALMOST_ZERO).then(|| 100.0 * ((plus - minus).abs() / total));
        if self.seen == 2 * self.period {
            if let Some(index) = index {
                self.value = (self.value * (period - 1.0) + index) / period;
            }
            return self.value;
        }
        self.value += index.unwrap_or(0.0);
        if self.seen < 2 * self.period - 1 {
            return f64::NAN;
        }
        self.value /= period;
        self.value
    }
}

/// Parabolic stop and reverse.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Sar {
    step: f64,
    maximum: f64,
    rising: bool,
    last_high: f64,
    last_low: f64,
    /// The stop of the next evaluation; NaN before the second.
    stop: f64,
    /// The furthest price of the present direction.
    furthest: f64,
    acceleration: f64,
}

impl Sar {
    pub(in crate::eval) fn new(step: f64, maximum: f64) -> Self {
        Self {
            step,
            maximum,
            rising: true,
            last_high: f64::NAN,
            last_low: f64::NAN,
            stop: f64::NAN,
            furthest: f64::NAN,
            acceleration: step,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        out.byte(u8::from(self.rising));
        let figures = [self.last_high, self.last_low, self.stop, self.furthest];
        figures.into_iter().for_each(|value| out.real(value));
        out.real(self.acceleration);
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.rising = input.condition()?.ok_or(CodecError)?;
        self.last_high = input.real()?;
        self.last_low = input.real()?;
        self.stop = input.real()?;
        self.furthest = input.real()?;
        self.acceleration = input.real()?;
        Ok(())
    }

    /// The stop never enters the range of this evaluation or of the one before.
    #[inline]
    fn clear_of(&self, stop: f64, (last_high, last_low): (f64, f64), high: f64, low: f64) -> f64 {
        if self.rising {
            stop.min(last_low).min(low)
        } else {
            stop.max(last_high).max(high)
        }
    }
}

impl Push for Sar {
    #[inline]
    fn push(&mut self, [high, low, _]: Inputs, _parts: &mut [f64]) -> f64 {
        let mut last = (self.last_high, self.last_low);
        self.last_high = high;
        self.last_low = low;
        if last.0.is_nan() {
            return f64::NAN;
        }
        if self.stop.is_nan() {
            // The first direction is that of the larger move; a tie counts as rising.
            let (up, down) = (high - last.0, last.1 - low);
            self.rising = !(down > 0.0 && up < down);
            (self.furthest, self.stop) = if self.rising {
                (high, last.1)
            } else {
                (low, last.0)
            };
            last = (high, low);
        }
        let reverses = if self.rising {
            low <= self.stop
        } else {
            high >= self.stop
        };
        let given;
        if reverses {
            self.rising = !self.rising;
            given = self.clear_of(self.furthest, last, high, low);
            self.acceleration = self.step;
            self.furthest = if self.rising { high } else { low };
            self.stop = given;
        } else {
            given = self.stop;
            let further = if self.rising {
                high > self.furthest
            } else {
                low < self.furthest
            };
            if further {
                self.furthest = if self.rising { high } else { low };
                self.acceleration = (self.acceleration + self.step).min(self.maximum);
            }
        }
        let next = self.stop + self.acceleration * (self.furthest - self.stop);
        self.stop = self.clear_of(next, last, high, low);
        given
    }
}

/// Supertrend: a band of average true ranges that only ever tightens until the close breaks it.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Supertrend {
    atr: Atr,
    multiplier: f64,
    rising: bool,
    /// NaN before the first value.
    upper: f64,
    lower: f64,
    last_close: f64,
}

impl Supertrend {
    pub(in crate::eval) fn new(period: u32, multiplier: f64) -> Self {
        Self {
            atr: Atr::new(period),
            multiplier,
            rising: false,
            upper: f64::NAN,
            lower: f64::NAN,
            last_close: f64::NAN,
        }
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.atr.save(out);
        out.byte(u8::from(self.rising));
        let figures = [self.upper, self.lower, self.last_close];
        figures.into_iter().for_each(|value| out.real(value));
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.atr.load(input)?;
        self.rising = input.condition()?.ok_or(CodecError)?;
        self.upper = input.real()?;
        self.lower = input.real()?;
        self.last_close = input.real()?;
        Ok(())
    }
}

impl Push for Supertrend {
    #[inline]
    fn push(&mut self, inputs: Inputs, parts: &mut [f64]) -> f64 {
        let [high, low, close] = inputs;
        let atr = self.atr.next(inputs);
        let last_close = std::mem::replace(&mut self.last_close, close);
        if atr.is_nan() {
            return f64::NAN;
        }
        let middle = (high + low) / 2.0;
        let upper = middle + self.multiplier * atr;
        let lower = middle - self.multiplier * atr;
        // Comparisons with the first evaluation's missing bands are false, and take the new ones.
        if !(upper >= self.upper && last_close <= self.upper) {
            self.upper = upper;
        }
        if !(lower <= self.lower && last_close >= self.lower) {
            self.lower = lower;
        }
        self.rising = if self.rising {
            close >= self.lower
        } else {
            close > self.upper
        };
        parts[0] = if self.rising { 1.0 } else { -1.0 };
        if self.rising { self.lower } else { self.upper }
    }
}
