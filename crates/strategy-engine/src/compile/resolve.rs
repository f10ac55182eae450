//! Looks up node types, reads their data, and finds the handles that edges mean.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Node, Source};
use crate::diagnostic::{Diagnostic, Report, quote};
use crate::import::{Fields, RawEdge, RawGraph, RawNode};
use crate::node::{Context, NodeKind, Refusal, ValueType, find, names, opaque, parse, time_window};

/// Handles by which only the platform's runtime leaves a threshold node.
const RUNTIME_OUTPUTS: [&str; 2] = ["above-out", "below-out"];
/// Handles of compare nodes from before 2025-08-27.
const OLD_INPUTS: [&str; 2] = ["value-in", "compare-in"];

pub(super) fn resolve(raw: RawGraph, report: &mut Report) -> Graph {
    let imported = raw.nodes.iter().any(is_imported_action);
    let runtime_sources: HashSet<&str> = raw
        .edges
        .iter()
        .filter(|edge| {
            edge.source_handle
                .as_deref()
                .is_some_and(|name| RUNTIME_OUTPUTS.contains(&name))
        })
        .map(|edge| edge.source.as_str())
        .collect();

    let feeds_number = sources_of_numbers(&raw);

    let mut nodes = Vec::with_capacity(raw.nodes.len());
    let mut index: HashMap<&str, usize> = HashMap::with_capacity(raw.nodes.len());
    for node in &raw.nodes {
        if index.contains_key(node.id.as_str()) {
            let message = format!("another node has the id {} too", quote(&node.id));
            let hint = "give each node its own id; edges to this one are ambiguous";
            report.push(
                Diagnostic::error("node_duplicate", message)
                    .node(&node.id)
                    .hint(hint),
            );
            continue;
        }
        index.insert(&node.id, nodes.len());
        let runtime_outputs = runtime_sources.contains(node.id.as_str());
        let feeds_number = feeds_number.contains(node.id.as_str());
        nodes.push(resolve_node(
            node,
            Context {
                imported,
                runtime_outputs,
                feeds_number,
            },
            report,
        ));
    }

    let mut graph = Graph {
        nodes,
        arcs: Vec::with_capacity(raw.edges.len()),
        imported,
        on_gap: raw.on_gap,
        warm_up: raw.warm_up,
    };
    for edge in &raw.edges {
        resolve_edge(edge, &index, &mut graph, report);
    }
    graph
}

/// Ours always state what a quantity counts; the Python platform's never do.
fn is_imported_action(node: &RawNode) -> bool {
    let is_action = matches!(node.type_name.as_str(), "buyNode" | "sellNode");
    is_action
        && node
            .data
            .get("sizeType")
            .is_none_or(serde_json::Value::is_null)
}

/// Nodes from which an edge leads to an input that takes a number.
fn sources_of_numbers(raw: &RawGraph) -> HashSet<&str> {
    let types: HashMap<&str, &str> = raw
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node.type_name.as_str()))
        .collect();
    let takes_number = |edge: &&RawEdge| {
        let target = types.get(edge.target.as_str()).copied().and_then(find);
        let mut inputs = target.map_or(&[][..], |target| target.inputs).iter();
        let named = edge.target_handle.as_deref();
        inputs.any(|input| {
            let meant = named.is_none_or(|name| input.names.contains(&name));
            meant && input.value == Some(ValueType::Number)
        })
    };
    let edges = raw.edges.iter().filter(takes_number);
    edges.map(|edge| edge.source.as_str()).collect()
}

fn resolve_node(raw: &RawNode, context: Context, report: &mut Report) -> Node {
    let mut fields = Fields::new(&raw.id, &raw.data, report);
    let parsed = parse(&raw.type_name, &mut fields, context);
    if parsed == Err(Refusal::Unknown) {
        let suggestion = report.did_you_mean(&raw.type_name, names());
        let message = format!("there is no node type {}", quote(&raw.type_name));
        let problem = Diagnostic::error("node_unknown", message).node(&raw.id);
        report.push(problem.maybe_hint(suggestion));
    }
    let kind = parsed.unwrap_or(NodeKind::Opaque);
    let shape = match kind {
        NodeKind::Opaque => opaque(),
        NodeKind::Window { .. } => time_window(),
        _ => find(&raw.type_name).unwrap_or(opaque()),
    };
    Node {
        id: raw.id.clone(),
        shape,
        kind,
        inputs: vec![Vec::new(); shape.inputs.len()],
        refused: vec![false; shape.inputs.len()],
        old_form: false,
    }
}

fn resolve_edge(
    edge: &RawEdge,
    index: &HashMap<&str, usize>,
    graph: &mut Graph,
    report: &mut Report,
) {
    let source = endpoint(&edge.source, &edge.target, "starts", index, report);
    let target = endpoint(&edge.target, &edge.source, "ends", index, report);
    let output = source.and_then(|source| {
        let from = &graph.nodes[source];
        let outputs: Vec<_> = from
            .shape
            .outputs
            .iter()
            .map(|output| output.names)
            .collect();
        handle(
            from,
            "output",
            edge.source_handle.as_deref(),
            &outputs,
            report,
        )
    });
    let Some(target) = target else { return };

    let to = &graph.nodes[target];
    let inputs: Vec<_> = to.shape.inputs.iter().map(|input| input.names).collect();
    let input = handle(to, "input", edge.target_handle.as_deref(), &inputs, report);
    let effective = input.is_none_or(|input| to.shape.inputs[input].value.is_some());
    if !effective {
        let message = match to.kind {
            NodeKind::Indicator(_) => "has no effect: the bar's high, low and close are taken",
            _ => "what enters this handle has no effect",
        };
        let name = edge.target_handle.as_deref().unwrap_or("data-in");
        report.push(
            Diagnostic::notice("edge_ignored", message)
                .node(&to.id)
                .field(name),
        );
        return;
    }
    graph.arcs.extend(source.map(|source| (source, target)));

    let Some(input) = input else { return };
    let (Some(node), Some(output)) = (source, output) else {
        graph.nodes[target].refused[input] = true;
        return;
    };
    let wired = Source { node, output };
    if to.inputs[input].contains(&wired) {
        let message = format!("{} is connected to this input twice", quote(&edge.source));
        let problem = Diagnostic::warning("edge_duplicate", message).node(&to.id);
        report.push(
            problem
                .field(inputs[input][0])
                .hint("remove one of the two edges"),
        );
        return;
    }
    let by_old_handle = edge
        .target_handle
        .as_deref()
        .is_some_and(|name| OLD_INPUTS.contains(&name));
    let to = &mut graph.nodes[target];
    to.inputs[input].push(wired);
    to.old_form |= by_old_handle && matches!(to.kind, NodeKind::Compare { .. });
}

fn endpoint(
    id: &str,
    other: &str,
    what: &str,
    index: &HashMap<&str, usize>,
    report: &mut Report,
) -> Option<usize> {
    if let Some(found) = index.get(id) {
        return Some(*found);
    }
    let hint = report
        .did_you_mean(id, index.keys().copied())
        .unwrap_or_else(|| "remove the edge, or add the node".to_owned());
    let message = format!("an edge {what} at {}, which does not exist", quote(id));
    let problem = Diagnostic::error("edge_node_unknown", message).hint(hint);
    // The end that exists is where an editor can show it.
    report.push(if index.contains_key(other) {
        problem.node(other)
    } else {
        problem
    });
    None
}

/// Which of a node's handles a name means; without a name, the only one.
fn handle(
    node: &Node,
    what: &str,
    name: Option<&str>,
    handles: &[&[&'static str]],
    report: &mut Report,
) -> Option<usize> {
    if matches!(node.kind, NodeKind::Opaque) {
        return None;
    }
    let type_name = node.shape.name;
    let known = || handles.iter().flat_map(|names| names.iter().copied());
    let choices = || known().collect::<Vec<_>>().join(", ");
    let Some(name) = name else {
        let interchangeable = matches!(node.kind, NodeKind::And | NodeKind::Or) && what == "input";
        let only_trigger = node.kind.is_term() && what == "input";
        if handles.len() == 1 || interchangeable || only_trigger {
            return Some(0);
        }
        let problem = if handles.is_empty() {
            let message = format!("{type_name} has no {what}");
            Diagnostic::error("handle_unknown", message).hint("remove the edge")
        } else {
            let message = format!("the edge does not say which {what} of {type_name} it means");
            Diagnostic::error("handle_missing", message).hint(format!("one of {}", choices()))
        };
        report.push(problem.node(&node.id));
        return None;
    };
    let found = handles.iter().position(|names| names.contains(&name));
    if found.is_none() {
        let message = format!("{type_name} has no {what} {}", quote(name));
        let hint = report
            .did_you_mean(name, known())
            .unwrap_or_else(|| match handles {
                [] => "remove the edge".to_owned(),
                _ => format!("one of {}", choices()),
            });
        let problem = Diagnostic::error("handle_unknown", message).node(&node.id);
        report.push(problem.field(name).hint(hint));
    }
    found
}
