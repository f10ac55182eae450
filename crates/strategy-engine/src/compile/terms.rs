//! Which order a stop, a target or a size belongs to, and what it makes of it.
//!
//! A node belongs to the action whose order enters it; a size also to the action that it leads to;
//! and where only a condition enters, to the buys that the same condition triggers.

use rust_decimal::Decimal;

use super::graph::{Graph, Node, Source};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::node::{ActionSpec, NodeKind, Side, SizeSpec, SizeType, StopDistance, ValueType};
use crate::plan::{Distance, OpId, OrderTerms, Sizing, SizingMethod, StopLoss, TakeProfit};

/// For each node that is an action, the nodes that belong to its order.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    of: Vec<Bound>,
}

/// The nodes of one order.
#[derive(Debug, Clone, Default)]
struct Bound {
    size: Option<usize>,
    stop: Option<usize>,
    target: Option<usize>,
}

/// Finds what belongs together, and reports what belongs nowhere.
pub(super) fn bind(graph: &Graph, report: &mut Report) -> Bindings {
    let mut bindings = Bindings {
        of: vec![Bound::default(); graph.nodes.len()],
    };
    for (index, node) in graph.nodes.iter().enumerate() {
        if !node.kind.is_term() {
            continue;
        }
        let actions = owners(graph, index);
        // What is not wired at all is reported as that.
        if actions.is_empty() && node.refused.first() != Some(&true) && !is_unwired(graph, index) {
            report.push(without_entry(node));
        }
        let mut conflict = None;
        for action in actions {
            let bound = &mut bindings.of[action];
            let place = match node.kind {
                NodeKind::StopLoss(_) => &mut bound.stop,
                NodeKind::TakeProfit(_) => &mut bound.target,
                _ => &mut bound.size,
            };
            if let Some(other) = place.replace(index) {
                conflict.get_or_insert((action, other));
            }
        }
        // Told once for each node, however many buys it shares.
        if let Some((action, other)) = conflict {
            let message = format!(
                "{} already has {}",
                quote(&graph.nodes[action].id),
                quote(&graph.nodes[other].id)
            );
            let problem = Diagnostic::error("terms_conflict", message).node(&node.id);
            report.push(problem.hint("remove one of the two nodes"));
        }
    }
    for bound in &bindings.of {
        let Some(target) = bound.target.map(|index| &graph.nodes[index]) else {
            continue;
        };
        if bound.stop.is_none() && is_risk_multiple(target) {
            let message = "the target is a multiple of the stop's distance, but there is no stop";
            let problem = Diagnostic::error("target_without_stop", message).node(&target.id);
            report.push(problem.hint("add a stopLossNode to the same buy"));
        }
    }
    exits(graph, report);
    bindings
}

fn without_entry(node: &Node) -> Diagnostic {
    Diagnostic::error("stop_without_entry", "the node belongs to no buy node")
        .node(&node.id)
        .field(node.shape.inputs[0].names[0])
        .hint("connect the `signal-out` of a buyNode to it, or the condition that triggers the buy")
}

fn is_risk_multiple(node: &Node) -> bool {
    let NodeKind::TakeProfit(target) = &node.kind else {
        return false;
    };
    let mut targets = target.targets.iter();
    targets.any(|(distance, _)| matches!(distance, StopDistance::Risk(_)))
}

fn is_unwired(graph: &Graph, index: usize) -> bool {
    graph.nodes[index].inputs.first().is_none_or(Vec::is_empty)
}

fn is_buy(node: &Node) -> bool {
    matches!(
        &node.kind,
        NodeKind::Action(ActionSpec {
            side: Side::Buy,
            ..
        })
    )
}

/// The condition that triggers an action: what enters it, or else what enters the size that does.
pub(super) fn trigger_of(graph: &Graph, action: &Node) -> Option<Source> {
    let sources = action.inputs.first()?;
    let of = |value: ValueType| {
        let mut sources = sources.iter().copied();
        sources.find(|source| graph.value_of(*source) == Some(value))
    };
    if let Some(condition) = of(ValueType::Condition) {
        return Some(condition);
    }
    let size = &graph.nodes[of(ValueType::Size)?.node];
    let entering = size.inputs.first()?.iter().copied();
    let mut conditions =
        entering.filter(|source| graph.value_of(*source) == Some(ValueType::Condition));
    conditions.next()
}

fn owners(graph: &Graph, index: usize) -> Vec<usize> {
    let node = &graph.nodes[index];
    let buys = || (0..graph.nodes.len()).filter(|&other| is_buy(&graph.nodes[other]));
    if matches!(node.kind, NodeKind::Size(_)) {
        let leads_to = |buy: &usize| {
            let mut sources = graph.nodes[*buy].inputs.iter().flatten();
            sources.any(|source| source.node == index)
        };
        let led: Vec<usize> = buys().filter(leads_to).collect();
        if !led.is_empty() {
            return led;
        }
    }
    let Some(source) = node.inputs.first().and_then(|sources| sources.first()) else {
        return Vec::new();
    };
    match graph.value_of(*source) {
        Some(ValueType::Order) if is_buy(&graph.nodes[source.node]) => vec![source.node],
        Some(ValueType::Condition) => buys()
            .filter(|&buy| trigger_of(graph, &graph.nodes[buy]) == Some(*source))
            .collect(),
        _ => Vec::new(),
    }
}

/// A stop or a target closes the position by itself. What it leads to can only be a sale of all of
/// it, which is that same order; anything else would never happen.
fn exits(graph: &Graph, report: &mut Report) {
    let successors = graph.successors();
    let is_exit =
        |node: &Node| matches!(node.kind, NodeKind::StopLoss(_) | NodeKind::TakeProfit(_));
    let mut open: Vec<usize> = (0..graph.nodes.len())
        .filter(|&index| is_exit(&graph.nodes[index]))
        .collect();
    let mut seen = vec![false; graph.nodes.len()];
    while let Some(index) = open.pop() {
        for &next in &successors[index] {
            if std::mem::replace(&mut seen[next], true) {
                continue;
            }
            let node = &graph.nodes[next];
            let message = match &node.kind {
                NodeKind::Or => {
                    open.push(next);
                    continue;
                }
                NodeKind::Action(action) if action.side == Side::Sell => {
                    let percent = action.size_type == SizeType::PercentOfPosition;
                    if percent && action.quantity == Decimal::ONE_HUNDRED {
                        continue;
                    }
                    "a stop or a target sells the whole position, but this node only part of it"
                }
                NodeKind::Opaque => continue,
                // The types of what it leads to don't fit, which is reported as that.
                _ if is_exit(&graph.nodes[index]) => continue,
                _ => "a stop or a target that was reached can only sell",
            };
            let problem = Diagnostic::error("exit_misplaced", message).node(&node.id);
            report.push(problem.hint("connect it to a sellNode of 100 percent of the position"));
        }
    }
}

impl Bindings {
    /// The nodes of an action's size, stop and target.
    pub(super) fn nodes(&self, action: usize) -> Vec<usize> {
        let bound = self.of.get(action);
        let places = bound.map(|bound| [bound.size, bound.stop, bound.target]);
        places.into_iter().flatten().flatten().collect()
    }

    /// The terms of an action's order, and the size if a node says one that needs no terms.
    /// `operand` gives the operation that enters an input of a node.
    pub(super) fn terms(
        &self,
        graph: &Graph,
        action: usize,
        operand: impl Fn(&Node, usize) -> Option<OpId>,
    ) -> Option<(OrderTerms, Option<(SizeType, Decimal)>)> {
        let NodeKind::Action(spec) = &graph.nodes[action].kind else {
            return None;
        };
        let mut terms = OrderTerms {
            kind: spec.kind,
            ..OrderTerms::default()
        };
        let bound = self.of.get(action)?;
        let node = |place: Option<usize>| place.map(|index| &graph.nodes[index]);
        if let Some(node) = node(bound.stop)
            && let NodeKind::StopLoss(stop) = &node.kind
        {
            terms.stop_loss = Some(StopLoss {
                node: node.id.clone(),
                distance: distance(stop.distance, operand(node, 1))?,
                trailing: stop.trailing,
            });
        }
        if let Some(node) = node(bound.target)
            && let NodeKind::TakeProfit(target) = &node.kind
        {
            for (far, portion) in &target.targets {
                terms.take_profit.push(TakeProfit {
                    node: node.id.clone(),
                    distance: distance(*far, None)?,
                    portion: *portion,
                });
            }
        }
        let mut size = None;
        if let Some(node) = node(bound.size)
            && let NodeKind::Size(spec) = &node.kind
        {
            let (method, most) = match *spec {
                SizeSpec::Units(units) => {
                    size = Some((SizeType::Units, units));
                    return Some((terms, size));
                }
                SizeSpec::Cash(amount) => {
                    size = Some((SizeType::CashAmount, amount));
                    return Some((terms, size));
                }
                SizeSpec::PercentOfEquity { percent, most } => {
                    (SizingMethod::PercentOfEquity(percent), most)
                }
                SizeSpec::PercentAtRisk { percent, most } => {
                    let wired = StopDistance::Wired(Decimal::ONE);
                    let distance = distance(wired, operand(node, 1))?;
                    (SizingMethod::PercentAtRisk { percent, distance }, most)
                }
                SizeSpec::AmountAtRisk {
                    amount,
                    stop_percent,
                } => {
                    let distance = Distance::Percent(stop_percent);
                    (SizingMethod::AmountAtRisk { amount, distance }, None)
                }
            };
            terms.sizing = Some(Sizing {
                node: node.id.clone(),
                method,
                most,
            });
        }
        Some((terms, size))
    }
}

fn distance(distance: StopDistance, wired: Option<OpId>) -> Option<Distance> {
    Some(match distance {
        StopDistance::Percent(percent) => Distance::Percent(percent),
        StopDistance::Amount(amount) => Distance::Amount(amount),
        StopDistance::Risk(ratio) => Distance::Risk(ratio),
        StopDistance::Wired(by) => Distance::Times { of: wired?, by },
    })
}
