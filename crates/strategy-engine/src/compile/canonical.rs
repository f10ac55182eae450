//! One order of operations for one meaning: what the nodes are called, how they are wired up in the
//! file, and whether the strategy was drawn or written makes no difference to the plan.

use sha2::{Digest as _, Sha256};

use crate::plan::{Op, OpId, PlanAction};

/// Identifies an operation by what it computes.
type Digest = [u8; 32];

/// Only what the actions need, each operation right after what it reads, in the order in which the
/// actions (by node id) come to need them. Alternatives and conjunctions read their conditions by
/// digest, because the order of the edges means nothing.
///
/// The second list tells what became of each operation: its new number, or none where no action
/// needs it.
pub(super) fn order(mut ops: Vec<Op>, actions: &mut [PlanAction]) -> (Vec<Op>, Vec<Option<OpId>>) {
    let digests = digests(&mut ops);
    for op in &mut ops {
        if let Op::All { inputs } | Op::Any { inputs } = op {
            inputs.sort_by_key(|input| digests[*input as usize]);
        }
    }
    let mut walk = Walk {
        numbers: vec![None; ops.len()],
        order: Vec::with_capacity(ops.len()),
    };
    for action in actions {
        action.trigger = walk.number(action.trigger, &ops);
        for id in action.terms.operands_mut() {
            *id = walk.number(*id, &ops);
        }
    }
    let Walk { numbers, order } = walk;
    let kept = order.into_iter().map(|index| {
        let mut op = ops[index].clone();
        for (operand, _) in op.operands_mut() {
            // What is read was numbered before.
            *operand = numbers[*operand as usize].unwrap_or_default();
        }
        op
    });
    (kept.collect(), numbers)
}

/// Each reads earlier ones only, so one pass is enough.
fn digests(ops: &mut [Op]) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::with_capacity(ops.len());
    for op in ops {
        let mut shape = op.clone();
        let mut read: Vec<Digest> = Vec::new();
        for (operand, _) in shape.operands_mut() {
            read.push(digests[*operand as usize]);
            *operand = 0;
        }
        if matches!(shape, Op::All { .. } | Op::Any { .. }) {
            read.sort_unstable();
        }
        let mut hasher = Sha256::new();
        // Neither the hasher nor an operation can fail to take part.
        let written = serde_json::to_writer(&mut hasher, &shape);
        debug_assert!(written.is_ok());
        read.iter().for_each(|digest| hasher.update(digest));
        digests.push(hasher.finalize().into());
    }
    digests
}

/// Goes to what is read first, without recursion, however deep that is.
struct Walk {
    /// The new number of each operation that has one.
    numbers: Vec<Option<OpId>>,
    /// The old numbers in the new order.
    order: Vec<usize>,
}

impl Walk {
    fn number(&mut self, id: OpId, ops: &[Op]) -> OpId {
        let mut open = vec![id as usize];
        while let Some(&index) = open.last() {
            if self.numbers[index].is_some() {
                open.pop();
                continue;
            }
            let operands = ops[index].operands();
            let missing = operands.iter().map(|(operand, _)| *operand as usize);
            let missing: Vec<usize> = missing.filter(|i| self.numbers[*i].is_none()).collect();
            if missing.is_empty() {
                self.numbers[index] = Some(self.order.len() as OpId);
                self.order.push(index);
                open.pop();
            } else {
                open.extend(missing.into_iter().rev());
            }
        }
        self.numbers[id as usize].unwrap_or_default()
    }
}
