//! What makes a plan safe to run, wherever it was stored in between.

use rust_decimal::Decimal;

use super::{Content, Op, OpId, PLAN_VERSION, PlanHash, Span};
use crate::limits::{MAX_PERIOD, MAX_WINDOW_VALUES};

/// A stored plan that must not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Made by another version of the compiler.
    #[error("plan version {0} is not {PLAN_VERSION}: compile the strategy again")]
    Version(u32),
    /// An operation reads one that isn't earlier, or of the wrong type, or is out of range.
    #[error("operation {0} of the plan is invalid")]
    Op(OpId),
    /// An action's trigger or quantity is invalid.
    #[error("the action of node {0} is invalid")]
    Action(String),
    /// The windows hold more values than allowed.
    #[error("the indicators' windows hold {0} values; the most is {MAX_WINDOW_VALUES}")]
    TooLarge(u64),
    /// The content isn't what was hashed.
    #[error("the plan's hash is {computed}, but {stored} was stored with it")]
    Hash {
        /// As stored.
        stored: PlanHash,
        /// As computed from the content.
        computed: PlanHash,
    },
}

/// Checks all that evaluation relies on.
pub(super) fn content(content: &Content) -> Result<(), PlanError> {
    if content.version != PLAN_VERSION {
        return Err(PlanError::Version(content.version));
    }
    types(&content.ops)?;
    let values: u64 = content.ops.iter().map(Op::window_values).sum();
    if values > MAX_WINDOW_VALUES {
        return Err(PlanError::TooLarge(values));
    }
    for action in &content.actions {
        let trigger = content.ops.get(action.trigger as usize);
        let too_much = action.size_type.is_percent() && action.quantity > Decimal::ONE_HUNDRED;
        let valid_quantity = action.quantity > Decimal::ZERO && !too_much;
        let mut terms = action.terms.clone();
        let valid_terms = terms.is_valid()
            && terms.operands_mut().into_iter().all(|id| {
                let op = content.ops.get(*id as usize);
                op.is_some_and(|op| !op.is_condition())
            });
        if !valid_quantity || !valid_terms || !trigger.is_some_and(Op::is_condition) {
            return Err(PlanError::Action(action.node.clone()));
        }
    }
    Ok(())
}

/// Each operation reads earlier ones of the type it takes, and its figures are in range.
fn types(ops: &[Op]) -> Result<(), PlanError> {
    for (index, op) in ops.iter().enumerate() {
        let before = ops.get(..index).unwrap_or_default();
        let operands = op.operands();
        let typed = operands.iter().all(|(id, condition)| {
            let earlier = before.get(*id as usize);
            earlier.is_some_and(|earlier| earlier.is_condition() == *condition)
        });
        if !typed || !figures_fit(op, operands.len(), before) {
            return Err(PlanError::Op(index as OpId));
        }
    }
    Ok(())
}

fn figures_fit(op: &Op, operands: usize, before: &[Op]) -> bool {
    let period_fits = |period: u32| (1..=MAX_PERIOD).contains(&period);
    match op {
        Op::MarketMean { period, .. } | Op::Vwap { period } => period_fits(*period),
        Op::Study { study, .. } => study.is_valid() && operands == study.arity(),
        Op::Part { of, part } => {
            let of = before.get(*of as usize);
            matches!(of, Some(Op::Study { study, .. }) if (1..study.parts()).contains(part))
        }
        Op::InWindow { window, .. } => window.is_valid(),
        Op::All { .. } | Op::Any { .. } => operands > 0,
        Op::Hold { span, .. } => span.is_none_or(Span::is_valid),
        Op::Cooldown { span, .. } => span.is_valid(),
        _ => true,
    }
}

/// Evaluations until every trigger, and what its order's terms read, has a value.
pub(super) fn warmup(content: &Content) -> u64 {
    let mut first_value: Vec<u64> = Vec::with_capacity(content.ops.len());
    for op in &content.ops {
        let latest = |op: &Op| {
            let operands = op.operands().into_iter();
            let firsts = operands.map(|(id, _)| first_value.get(id as usize).copied());
            firsts.flatten().max().unwrap_or(1)
        };
        let value = match op {
            Op::MarketMean { period, .. } | Op::Vwap { period } => u64::from(*period),
            Op::Study { study, .. } => latest(op) + study.warmup(0),
            Op::Part { of, part } => match content.ops.get(*of as usize) {
                Some(of @ Op::Study { study, .. }) => latest(of) + study.warmup(*part),
                _ => 1,
            },
            Op::Cross { .. } => latest(op) + 1,
            _ => latest(op),
        };
        first_value.push(value);
    }
    let read = content.actions.iter().flat_map(|action| {
        let mut terms = action.terms.clone();
        let distances = terms.operands_mut().into_iter().map(|id| *id);
        distances.chain([action.trigger]).collect::<Vec<_>>()
    });
    let firsts = read.filter_map(|id| first_value.get(id as usize).copied());
    firsts.max().unwrap_or(0)
}
