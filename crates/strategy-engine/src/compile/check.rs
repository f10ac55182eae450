//! What each input needs, and which nodes take part.

use super::graph::{Graph, Node};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::node::{Input, NodeKind};

/// Checks that each input has as many edges as it takes, of the type that it takes.
pub(super) fn inputs(graph: &Graph, report: &mut Report) {
    for node in &graph.nodes {
        match &node.kind {
            NodeKind::And | NodeKind::Or => logic_inputs(node, report),
            NodeKind::Compare { operand, .. } => compare_inputs(node, *operand, report),
            _ => required(node, node.shape.inputs.len(), report),
        }
        for (input, sources) in node.shape.inputs.iter().zip(&node.inputs) {
            if sources.len() > 1 && !input.many {
                let ids = sources
                    .iter()
                    .map(|s| quote(&graph.nodes[s.node].id))
                    .take(5);
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
                check_type(
                    node,
                    input,
                    &graph.nodes[source.node],
                    source.output,
                    report,
                );
            }
        }
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
        if !is_wired(node, index) && input.value.is_some() {
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

fn check_type(node: &Node, input: &Input, from: &Node, output: usize, report: &mut Report) {
    let (Some(wanted), Some(output)) = (input.value, from.shape.outputs.get(output)) else {
        return;
    };
    if output.value == wanted {
        return;
    }
    let hint = match (output.value.name(), wanted.name()) {
        (given @ "an order", _) => {
            format!("{given} leads nowhere: connect what triggers it instead")
        }
        (_, "a condition") => "compare it with something first: compareNode, thresholdNode or \
                               crossoverNode make conditions of numbers"
            .to_owned(),
        _ => "connect the number that the condition was made from".to_owned(),
    };
    let name = input.names[0];
    let message = format!(
        "`{name}` takes {}, but {} gives {}",
        wanted.name(),
        quote(&from.id),
        output.value.name()
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
    let is_end = |node: &Node| is_action(node) || matches!(node.kind, NodeKind::Opaque);
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
