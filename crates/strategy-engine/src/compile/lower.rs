//! From checked nodes to operations. The order depends on ids alone, not on the order in the file,
//! so that a strategy saved again is the same plan.

use std::collections::BTreeSet;

use super::graph::{Graph, Node};
use super::share::Ops;
use crate::diagnostic::{Diagnostic, Report};
use crate::node::{Field, NodeKind, ThresholdSpec, VolumeType};
use crate::plan::{Content, Op, OpId, PLAN_VERSION, Plan, PlanAction, PlanError, Real};

/// Lowers a graph without errors.
pub(super) fn lower(graph: &Graph, live: &[bool], report: &mut Report) -> Option<Plan> {
    let mut lowering = Lowering {
        graph,
        ops: Ops::default(),
        outputs: Vec::new(),
    };
    lowering.outputs.resize(graph.nodes.len(), [0, 0]);
    let mut actions = Vec::new();
    let mut taking_part = 0;
    for index in order(graph, live) {
        taking_part += 1;
        let node = &graph.nodes[index];
        match &node.kind {
            NodeKind::Action(_) => actions.extend(lowering.action(node, report)),
            _ => lowering.outputs[index] = lowering.node(node)?,
        }
    }
    actions.sort_by(|a, b| a.node.cmp(&b.node));
    let ops = lowering.ops.finish(&mut actions);
    match Plan::new(
        Content {
            version: PLAN_VERSION,
            ops,
            actions,
        },
        taking_part,
    ) {
        Ok(plan) => Some(plan),
        Err(problem) => {
            report.push(plan_problem(&problem));
            None
        }
    }
}

fn plan_problem(problem: &PlanError) -> Diagnostic {
    Diagnostic::error("plan_too_large", problem.to_string())
        .hint("use shorter periods or fewer indicators")
}

/// Topological; of several nodes that could come next, the one with the smallest id.
fn order(graph: &Graph, live: &[bool]) -> Vec<usize> {
    let successors = graph.successors();
    let mut entering: Vec<usize> = graph.predecessors().iter().map(Vec::len).collect();
    let key = |index: usize| (graph.nodes[index].id.as_str(), index);
    let mut open: BTreeSet<(&str, usize)> = (0..entering.len())
        .filter(|&index| entering[index] == 0)
        .map(key)
        .collect();
    let mut order = Vec::with_capacity(entering.len());
    while let Some((_, index)) = open.pop_first() {
        if live[index] {
            order.push(index);
        }
        for &next in &successors[index] {
            entering[next] -= 1;
            if entering[next] == 0 {
                open.insert(key(next));
            }
        }
    }
    order
}

struct Lowering<'a> {
    graph: &'a Graph,
    ops: Ops,
    /// For each node, the operation of each of its outputs (at most two).
    outputs: Vec<[OpId; 2]>,
}

impl Lowering<'_> {
    /// The operations of a node's outputs; none only for nodes that were refused before.
    fn node(&mut self, node: &Node) -> Option<[OpId; 2]> {
        if let NodeKind::Threshold(spec) = &node.kind {
            return self.threshold(node, *spec);
        }
        let op = match &node.kind {
            NodeKind::Market(field) => Op::Market { field: *field },
            NodeKind::Volume {
                volume_type,
                period,
            } => self.volume(*volume_type, *period),
            NodeKind::Constant(value) => Op::Number {
                value: Real::new(*value)?,
            },
            NodeKind::Label => Op::Number {
                value: Real::new(1.0)?,
            },
            NodeKind::Sma { period } => self.mean(self.input(node, 0)?, *period),
            NodeKind::Ema { period } => Op::Ema {
                input: self.input(node, 0)?,
                period: *period,
            },
            NodeKind::Rsi { period } => Op::Rsi {
                input: self.input(node, 0)?,
                period: *period,
            },
            NodeKind::Compare {
                comparison,
                operand,
            } => {
                let first = self.input(node, 0)?;
                let second = match self.input(node, 1) {
                    Some(wired) => wired,
                    None => {
                        let value = Real::new(operand.unwrap_or(0.0))?;
                        self.ops.add(Op::Number { value })
                    }
                };
                Op::Compare {
                    comparison: *comparison,
                    first,
                    second,
                }
            }
            NodeKind::Crossover(cross_type) => Op::Cross {
                cross_type: *cross_type,
                fast: self.input(node, 0)?,
                slow: self.input(node, 1)?,
            },
            NodeKind::And => Op::All {
                inputs: self.all_inputs(node),
            },
            NodeKind::Or => Op::Any {
                inputs: self.all_inputs(node),
            },
            NodeKind::Not => Op::Not {
                input: self.input(node, 0)?,
            },
            NodeKind::Threshold(_) | NodeKind::Action(_) | NodeKind::Opaque => return None,
        };
        let id = self.add(op);
        Some([id, id])
    }

    /// Adds an operation, or what it comes to if that is known already.
    fn add(&mut self, op: Op) -> OpId {
        let folded = fold(&op, &self.ops).map_or(op, |value| Op::Flag { value });
        match &folded {
            Op::All { inputs } | Op::Any { inputs } if inputs.len() == 1 => inputs[0],
            _ => self.ops.add(folded),
        }
    }

    fn input(&self, node: &Node, input: usize) -> Option<OpId> {
        let source = node.inputs.get(input)?.first()?;
        self.outputs[source.node].get(source.output).copied()
    }

    /// Every condition that enters, by its operation's number and each once.
    fn all_inputs(&self, node: &Node) -> Vec<OpId> {
        let sources = node.inputs.iter().flatten();
        let ids: BTreeSet<OpId> = sources
            .filter_map(|s| self.outputs[s.node].get(s.output))
            .copied()
            .collect();
        ids.into_iter().collect()
    }

    fn mean(&self, input: OpId, period: u32) -> Op {
        match self.ops.get(input) {
            Some(Op::Market { field }) => Op::MarketMean {
                field: *field,
                period,
            },
            _ => Op::Mean { input, period },
        }
    }

    fn volume(&mut self, volume_type: VolumeType, period: u32) -> Op {
        let field = Field::Volume;
        match volume_type {
            VolumeType::Raw => Op::Market { field },
            VolumeType::Sma => Op::MarketMean { field, period },
            VolumeType::Weighted => Op::Vwap { period },
            VolumeType::Ratio => Op::Ratio {
                dividend: self.ops.add(Op::Market { field }),
                divisor: self.ops.add(Op::MarketMean { field, period }),
            },
        }
    }

    fn threshold(&mut self, node: &Node, spec: ThresholdSpec) -> Option<[OpId; 2]> {
        let input = self.input(node, 0)?;
        let (on, off) = (Real::new(spec.above_on)?, Real::new(spec.above_off)?);
        let above = self.ops.add(Op::Above { input, on, off });
        let (on, off) = (Real::new(spec.below_on)?, Real::new(spec.below_off)?);
        Some([above, self.ops.add(Op::Below { input, on, off })])
    }

    fn action(&self, node: &Node, report: &mut Report) -> Option<PlanAction> {
        let NodeKind::Action(spec) = &node.kind else {
            return None;
        };
        let trigger = self.input(node, 0)?;
        if let Some(Op::Flag { value }) = self.ops.get(trigger) {
            let message = format!("the trigger is always {value}");
            let problem = Diagnostic::warning("condition_constant", message).node(&node.id);
            report.push(
                problem
                    .field("trigger-in")
                    .hint("compare with something that changes"),
            );
        }
        let source = node.inputs.first()?.first()?;
        Some(PlanAction {
            node: node.id.clone(),
            side: spec.side,
            quantity: spec.quantity,
            size_type: spec.size_type,
            repeat: spec.repeat,
            trigger,
            trigger_node: self.graph.nodes[source.node].id.clone(),
        })
    }
}

/// What a condition on constants comes to.
fn fold(op: &Op, ops: &Ops) -> Option<bool> {
    let number = |id: &OpId| match ops.get(*id) {
        Some(Op::Number { value }) => Some(value.get()),
        _ => None,
    };
    let flag = |id: &OpId| match ops.get(*id) {
        Some(Op::Flag { value }) => Some(*value),
        _ => None,
    };
    match op {
        Op::Compare {
            comparison,
            first,
            second,
        } => comparison.holds(number(first)?, number(second)?),
        Op::Not { input } => flag(input).map(|value| !value),
        Op::All { inputs } => {
            let values: Option<Vec<bool>> = inputs.iter().map(flag).collect();
            values.map(|values| values.into_iter().all(|value| value))
        }
        Op::Any { inputs } => {
            let values: Option<Vec<bool>> = inputs.iter().map(flag).collect();
            values.map(|values| values.into_iter().any(|value| value))
        }
        _ => None,
    }
}
