//! Which numbers an operation can give: what every evaluation will bear out, known beforehand.

use crate::node::Field;
use crate::plan::{Arithmetic, ClockFigure, HoldingFigure, Op, OpId, Study};

/// From `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

const ANY: Range = Range {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};
const NOT_NEGATIVE: Range = between(0.0, f64::INFINITY);

const fn between(low: f64, high: f64) -> Range {
    Range { low, high }
}

/// The range of each operation; that of conditions means nothing.
pub(super) fn ranges(ops: &[Op]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::with_capacity(ops.len());
    for op in ops {
        let of = |id: &OpId| ranges.get(*id as usize).copied().unwrap_or(ANY);
        let range = match op {
            Op::Number { value } => between(value.get(), value.get()),
            Op::Market { field } | Op::MarketMean { field, .. } => match field {
                Field::Open
                | Field::High
                | Field::Low
                | Field::Close
                | Field::Volume
                | Field::Bid
                | Field::Ask => NOT_NEGATIVE,
            },
            Op::Vwap { .. } | Op::AnchoredVwap { .. } => NOT_NEGATIVE,
            Op::Study { study, inputs } => {
                let first = inputs.first().map_or(ANY, of);
                study_range(*study, 0, first)
            }
            Op::Part { of: study, part } => match ops.get(*study as usize) {
                Some(Op::Study { study, .. }) => study_range(*study, *part, ANY),
                _ => ANY,
            },
            Op::Arithmetic {
                operation,
                first,
                second,
            } => combine(*operation, of(first), of(second)),
            Op::Absolute { input } => {
                let Range { low, high } = of(input);
                let least = if low > 0.0 { low } else { (-high).max(0.0) };
                between(least, low.abs().max(high.abs()))
            }
            Op::Choose {
                then, otherwise, ..
            } => {
                let (a, b) = (of(then), of(otherwise));
                between(a.low.min(b.low), a.high.max(b.high))
            }
            Op::Clock { figure, .. } => match figure {
                ClockFigure::Hour => between(0.0, 23.0),
                ClockFigure::Minute => between(0.0, 59.0),
                ClockFigure::DayOfWeek => between(0.0, 6.0),
                ClockFigure::Timestamp => ANY,
            },
            Op::Holding { figure } => match figure {
                HoldingFigure::Units
                | HoldingFigure::EntryPrice
                | HoldingFigure::Bars
                | HoldingFigure::Seconds => NOT_NEGATIVE,
                // No price is below 0, so no more can be lost than was paid.
                HoldingFigure::UnrealizedPercent => between(-100.0, f64::INFINITY),
                HoldingFigure::Unrealized | HoldingFigure::Realized => ANY,
            },
            _ => ANY,
        };
        ranges.push(range);
    }
    ranges
}

fn study_range(study: Study, part: u8, input: Range) -> Range {
    match study {
        Study::Mean { .. }
        | Study::Ema { .. }
        | Study::Wma { .. }
        | Study::Highest { .. }
        | Study::Lowest { .. }
        | Study::Lag { .. } => input,
        Study::StdDev { .. } | Study::Atr { .. } => NOT_NEGATIVE,
        Study::Rsi { .. } | Study::Stochastic { .. } | Study::Adx { .. } => between(0.0, 100.0),
        Study::WilliamsR { .. } => between(-100.0, 0.0),
        Study::Supertrend { .. } if part == 1 => between(-1.0, 1.0),
        Study::Divergence { .. } | Study::Pattern { .. } => between(0.0, 1.0),
        Study::Macd { .. }
        | Study::Cci { .. }
        | Study::Sar { .. }
        | Study::Supertrend { .. }
        | Study::Obv => ANY,
    }
}

fn combine(operation: Arithmetic, a: Range, b: Range) -> Range {
    match operation {
        Arithmetic::Add => between(a.low + b.low, a.high + b.high),
        Arithmetic::Subtract => between(a.low - b.high, a.high - b.low),
        Arithmetic::Min => between(a.low.min(b.low), a.high.min(b.high)),
        Arithmetic::Max => between(a.low.max(b.low), a.high.max(b.high)),
        Arithmetic::Multiply if a.low >= 0.0 && b.low >= 0.0 => NOT_NEGATIVE,
        Arithmetic::Divide if a.low >= 0.0 && b.low >= 0.0 => NOT_NEGATIVE,
        Arithmetic::Multiply | Arithmetic::Divide => ANY,
    }
}
