//! What a strategy gave at its last evaluation, for those who look at it.

use super::Evaluator;
use crate::compile::{Origin, Trace};

/// A value of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shown {
    /// A number.
    Number(f64),
    /// True or false.
    Condition(bool),
}

impl Evaluator {
    /// What the outputs of a graph's nodes gave, in the trace's order; none for no value. A trace of
    /// another plan has none at all.
    pub fn show(&self, trace: &Trace) -> Vec<Option<Shown>> {
        // Numbers of operations mean something in their own plan only.
        let same = **self.plan() == trace.plan;
        let outputs = trace.outputs.iter();
        outputs
            .map(|output| self.shown(output.origin).filter(|_| same))
            .collect()
    }

    fn shown(&self, origin: Origin) -> Option<Shown> {
        // A graph's figures are shown from the first evaluation on, its constants, too.
        if self.evaluations() == 0 {
            return None;
        }
        match origin {
            Origin::Op(op) => match self.condition(op) {
                Some(condition) => Some(Shown::Condition(condition)),
                None => self.number(op).map(Shown::Number),
            },
            Origin::Market(field) => self.market.shown(field).map(Shown::Number),
            Origin::Number(value) => Some(Shown::Number(value.get())),
            Origin::Flag(value) => Some(Shown::Condition(value)),
            Origin::Nowhere => None,
        }
    }
}
