//! Indicators with a memory.

use serde::{Deserialize, Serialize};

use super::Real;
use crate::limits::{MAX_CCI_PERIOD, MAX_PERIOD};

/// A chart pattern that can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Two tops at one level, and a fall below the low between them.
    DoubleTop,
    /// Two bottoms at one level, and a rise above the high between them.
    DoubleBottom,
    /// A top between two lower ones at one level, and a fall below the line through the lows.
    HeadShoulders,
    /// The same upside down.
    InverseHeadShoulders,
}

/// An indicator. Its inputs are numbers; those marked (h, l, c) take high, low and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Study {
    /// Simple moving average of something else than a figure of the market.
    Mean {
        /// Values in the window.
        period: u32,
    },
    /// Exponential moving average, seeded with the mean of the first values.
    Ema {
        /// Values in the seed; the weight of a new value is 2 / (period + 1).
        period: u32,
    },
    /// Linearly weighted moving average.
    Wma {
        /// Values in the window.
        period: u32,
    },
    /// Standard deviation of the population.
    StdDev {
        /// Values in the window.
        period: u32,
    },
    /// Wilder's relative strength index, 0 to 100.
    Rsi {
        /// Changes in the seed.
        period: u32,
    },
    /// Moving average convergence / divergence: line, signal, histogram.
    Macd {
        /// Period of the fast average, at most that of the slow one.
        fast: u32,
        /// Period of the slow average.
        slow: u32,
        /// Period of the line's own average.
        signal: u32,
    },
    /// Highest of the last values.
    Highest {
        /// Values in the window.
        period: u32,
    },
    /// Lowest of the last values.
    Lowest {
        /// Values in the window.
        period: u32,
    },
    /// The value so many evaluations ago.
    Lag {
        /// How many.
        period: u32,
    },
    /// Slow stochastic oscillator (h, l, c): %K, %D.
    Stochastic {
        /// Evaluations in the range.
        k: u32,
        /// Averaged for %K.
        smooth: u32,
        /// Averaged for %D.
        d: u32,
    },
    /// Wilder's average true range (h, l, c).
    Atr {
        /// True ranges in the seed.
        period: u32,
    },
    /// Wilder's directional movement (h, l, c): ADX, +DI, -DI.
    Adx {
        /// Period, at least 2.
        period: u32,
    },
    /// Commodity channel index (h, l, c).
    Cci {
        /// Evaluations in the window.
        period: u32,
    },
    /// Williams %R (h, l, c), -100 to 0.
    WilliamsR {
        /// Evaluations in the range.
        period: u32,
    },
    /// Wilder's parabolic stop and reverse (high, low).
    Sar {
        /// By how much the acceleration grows, above 0.
        step: Real,
        /// Its limit, at least the step.
        maximum: Real,
    },
    /// Supertrend (h, l, c): the line, and 1 while it rises or -1 while it falls.
    Supertrend {
        /// Period of the average true range.
        period: u32,
        /// Distance of the bands in average true ranges, above 0.
        multiplier: Real,
    },
    /// On-balance volume (price, volume).
    Obv,
    /// Divergence of an indicator from the price (price, indicator): bullish, bearish; 1 or 0.
    Divergence {
        /// Most evaluations between two swings.
        lookback: u32,
        /// Values on each side that make a swing.
        wing: u32,
        /// Whether regular divergences count.
        regular: bool,
        /// Whether hidden divergences count.
        hidden: bool,
    },
    /// A chart pattern (price); 1 where it is completed, else 0.
    Pattern {
        /// Which.
        pattern: Pattern,
        /// Most evaluations from its first swing to its completion.
        lookback: u32,
        /// Values on each side that make a swing.
        wing: u32,
        /// By which fraction two equal levels may differ, 0 to 1.
        tolerance: Real,
    },
}

impl Study {
    /// How many numbers it takes.
    pub(crate) fn arity(self) -> usize {
        match self {
            Self::Mean { .. }
            | Self::Ema { .. }
            | Self::Wma { .. }
            | Self::StdDev { .. }
            | Self::Rsi { .. }
            | Self::Macd { .. }
            | Self::Highest { .. }
            | Self::Lowest { .. }
            | Self::Lag { .. }
            | Self::Pattern { .. } => 1,
            Self::Sar { .. } | Self::Obv | Self::Divergence { .. } => 2,
            Self::Stochastic { .. }
            | Self::Atr { .. }
            | Self::Adx { .. }
            | Self::Cci { .. }
            | Self::WilliamsR { .. }
            | Self::Supertrend { .. } => 3,
        }
    }

    /// How many results it has.
    pub(crate) fn parts(self) -> u8 {
        match self {
            Self::Macd { .. } | Self::Adx { .. } => 3,
            Self::Stochastic { .. } | Self::Supertrend { .. } | Self::Divergence { .. } => 2,
            _ => 1,
        }
    }

    /// Evaluations with all inputs after the first until a part has a value.
    pub(crate) fn warmup(self, part: u8) -> u64 {
        let sum = |periods: &[u32]| periods.iter().map(|period| u64::from(*period) - 1).sum();
        match self {
            Self::Mean { period }
            | Self::Ema { period }
            | Self::Wma { period }
            | Self::StdDev { period }
            | Self::Highest { period }
            | Self::Lowest { period }
            | Self::Cci { period }
            | Self::WilliamsR { period } => sum(&[period]),
            Self::Rsi { period }
            | Self::Lag { period }
            | Self::Atr { period }
            | Self::Supertrend { period, .. } => u64::from(period),
            Self::Macd { slow, signal, .. } => sum(&[slow, signal]),
            Self::Stochastic { k, smooth, d } => sum(&[k, smooth, d]),
            Self::Adx { period } if part == 0 => 2 * u64::from(period) - 1,
            Self::Adx { period } => u64::from(period),
            Self::Sar { .. } => 1,
            Self::Obv => 0,
            Self::Divergence { wing, .. } | Self::Pattern { wing, .. } => 2 * u64::from(wing),
        }
    }

    /// Values that it has to keep.
    pub(crate) fn window_values(self) -> u64 {
        match self {
            Self::Mean { period } | Self::Wma { period } | Self::Cci { period } => {
                u64::from(period)
            }
            Self::Lag { period } => u64::from(period) + 1,
            Self::Highest { period } | Self::Lowest { period } => 2 * u64::from(period),
            Self::StdDev { period } => 3 * u64::from(period),
            Self::WilliamsR { period } => 4 * u64::from(period),
            Self::Stochastic { k, smooth, d } => {
                4 * u64::from(k) + u64::from(smooth) + u64::from(d)
            }
            Self::Divergence { wing, .. } => 7 * (2 * u64::from(wing) + 1),
            Self::Pattern { wing, .. } => 5 * (2 * u64::from(wing) + 1),
            _ => 0,
        }
    }

    /// Whether all its figures are in range.
    pub(crate) fn is_valid(self) -> bool {
        let period = |period: u32| (1..=MAX_PERIOD).contains(&period);
        match self {
            Self::Mean { period: p }
            | Self::Ema { period: p }
            | Self::Wma { period: p }
            | Self::StdDev { period: p }
            | Self::Rsi { period: p }
            | Self::Highest { period: p }
            | Self::Lowest { period: p }
            | Self::Lag { period: p }
            | Self::Atr { period: p }
            | Self::WilliamsR { period: p } => period(p),
            Self::Adx { period: p } => period(p) && p >= 2,
            Self::Cci { period: p } => period(p) && p <= MAX_CCI_PERIOD,
            Self::Macd { fast, slow, signal } => {
                period(fast) && period(slow) && period(signal) && fast <= slow
            }
            Self::Stochastic { k, smooth, d } => period(k) && period(smooth) && period(d),
            Self::Sar { step, maximum } => step.get() > 0.0 && step.get() <= maximum.get(),
            Self::Supertrend {
                period: p,
                multiplier,
            } => period(p) && multiplier.get() > 0.0,
            Self::Obv => true,
            Self::Divergence { lookback, wing, .. } => period(lookback) && period(wing),
            Self::Pattern {
                lookback,
                wing,
                tolerance,
                ..
            } => period(lookback) && period(wing) && (0.0..=1.0).contains(&tolerance.get()),
        }
    }
}
