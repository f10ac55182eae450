//! Where each output of a graph's nodes comes from: what a picture of a running strategy shows.

use serde_json::Value;

use super::{lower, resolved};
use crate::diagnostic::Report;
use crate::node::{Field, ValueType};
use crate::plan::{Op, OpId, Plan, Real};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// An operation of the plan.
    Op(OpId),
    /// The market: what reads the figure does so by itself.
    Market(Field),
    /// It is always this number.
    Number(Real),
    /// It is always this condition.
    Flag(bool),
    /// No order depends on it, and nothing computes it.
    Nowhere,
}

impl Origin {
    /// Of an operation that the graph was lowered to, and that has a number if the plan has it.
    pub(super) fn of(op: Option<&Op>, number: Option<OpId>) -> Self {
        match (number, op) {
            (Some(id), _) => Self::Op(id),
            (None, Some(Op::Market { field })) => Self::Market(*field),
            (None, Some(Op::Number { value })) => Self::Number(*value),
            (None, Some(Op::Flag { value })) => Self::Flag(*value),
            (None, _) => Self::Nowhere,
        }
    }
}

/// An output that is a number or a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeOutput {
    /// The node's id.
    pub node: String,
    /// The handle, by its first name.
    pub output: &'static str,
    /// What its value is.
    pub origin: Origin,
}

/// A plan, and where the values of its graph's nodes come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The same as compiling the graph gives.
    pub plan: Plan,
    /// In the order of the graph's nodes and of their handles.
    pub outputs: Vec<NodeOutput>,
}

/// Compiles a graph and tells where each value of its nodes comes from; none if it doesn't compile.
pub fn trace(source: &Value) -> Option<Trace> {
    let found = resolved(source).ok()?;
    let mut report = Report::default();
    let lowered = lower::lower(&found.graph, &found.order, &found.bindings, &mut report)?;
    let mut outputs = Vec::new();
    for (node, origins) in found.graph.nodes.iter().zip(lowered.outputs) {
        for (index, output) in node.shape.outputs.iter().enumerate() {
            let is_value = matches!(output.value, ValueType::Number | ValueType::Condition);
            if let Some(name) = output.names.first()
                && is_value
            {
                outputs.push(NodeOutput {
                    node: node.id.clone(),
                    output: name,
                    origin: origins.get(index).copied().unwrap_or(Origin::Nowhere),
                });
            }
        }
    }
    Some(Trace {
        plan: lowered.plan,
        outputs,
    })
}
