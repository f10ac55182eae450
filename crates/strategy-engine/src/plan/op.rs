//! The operations of a plan.

use serde::{Deserialize, Serialize};

use super::clock::{Anchor, ClockFigure, DayWindow, Span, Zone};
use super::{HoldingFigure, Real, Study};
use crate::node::{Comparison, CrossType, Field};

/// Index of an operation in its plan.
pub type OpId = u32;

/// What two numbers are combined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`; no value if `b` is zero
    Divide,
    /// The smaller.
    Min,
    /// The larger.
    Max,
}

impl Arithmetic {
    /// The result; infinite or NaN where there is none.
    #[inline]
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            // Unlike the methods of the same names, these give no value if either has none.
            Self::Min if a.is_nan() || b.is_nan() => f64::NAN,
            Self::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

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
    /// An indicator with a memory; its result is the first of its parts.
    Study {
        /// Which indicator.
        study: Study,
        /// Numbers, as many as the study takes.
        inputs: Vec<OpId>,
    },
    /// A further result of an indicator.
    Part {
        /// A study.
        of: OpId,
        /// Which of its parts; 0 is the study's own result.
        part: u8,
    },
    /// Average price weighted by volume over the last evaluations.
    Vwap {
        /// Evaluations in the window.
        period: u32,
    },
    /// Average price weighted by volume since the day or the week began.
    AnchoredVwap {
        /// Where it begins again.
        anchor: Anchor,
    },
    /// Two numbers combined; no value where the result isn't finite or is 1e20 or more.
    Arithmetic {
        /// How.
        operation: Arithmetic,
        /// A number.
        first: OpId,
        /// A number.
        second: OpId,
    },
    /// A number without its sign.
    Absolute {
        /// A number.
        input: OpId,
    },
    /// One of two numbers; no value if the condition or the chosen one has none.
    Choose {
        /// A condition.
        condition: OpId,
        /// A number, where the condition holds.
        then: OpId,
        /// A number, where it doesn't.
        otherwise: OpId,
    },
    /// A figure of the evaluation's time.
    Clock {
        /// Which.
        figure: ClockFigure,
        /// Whose clock.
        zone: Zone,
    },
    /// Whether the evaluation's time is in a part of the day on some days of the week.
    InWindow {
        /// The window.
        window: DayWindow,
        /// Whose clock.
        zone: Zone,
    },
    /// A figure of the position that the session holds.
    Holding {
        /// Which.
        figure: HoldingFigure,
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
    /// On from where the trigger becomes true until the span is over or the other condition holds.
    Hold {
        /// A condition.
        trigger: OpId,
        /// A condition that ends it, if there is one.
        until: Option<OpId>,
        /// How long it lasts, if that is limited.
        span: Option<Span>,
    },
    /// Lets a trigger through when it becomes true, and then none until the span is over.
    Cooldown {
        /// A condition.
        trigger: OpId,
        /// How long nothing more is let through.
        span: Span,
    },
}

impl Op {
    /// Each operand, with whether it has to be a condition.
    pub(crate) fn operands_mut(&mut self) -> Vec<(&mut OpId, bool)> {
        match self {
            Self::Number { .. }
            | Self::Flag { .. }
            | Self::Market { .. }
            | Self::MarketMean { .. }
            | Self::Vwap { .. }
            | Self::AnchoredVwap { .. }
            | Self::Clock { .. }
            | Self::Holding { .. }
            | Self::InWindow { .. } => Vec::new(),
            Self::Study { inputs, .. } => inputs.iter_mut().map(|id| (id, false)).collect(),
            Self::Part { of: input, .. }
            | Self::Absolute { input }
            | Self::Above { input, .. }
            | Self::Below { input, .. } => vec![(input, false)],
            Self::Arithmetic { first, second, .. } | Self::Compare { first, second, .. } => {
                vec![(first, false), (second, false)]
            }
            Self::Cross { fast, slow, .. } => vec![(fast, false), (slow, false)],
            Self::Choose {
                condition,
                then,
                otherwise,
            } => vec![(condition, true), (then, false), (otherwise, false)],
            Self::All { inputs } | Self::Any { inputs } => {
                inputs.iter_mut().map(|id| (id, true)).collect()
            }
            Self::Not { input } | Self::Cooldown { trigger: input, .. } => vec![(input, true)],
            Self::Hold { trigger, until, .. } => {
                let mut operands = vec![(trigger, true)];
                operands.extend(until.as_mut().map(|id| (id, true)));
                operands
            }
        }
    }

    /// As [`Self::operands_mut`], to look at only.
    pub(crate) fn operands(&self) -> Vec<(OpId, bool)> {
        let mut copy = self.clone();
        let operands = copy.operands_mut();
        operands.into_iter().map(|(id, kind)| (*id, kind)).collect()
    }

    /// Whether the result is a condition; else it is a number.
    pub(crate) fn is_condition(&self) -> bool {
        match self {
            Self::Number { .. }
            | Self::Market { .. }
            | Self::MarketMean { .. }
            | Self::Study { .. }
            | Self::Part { .. }
            | Self::Vwap { .. }
            | Self::AnchoredVwap { .. }
            | Self::Arithmetic { .. }
            | Self::Absolute { .. }
            | Self::Choose { .. }
            | Self::Clock { .. }
            | Self::Holding { .. } => false,
            Self::Flag { .. }
            | Self::InWindow { .. }
            | Self::Compare { .. }
            | Self::Cross { .. }
            | Self::Above { .. }
            | Self::Below { .. }
            | Self::All { .. }
            | Self::Any { .. }
            | Self::Not { .. }
            | Self::Hold { .. }
            | Self::Cooldown { .. } => true,
        }
    }

    /// Values that it has to keep.
    pub(crate) fn window_values(&self) -> u64 {
        match self {
            Self::MarketMean { period, .. } => u64::from(*period),
            Self::Vwap { period } => 2 * u64::from(*period),
            Self::Study { study, .. } => study.window_values(),
            _ => 0,
        }
    }

    /// Whether it looks at the time of the evaluation.
    pub(crate) fn reads_time(&self) -> bool {
        matches!(
            self,
            Self::AnchoredVwap { .. }
                | Self::Clock { .. }
                | Self::InWindow { .. }
                | Self::Hold { .. }
                | Self::Cooldown { .. }
        )
    }
}
