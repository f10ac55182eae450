//! Swing highs and lows, and divergences between two of them.

use super::extreme::{Highest, Lowest};
use super::{Inputs, Push};
use crate::eval::codec::{CodecError, Reader, Writer};

/// Finds swings: a value is a swing high if none of the `wing` values before and after it is
/// higher, and the value right before it is lower. It is known `wing` values later.
#[derive(Debug, Clone)]
pub(super) struct SwingFinder {
    wing: usize,
    highest: Highest,
    lowest: Lowest,
    /// The last `wing + 2` values, so that the middle one and the one before it are there.
    ring: Vec<f64>,
    next: usize,
}

/// What the value in the middle of the window is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Swing {
    pub value: f64,
    pub high: bool,
    pub low: bool,
}

impl SwingFinder {
    pub(super) fn new(wing: u32) -> Self {
        let wing = wing as usize;
        let window = 2 * wing as u32 + 1;
        Self {
            wing,
            highest: Highest::new(window),
            lowest: Lowest::new(window),
            ring: Vec::with_capacity(wing + 2),
            next: 0,
        }
    }

    /// Takes a value; what the one `wing` values ago was, once that can be known.
    #[inline]
    pub(super) fn next(&mut self, value: f64) -> Option<Swing> {
        let size = self.wing + 2;
        if self.ring.len() < size {
            self.ring.push(value);
            self.next = 0;
        } else {
            self.ring[self.next] = value;
            self.next = (self.next + 1) % size;
        }
        let (highest, lowest) = (self.highest.next(value), self.lowest.next(value));
        if highest.is_nan() || self.ring.len() < size {
            return None;
        }
        // The oldest value of the full ring is the one before the middle.
        let before = self.ring[self.next];
        let middle = self.ring[(self.next + 1) % size];
        Some(Swing {
            value: middle,
            high: middle >= highest && before < middle,
            low: middle <= lowest && before > middle,
        })
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.ring(&self.ring, self.next);
        self.highest.save(out);
        self.lowest.save(out);
    }

    pub(super) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.next = input.ring(&mut self.ring, self.wing + 2)?;
        self.highest.load(input)?;
        self.lowest.load(input)
    }
}

/// A swing that was found: when, and what price and indicator were.
#[derive(Debug, Clone, Copy)]
struct Found {
    at: i64,
    price: f64,
    indicator: f64,
}

/// Whether price and indicator disagree between the last two swings on one side.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Divergence {
    lookback: i64,
    regular: bool,
    hidden: bool,
    swings: SwingFinder,
    /// The indicator's last `wing + 1` values: the oldest belongs to the swing.
    indicators: Vec<f64>,
    next: usize,
    seen: i64,
    last_high: Option<Found>,
    last_low: Option<Found>,
}

impl Divergence {
    pub(in crate::eval) fn new(lookback: u32, wing: u32, regular: bool, hidden: bool) -> Self {
        Self {
            lookback: i64::from(lookback),
            regular,
            hidden,
            swings: SwingFinder::new(wing),
            indicators: Vec::with_capacity(wing as usize + 1),
            next: 0,
            seen: 0,
            last_high: None,
            last_low: None,
        }
    }

    /// Whether the later swing diverges from the earlier; `side` is 1 for highs and -1 for lows.
    fn diverges(&self, earlier: Option<Found>, later: Found, side: f64) -> bool {
        let Some(earlier) = earlier else { return false };
        if later.at - earlier.at > self.lookback {
            return false;
        }
        let price = side * (later.price - earlier.price);
        let indicator = side * (later.indicator - earlier.indicator);
        let regular = self.regular && price > 0.0 && indicator < 0.0;
        let hidden = self.hidden && price < 0.0 && indicator > 0.0;
        regular || hidden
    }

    pub(in crate::eval) fn save(&self, out: &mut Writer) {
        self.swings.save(out);
        out.ring(&self.indicators, self.next);
        out.position(self.seen);
        for found in [self.last_high, self.last_low] {
            out.position_or_none(found.map(|found| found.at));
            if let Some(found) = found {
                out.real(found.price);
                out.real(found.indicator);
            }
        }
    }

    pub(in crate::eval) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), CodecError> {
        self.swings.load(input)?;
        self.next = input.ring(&mut self.indicators, self.swings.wing + 1)?;
        self.seen = input.position()?;
        for found in [&mut self.last_high, &mut self.last_low] {
            *found = match input.position_or_none()? {
                None => None,
                Some(at) => Some(Found {
                    at,
                    price: input.real()?,
                    indicator: input.real()?,
                }),
            };
        }
        Ok(())
    }
}

impl Push for Divergence {
    #[inline]
    fn push(&mut self, [price, indicator, _]: Inputs, parts: &mut [f64]) -> f64 {
        let size = self.swings.wing + 1;
        if self.indicators.len() < size {
            self.indicators.push(indicator);
        } else {
            self.indicators[self.next] = indicator;
            self.next = (self.next + 1) % size;
        }
        self.seen += 1;
        let Some(swing) = self.swings.next(price) else {
            return f64::NAN;
        };
        let found = Found {
            at: self.seen,
            price: swing.value,
            indicator: self.indicators[self.next],
        };
        let mut bullish = false;
        let mut bearish = false;
        if swing.low {
            let earlier = self.last_low.replace(found);
            bullish = self.diverges(earlier, found, -1.0);
        }
        if swing.high {
            let earlier = self.last_high.replace(found);
            bearish = self.diverges(earlier, found, 1.0);
        }
        parts[0] = f64::from(u8::from(bearish));
        f64::from(u8::from(bullish))
    }
}
