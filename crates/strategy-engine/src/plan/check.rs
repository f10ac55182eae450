//! What makes a plan safe to run, wherever it was stored in between.

use rust_decimal::Decimal;

use super::{Content, Op, OpId, PLAN_VERSION, PlanHash};
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
        let invalid_quantity = action.quantity <= Decimal::ZERO || too_much;
        if invalid_quantity || !trigger.is_some_and(Op::is_condition) {
            return Err(PlanError::Action(action.node.clone()));
        }
    }
    Ok(())
}

/// Each operation reads earlier ones of the type it takes, and its period is in range.
fn types(ops: &[Op]) -> Result<(), PlanError> {
    for (index, op) in ops.iter().enumerate() {
        let mut valid = op
            .period()
            .is_none_or(|period| (1..=MAX_PERIOD).contains(&period));
        let mut operands = 0;
        op.operands(|operand| {
            operands += 1;
            let earlier = ops
                .get(..index)
                .and_then(|before| before.get(operand as usize));
            valid &= earlier.is_some_and(|op_in| op_in.is_condition() == op.takes_conditions());
        });
        if let Op::All { .. } | Op::Any { .. } = op {
            valid &= operands > 0;
        }
        if !valid {
            return Err(PlanError::Op(index as OpId));
        }
    }
    Ok(())
}

/// Evaluations until every trigger has a value.
pub(super) fn warmup(content: &Content) -> u64 {
    let mut first_value: Vec<u64> = Vec::with_capacity(content.ops.len());
    for op in &content.ops {
        let mut operands = 1;
        op.operands(|operand| {
            operands = operands.max(first_value.get(operand as usize).copied().unwrap_or(1));
        });
        let own = match op {
            Op::Rsi { period, .. } => u64::from(*period),
            Op::Cross { .. } => 1,
            _ => op.period().map_or(0, |period| u64::from(period) - 1),
        };
        first_value.push(operands + own);
    }
    let triggers = content
        .actions
        .iter()
        .filter_map(|a| first_value.get(a.trigger as usize));
    triggers.copied().max().unwrap_or(0)
}
