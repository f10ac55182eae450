//! From checked nodes to operations.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::canonical;
use super::graph::{Graph, Node};
use super::lints;
use super::share::Ops;
use super::terms::{Bindings, trigger_of};
use super::trace::Origin;
use crate::diagnostic::{Diagnostic, Report};
use crate::limits::MAX_VALUE;
use crate::node::{Field, NodeKind, SizeType, ThresholdSpec, Unwired, VolumeType};
use crate::plan::{
    Arithmetic, Content, HoldingFigure, Op, OpId, PLAN_VERSION, Plan, PlanAction, PlanError, Real,
    Study,
};

/// What a graph comes to.
pub(super) struct Lowered {
    pub(super) plan: Plan,
    /// For each node, where each of its outputs comes from.
    pub(super) outputs: Vec<Vec<Origin>>,
}

/// Lowers a graph without errors.
pub(super) fn lower(
    graph: &Graph,
    order: &[usize],
    bindings: &Bindings,
    report: &mut Report,
) -> Option<Lowered> {
    let mut lowering = Lowering {
        graph,
        ops: Ops::default(),
        outputs: vec![Vec::new(); graph.nodes.len()],
    };
    for &index in order {
        let node = &graph.nodes[index];
        if !matches!(node.kind, NodeKind::Action(_)) && !node.kind.is_term() {
            lowering.outputs[index] = lowering.node(node)?;
        }
    }
    let mut actions = Vec::new();
    for &index in order {
        let is_action = matches!(graph.nodes[index].kind, NodeKind::Action(_));
        if is_action && let Some(action) = lowering.action(index, bindings)? {
            actions.push(action);
        }
    }
    if actions.is_empty() {
        report.push(only_exits());
        return None;
    }
    actions.sort_by(|a, b| a.node.cmp(&b.node));
    lints::check(
        graph,
        lowering.ops.list(),
        &lowering.outputs,
        &actions,
        report,
    );
    let lowered = lowering.ops.into_list();
    let (ops, numbers) = canonical::order(lowered.clone(), &mut actions);
    let origin = |id: &OpId| {
        let index = *id as usize;
        Origin::of(lowered.get(index), numbers.get(index).copied().flatten())
    };
    let outputs = lowering.outputs.iter();
    let outputs = outputs
        .map(|ids| ids.iter().map(origin).collect())
        .collect();
    let content = Content {
        version: PLAN_VERSION,
        ops,
        actions,
        on_gap: graph.on_gap,
        warm_up: graph.warm_up,
    };
    match Plan::new(content, order.len() as u32) {
        Ok(plan) => {
            lints::warmup(&plan, report);
            Some(Lowered { plan, outputs })
        }
        Err(problem) => {
            report.push(plan_problem(&problem));
            None
        }
    }
}

fn only_exits() -> Diagnostic {
    Diagnostic::error(
        "no_action",
        "the graph has no buy or sell node with a trigger",
    )
    .hint("add a buyNode and connect its trigger")
}

fn plan_problem(problem: &PlanError) -> Diagnostic {
    Diagnostic::error("plan_too_large", problem.to_string())
        .hint("use shorter periods or fewer indicators")
}

/// Topological; of several nodes that could come next, the one with the smallest id.
pub(super) fn order(graph: &Graph, live: &[bool]) -> Vec<usize> {
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

pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    ops: Ops,
    /// For each node, the operation of each of its outputs; empty where nothing is computed, as
    /// where only exits lead to.
    outputs: Vec<Vec<OpId>>,
}

impl Lowering<'_> {
    /// The operations of a node's outputs; none only for nodes that were refused before.
    fn node(&mut self, node: &Node) -> Option<Vec<OpId>> {
        let op = match &node.kind {
            NodeKind::Threshold(spec) => return self.threshold(node, *spec),
            NodeKind::Position => {
                let figures = HoldingFigure::ALL.into_iter();
                return Some(
                    figures
                        .map(|figure| self.add(Op::Holding { figure }))
                        .collect(),
                );
            }
            NodeKind::Indicator(indicator) => return self.indicator(node, *indicator),
            NodeKind::Market(field) => Op::Market { field: *field },
            NodeKind::Volume {
                volume_type,
                period,
            } => self.volume(*volume_type, *period),
            NodeKind::AnchoredVwap(anchor) => Op::AnchoredVwap { anchor: *anchor },
            NodeKind::Constant(value) => Op::Number {
                value: Real::new(*value)?,
            },
            NodeKind::Label => Op::Number { value: Real::ONE },
            NodeKind::Spread { ratio } => {
                let operation = if *ratio {
                    Arithmetic::Divide
                } else {
                    Arithmetic::Subtract
                };
                Op::Arithmetic {
                    operation,
                    first: self.input(node, 1)?,
                    second: self.input(node, 0)?,
                }
            }
            NodeKind::Clock { figure, zone } => Op::Clock {
                figure: *figure,
                zone: zone.clone(),
            },
            NodeKind::Window { window, zone } => Op::InWindow {
                window: *window,
                zone: zone.clone(),
            },
            NodeKind::Math(operation) => Op::Arithmetic {
                operation: *operation,
                first: self.input(node, 0)?,
                second: self.input(node, 1)?,
            },
            NodeKind::Abs => Op::Absolute {
                input: self.input(node, 0)?,
            },
            NodeKind::If => Op::Choose {
                condition: self.input(node, 0)?,
                then: self.input(node, 1)?,
                otherwise: self.input(node, 2)?,
            },
            NodeKind::Compare {
                comparison,
                operand,
            } => {
                let first = self.input(node, 0)?;
                let second = match self.input(node, 1) {
                    Some(wired) => wired,
                    None => self.number(operand.unwrap_or(0.0))?,
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
            NodeKind::Or => {
                let inputs = self.all_inputs(node);
                if inputs.is_empty() {
                    return Some(Vec::new());
                }
                Op::Any { inputs }
            }
            NodeKind::Not => Op::Not {
                input: self.input(node, 0)?,
            },
            NodeKind::Hold(span) => Op::Hold {
                trigger: self.input(node, 0)?,
                until: self.input(node, 1),
                span: *span,
            },
            NodeKind::Cooldown(span) => Op::Cooldown {
                trigger: self.input(node, 0)?,
                span: *span,
            },
            NodeKind::Action(_)
            | NodeKind::StopLoss(_)
            | NodeKind::TakeProfit(_)
            | NodeKind::Size(_)
            | NodeKind::Opaque => return None,
        };
        Some(vec![self.add(op)])
    }

    /// Adds an operation, or what it comes to if that is known already.
    pub(super) fn add(&mut self, op: Op) -> OpId {
        if let Op::Choose {
            condition,
            then,
            otherwise,
        } = &op
            && let Some(Op::Flag { value }) = self.ops.get(*condition)
        {
            return if *value { *then } else { *otherwise };
        }
        match fold(&op, &self.ops).unwrap_or(op) {
            Op::All { inputs } | Op::Any { inputs } if inputs.len() == 1 => inputs[0],
            folded => self.ops.add(folded),
        }
    }

    pub(super) fn number(&mut self, value: f64) -> Option<OpId> {
        let value = Real::new(value)?;
        Some(self.ops.add(Op::Number { value }))
    }

    /// The operation that enters an input, or the market's figure that stands for it.
    pub(super) fn input(&mut self, node: &Node, input: usize) -> Option<OpId> {
        if let Some(wired) = self.wired(node, input) {
            return Some(wired);
        }
        match node.shape.inputs.get(input)?.unwired {
            Unwired::Market(field) => Some(self.ops.add(Op::Market { field })),
            _ => None,
        }
    }

    fn wired(&self, node: &Node, input: usize) -> Option<OpId> {
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

    /// A simple average: exact directly over a figure of the market.
    pub(super) fn mean(&mut self, input: OpId, period: u32) -> OpId {
        let op = match self.ops.get(input) {
            Some(Op::Market { field }) => Op::MarketMean {
                field: *field,
                period,
            },
            _ => Op::Study {
                study: Study::Mean { period },
                inputs: vec![input],
            },
        };
        self.add(op)
    }

    fn volume(&mut self, volume_type: VolumeType, period: u32) -> Op {
        let field = Field::Volume;
        match volume_type {
            VolumeType::Raw => Op::Market { field },
            VolumeType::Sma => Op::MarketMean { field, period },
            VolumeType::Weighted => Op::Vwap { period },
            VolumeType::Ratio => Op::Arithmetic {
                operation: Arithmetic::Divide,
                first: self.ops.add(Op::Market { field }),
                second: self.ops.add(Op::MarketMean { field, period }),
            },
        }
    }

    fn threshold(&mut self, node: &Node, spec: ThresholdSpec) -> Option<Vec<OpId>> {
        let input = self.input(node, 0)?;
        let (on, off) = (
            Real::new(spec.upper)?,
            Real::new(spec.upper - spec.hysteresis)?,
        );
        let above = self.ops.add(Op::Above { input, on, off });
        let (on, off) = (
            Real::new(spec.lower)?,
            Real::new(spec.lower + spec.hysteresis)?,
        );
        Some(vec![above, self.ops.add(Op::Below { input, on, off })])
    }

    /// The action; none inside if a stop or a target is all that triggers it, which the exchange
    /// does by itself.
    fn action(&self, index: usize, bindings: &Bindings) -> Option<Option<PlanAction>> {
        let node = &self.graph.nodes[index];
        let NodeKind::Action(spec) = &node.kind else {
            return None;
        };
        let Some(source) = trigger_of(self.graph, node) else {
            return Some(None);
        };
        let Some(&trigger) = self.outputs[source.node].get(source.output) else {
            return Some(None);
        };
        let operand = |node: &Node, input: usize| self.wired(node, input);
        let (terms, size) = bindings.terms(self.graph, index, operand)?;
        // A size of its own takes the place of the action's, which then means nothing.
        let own = match terms.sizing {
            Some(_) => (SizeType::PercentOfCash, Decimal::ONE_HUNDRED),
            None => (spec.size_type, spec.quantity),
        };
        let (size_type, quantity) = size.unwrap_or(own);
        Some(Some(PlanAction {
            node: node.id.clone(),
            side: spec.side,
            quantity,
            size_type,
            repeat: spec.repeat,
            trigger,
            terms,
        }))
    }
}

/// What an operation on constants comes to.
fn fold(op: &Op, ops: &Ops) -> Option<Op> {
    let number = |id: &OpId| match ops.get(*id) {
        Some(Op::Number { value }) => Some(value.get()),
        _ => None,
    };
    let flag = |id: &OpId| match ops.get(*id) {
        Some(Op::Flag { value }) => Some(*value),
        _ => None,
    };
    let as_flag = |value: bool| Op::Flag { value };
    match op {
        Op::Compare {
            comparison,
            first,
            second,
        } => comparison
            .holds(number(first)?, number(second)?)
            .map(as_flag),
        Op::Arithmetic {
            operation,
            first,
            second,
        } => {
            let result = operation.apply(number(first)?, number(second)?);
            // What has no result has none at each evaluation, and is counted there.
            let value = Real::new(result).filter(|value| value.get().abs() < MAX_VALUE)?;
            Some(Op::Number { value })
        }
        Op::Absolute { input } => {
            let value = Real::new(number(input)?.abs())?;
            Some(Op::Number { value })
        }
        Op::Not { input } => flag(input).map(|value| as_flag(!value)),
        Op::All { inputs } => {
            let values: Option<Vec<bool>> = inputs.iter().map(flag).collect();
            values.map(|values| as_flag(values.into_iter().all(|value| value)))
        }
        Op::Any { inputs } => {
            let values: Option<Vec<bool>> = inputs.iter().map(flag).collect();
            values.map(|values| as_flag(values.into_iter().any(|value| value)))
        }
        _ => None,
    }
}
