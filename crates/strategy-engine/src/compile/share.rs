//! Collects operations so that equal ones exist once, and drops those that nothing needs.

use std::collections::HashMap;

use crate::plan::{Op, OpId, PlanAction};

/// The operations so far.
#[derive(Debug, Default)]
pub(super) struct Ops {
    list: Vec<Op>,
    known: HashMap<Op, OpId>,
}

impl Ops {
    /// The operation's number: that of an equal one if there is one.
    pub(super) fn add(&mut self, op: Op) -> OpId {
        if let Some(id) = self.known.get(&op) {
            return *id;
        }
        let id = self.list.len() as OpId;
        self.known.insert(op.clone(), id);
        self.list.push(op);
        id
    }

    pub(super) fn get(&self, id: OpId) -> Option<&Op> {
        self.list.get(id as usize)
    }

    pub(super) fn list(&self) -> &[Op] {
        &self.list
    }

    /// Only what the actions need, renumbered in the same order.
    pub(super) fn finish(self, actions: &mut [PlanAction]) -> Vec<Op> {
        let mut needed = vec![false; self.list.len()];
        for action in actions.iter_mut() {
            needed[action.trigger as usize] = true;
            let read = action.terms.operands_mut();
            read.into_iter().for_each(|id| needed[*id as usize] = true);
        }
        for (index, op) in self.list.iter().enumerate().rev() {
            if needed[index] {
                for (operand, _) in op.operands() {
                    needed[operand as usize] = true;
                }
            }
        }
        let mut next = 0;
        let numbers: Vec<OpId> = needed
            .iter()
            .map(|&needed| {
                let number = next;
                next += OpId::from(needed);
                number
            })
            .collect();
        let renumber = |id: OpId| numbers[id as usize];
        for action in actions {
            action.trigger = renumber(action.trigger);
            let read = action.terms.operands_mut();
            read.into_iter().for_each(|id| *id = renumber(*id));
        }
        let kept = self
            .list
            .into_iter()
            .zip(needed)
            .filter(|(_, needed)| *needed);
        kept.map(|(mut op, _)| {
            let operands = op.operands_mut();
            operands.into_iter().for_each(|(id, _)| *id = renumber(*id));
            op
        })
        .collect()
    }
}
