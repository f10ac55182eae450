//! What each input needs, and which nodes take part.

use super::graph::{Graph, Node, Source};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::node::{Input, NodeKind, Side, SizeSpec, StopDistance, Unwired, ValueType};

/// Checks that each input has as many edges as it takes, of the type that it takes.
pub(super) fn inputs(graph: &Graph, report: &mut Report) {
    for node in &graph.nodes {
        match &node.kind {
            NodeKind::And | NodeKind::Or => logic_inputs(node, report),
            NodeKind::Compare { operand, .. } => compare_inputs(node, *operand, report),
            _ => required(node, node.shape.inputs.len(), report),
        }
        wired_distance(node, report);
        for (index, (input, sources)) in node.shape.inputs.iter().zip(&node.inputs).enumerate() {
            // Beside the one condition of an action, sizes and exits may enter.
            let counted = sources.iter().filter(|source| {
                !matches!(node.kind, NodeKind::Action(_))
                    || graph.value_of(**source) == Some(ValueType::Condition)
            });
            let several = !input.many || matches!(node.kind, NodeKind::Action(_));
            if several && counted.clone().count() > 1 {
                let ids = counted.map(|s| quote(&graph.nodes[s.node].id)).take(5);
                let ids = ids.collect::<Vec<_>>().join(", ");
                let message = format!("`{}` takes one edge, but has {ids}", input.names[0]);
                report.push(
                    Diagnostic::error("input_multiple", message)
                        .node(&node.id)
                        .field(input.names[0])
                        .hint(
                            "remove all but one, or combine conditions with an andNode or orNode",
                        ),
                );
            }
            for source in sources {
                check_type(node, index, graph, *source, report);
            }
        }
    }
}

/// A distance that is a multiple of what is wired needs something wired, and the others don't.
fn wired_distance(node: &Node, report: &mut Report) {
    let needs = match &node.kind {
        NodeKind::StopLoss(stop) => matches!(stop.distance, StopDistance::Wired(_)),
        NodeKind::Size(size) => matches!(size, SizeSpec::PercentAtRisk { .. }),
        _ => return,
    };
    let (Some(input), wired) = (node.shape.inputs.get(1), is_wired(node, 1)) else {
        return;
    };
    if needs && !wired {
        report.push(missing(node, input));
    } else if wired && !needs {
        let message = "what enters this handle has no effect with the type that is chosen";
        let problem = Diagnostic::notice("edge_ignored", message).node(&node.id);
        report.push(problem.field(input.names[0]));
    }
}

fn missing(node: &Node, input: &Input) -> Diagnostic {
    let name = input.names[0];
    let what = input.value.map_or("a value", |value| value.name());
    Diagnostic::error("input_missing", format!("nothing is connected to `{name}`"))
        .node(&node.id)
        .field(name)
        .hint(format!("connect {what} to it"))
}

/// The first `count` inputs need an edge.
fn required(node: &Node, count: usize, report: &mut Report) {
    for (index, input) in node.shape.inputs.iter().enumerate().take(count) {
        if !is_wired(node, index) && input.unwired == Unwired::Required {
            report.push(missing(node, input));
        }
    }
}

/// Whether an edge enters, be it one whose other end was refused.
fn is_wired(node: &Node, input: usize) -> bool {
    let sources = node.inputs.get(input);
    let refused = node.refused.get(input).copied().unwrap_or(false);
    refused || sources.is_some_and(|sources| !sources.is_empty())
}

fn logic_inputs(node: &Node, report: &mut Report) {
    if node.refused.contains(&true) {
        return;
    }
    match node.inputs.iter().map(Vec::len).sum::<usize>() {
        0 => required(node, 1, report),
        1 => {
            let message = "only one condition is connected, and is passed on as it is";
            let problem = Diagnostic::warning("input_single", message).node(&node.id);
            report.push(problem.hint("connect another one, or remove the node"));
        }
        _ => {}
    }
}

/// In the older form, the second value is in `data.value`, and 0 where it isn't.
fn compare_inputs(node: &Node, operand: Option<f64>, report: &mut Report) {
    if is_wired(node, 1) || (operand.is_none() && !node.old_form) {
        return required(node, 2, report);
    }
    required(node, 1, report);
    let value = operand.unwrap_or(0.0);
    let message = format!("read as a comparison with {value}, as in files before 2025-08-27");
    report.push(
        Diagnostic::notice("import_old_form", message)
            .node(&node.id)
            .field("value"),
    );
}

/// Whether a value may enter an input that is of another type in the catalogue.
fn fits(node: &Node, input: usize, value: ValueType) -> bool {
    match (&node.kind, value) {
        (NodeKind::Action(action), ValueType::Exit) => action.side == Side::Sell,
        (NodeKind::Action(_), ValueType::Size) | (NodeKind::Or, ValueType::Exit) => true,
        (kind, ValueType::Order) => kind.is_term() && input == 0,
        _ => false,
    }
}

fn check_type(node: &Node, index: usize, graph: &Graph, source: Source, report: &mut Report) {
    let input = &node.shape.inputs[index];
    let (Some(wanted), Some(given)) = (input.value, graph.value_of(source)) else {
        return;
    };
    if given == wanted || fits(node, index, given) {
        return;
    }
    let hint = match (given, wanted) {
        (ValueType::Order, _) => {
            "an order leads to stopLossNode, takeProfitNode and positionSizeNode only: connect \
             what triggers it instead"
        }
        (ValueType::Size, _) => "a size leads to a buyNode only",
        (ValueType::Exit, _) => {
            "the exchange closes the position by itself: an exit leads to a sellNode only, \
             directly or through an orNode"
        }
        (_, ValueType::Condition) => {
            "compare it with something first: compareNode, thresholdNode or crossoverNode make \
             conditions of numbers"
        }
        _ => "connect the number that the condition was made from",
    };
    let name = input.names[0];
    let message = format!(
        "`{name}` takes {}, but {} gives {}",
        wanted.name(),
        quote(&graph.nodes[source.node].id),
        given.name()
    );
    report.push(
        Diagnostic::error("type_mismatch", message)
            .node(&node.id)
            .field(name)
            .hint(hint),
    );
}

/// The nodes that lead to an action; reports those that don't, and a graph without actions.
pub(super) fn live_nodes(graph: &Graph, report: &mut Report) -> Vec<bool> {
    let is_action = |node: &Node| matches!(node.kind, NodeKind::Action(_));
    // A refused node may well be an action: what leads to it isn't called unused as well.
    let is_end = |node: &Node| {
        is_action(node) || node.kind.is_term() || matches!(node.kind, NodeKind::Opaque)
    };
    let predecessors = graph.predecessors();
    let mut live: Vec<bool> = graph.nodes.iter().map(is_end).collect();
    let mut open: Vec<usize> = (0..live.len()).filter(|&index| live[index]).collect();
    while let Some(node) = open.pop() {
        for &earlier in &predecessors[node] {
            if !std::mem::replace(&mut live[earlier], true) {
                open.push(earlier);
            }
        }
    }
    if !graph.nodes.iter().any(is_action) {
        let problem = Diagnostic::error("no_action", "the graph has no buy or sell node");
        report.push(problem.hint("add a buyNode or sellNode and connect its trigger"));
        return live;
    }
    for (node, live) in graph.nodes.iter().zip(&live) {
        if !live && !matches!(node.kind, NodeKind::Label) {
            let message = "the node leads to no buy or sell node and is left out";
            let problem = Diagnostic::warning("node_unused", message).node(&node.id);
            report.push(problem.hint("connect it or remove it"));
        }
    }
    live
}
