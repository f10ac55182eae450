//! The operations of a plan.

use serde::{Deserialize, Serialize};

use super::Real;
use crate::node::{Comparison, CrossType, Field};

/// Index of an operation in its plan.
pub type OpId = u32;

/// One operation: its operands are earlier operations, its result a number or a condition, and
/// either may have no value yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A constant number.
    Number {
        /// The number.
        value: Real,
    },
    /// A constant condition.
    Flag {
        /// Whether it holds.
        value: bool,
    },
    /// A figure of the market.
    Market {
        /// Which.
        field: Field,
    },
    /// Simple moving average of a figure of the market, from an exact sum.
    MarketMean {
        /// Which figure.
        field: Field,
        /// Evaluations in the window.
        period: u32,
    },
    /// Simple moving average of another operation.
    Mean {
        /// A number.
        input: OpId,
        /// Values in the window.
        period: u32,
    },
    /// Exponential moving average.
    Ema {
        /// A number.
        input: OpId,
        /// Values in the seed; the weight of a new value is 2 / (period + 1).
        period: u32,
    },
    /// Wilder's relative strength index, 0 to 100.
    Rsi {
        /// A number.
        input: OpId,
        /// Changes in the seed.
        period: u32,
    },
    /// Average price weighted by volume.
    Vwap {
        /// Evaluations in the window.
        period: u32,
    },
    /// One number divided by another; no value if the divisor is zero.
    Ratio {
        /// A number.
        dividend: OpId,
        /// A number.
        divisor: OpId,
    },
    /// A comparison of two numbers.
    Compare {
        /// How.
        comparison: Comparison,
        /// A number.
        first: OpId,
        /// A number.
        second: OpId,
    },
    /// A crossing of two numbers between the previous evaluation and this one.
    Cross {
        /// Which direction.
        cross_type: CrossType,
        /// A number.
        fast: OpId,
        /// A number.
        slow: OpId,
    },
    /// On above `on`, and then off again at or below `off`.
    Above {
        /// A number.
        input: OpId,
        /// Turns on above this.
        on: Real,
        /// Turns off at or below this.
        off: Real,
    },
    /// On below `on`, and then off again at or above `off`.
    Below {
        /// A number.
        input: OpId,
        /// Turns on below this.
        on: Real,
        /// Turns off at or above this.
        off: Real,
    },
    /// True if all conditions are.
    All {
        /// Conditions, at least one.
        inputs: Vec<OpId>,
    },
    /// True if any condition is.
    Any {
        /// Conditions, at least one.
        inputs: Vec<OpId>,
    },
    /// True if the condition isn't.
    Not {
        /// A condition.
        input: OpId,
    },
}

impl Op {
    /// Calls `visit` for each operand.
    pub(crate) fn operands(&self, mut visit: impl FnMut(OpId)) {
        match self {
            Self::Number { .. }
            | Self::Flag { .. }
            | Self::Market { .. }
            | Self::MarketMean { .. }
            | Self::Vwap { .. } => {}
            Self::Mean { input, .. }
            | Self::Ema { input, .. }
            | Self::Rsi { input, .. }
            | Self::Above { input, .. }
            | Self::Below { input, .. }
            | Self::Not { input } => visit(*input),
            Self::Ratio {
                dividend: a,
                divisor: b,
            }
            | Self::Compare {
                first: a,
                second: b,
                ..
            }
            | Self::Cross {
                fast: a, slow: b, ..
            } => {
                visit(*a);
                visit(*b);
            }
            Self::All { inputs } | Self::Any { inputs } => inputs.iter().copied().for_each(visit),
        }
    }

    /// Replaces each operand by what `renumber` gives for it.
    pub(crate) fn renumber(&mut self, renumber: impl Fn(OpId) -> OpId) {
        match self {
            Self::Number { .. }
            | Self::Flag { .. }
            | Self::Market { .. }
            | Self::MarketMean { .. }
            | Self::Vwap { .. } => {}
            Self::Mean { input, .. }
            | Self::Ema { input, .. }
            | Self::Rsi { input, .. }
            | Self::Above { input, .. }
            | Self::Below { input, .. }
            | Self::Not { input } => *input = renumber(*input),
            Self::Ratio {
                dividend: a,
                divisor: b,
            }
            | Self::Compare {
                first: a,
                second: b,
                ..
            }
            | Self::Cross {
                fast: a, slow: b, ..
            } => {
                *a = renumber(*a);
                *b = renumber(*b);
            }
            Self::All { inputs } | Self::Any { inputs } => {
                inputs
                    .iter_mut()
                    .for_each(|input| *input = renumber(*input));
            }
        }
    }

    /// Whether the result is a condition; else it is a number.
    pub(crate) fn is_condition(&self) -> bool {
        match self {
            Self::Number { .. }
            | Self::Market { .. }
            | Self::MarketMean { .. }
            | Self::Mean { .. }
            | Self::Ema { .. }
            | Self::Rsi { .. }
            | Self::Vwap { .. }
            | Self::Ratio { .. } => false,
            Self::Flag { .. }
            | Self::Compare { .. }
            | Self::Cross { .. }
            | Self::Above { .. }
            | Self::Below { .. }
            | Self::All { .. }
            | Self::Any { .. }
            | Self::Not { .. } => true,
        }
    }

    /// Whether the operands are conditions; else they are numbers.
    pub(crate) fn takes_conditions(&self) -> bool {
        matches!(self, Self::All { .. } | Self::Any { .. } | Self::Not { .. })
    }

    /// Evaluations that its window spans, if it has one.
    pub(crate) fn period(&self) -> Option<u32> {
        match self {
            Self::MarketMean { period, .. }
            | Self::Mean { period, .. }
            | Self::Ema { period, .. }
            | Self::Rsi { period, .. }
            | Self::Vwap { period } => Some(*period),
            _ => None,
        }
    }

    /// Values that it has to keep.
    pub(crate) fn window_values(&self) -> u64 {
        match self {
            Self::MarketMean { period, .. } | Self::Mean { period, .. } => u64::from(*period),
            Self::Vwap { period } => 2 * u64::from(*period),
            _ => 0,
        }
    }
}
