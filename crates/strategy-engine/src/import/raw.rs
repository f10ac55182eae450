//! Nodes and edges as they stand in the file: shape checked, meaning not yet.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Report, quote};
use crate::limits::{MAX_EDGES, MAX_ID_BYTES, MAX_NODES};
use crate::plan::{OnGap, WarmUp};

/// A node before its type is looked up.
#[derive(Debug)]
pub(crate) struct RawNode {
    pub id: String,
    pub type_name: String,
    pub data: Map<String, Value>,
}

/// An edge before its handles are looked up.
#[derive(Debug)]
pub(crate) struct RawEdge {
    pub source: String,
    pub source_handle: Option<String>,
    pub target: String,
    pub target_handle: Option<String>,
}

/// A graph before anything of it is resolved.
#[derive(Debug)]
pub(crate) struct RawGraph {
    pub nodes: Vec<RawNode>,
    pub edges: Vec<RawEdge>,
    pub on_gap: OnGap,
    pub warm_up: WarmUp,
}

/// Reads what can be read and reports the rest; none if there is nothing to go on with.
pub(crate) fn read(graph: &Value, report: &mut Report) -> Option<RawGraph> {
    let nodes = list(graph, "nodes", "initialNodes", report)?;
    let edges = list(graph, "edges", "initialEdges", report)?;
    let too_many_nodes = too_many("too_many_nodes", "nodes", nodes.len(), MAX_NODES, report);
    let too_many_edges = too_many("too_many_edges", "edges", edges.len(), MAX_EDGES, report);
    if too_many_nodes || too_many_edges {
        return None;
    }
    Some(RawGraph {
        on_gap: setting(graph, "onGap", "no policy for missing trades", report),
        warm_up: setting(graph, "warmUp", "no way to warm up", report),
        nodes: nodes
            .iter()
            .enumerate()
            .filter_map(|(i, node)| read_node(i, node, report))
            .collect(),
        edges: edges
            .iter()
            .enumerate()
            .filter_map(|(i, edge)| read_edge(i, edge, report))
            .collect(),
    })
}

/// A choice of the whole strategy: its default where the field is missing.
fn setting<T: FromStr<Err: Display> + Default>(
    graph: &Value,
    field: &str,
    what: &str,
    report: &mut Report,
) -> T {
    let told = match graph.get(field) {
        None | Some(Value::Null) => return T::default(),
        Some(told) => told.as_str().unwrap_or_default(),
    };
    told.parse().unwrap_or_else(|error: T::Err| {
        let problem = Diagnostic::error("field_invalid", format!("`{field}` is {what}"));
        report.push(problem.field(field).hint(error.to_string()));
        T::default()
    })
}

fn list<'a>(graph: &'a Value, name: &str, alias: &str, report: &mut Report) -> Option<&'a [Value]> {
    match graph.get(name).or_else(|| graph.get(alias)) {
        Some(Value::Array(items)) => Some(items),
        None | Some(Value::Null) => Some(&[]),
        Some(_) => {
            let message = format!("`{name}` is not a list");
            report.push(Diagnostic::error("graph_invalid", message).field(name));
            None
        }
    }
}

fn too_many(
    code: &'static str,
    what: &str,
    count: usize,
    most: usize,
    report: &mut Report,
) -> bool {
    if count <= most {
        return false;
    }
    let message = format!("the graph has {count} {what}; the most is {most}");
    report.push(Diagnostic::error(code, message).hint("split the strategy"));
    true
}

fn read_node(index: usize, node: &Value, report: &mut Report) -> Option<RawNode> {
    let number = index + 1;
    let mut invalid = |message: String| {
        report.push(Diagnostic::error("node_invalid", message));
        None
    };
    let Value::Object(node) = node else {
        return invalid(format!("node number {number} is not an object"));
    };
    let Some(id) = name(node.get("id")) else {
        return invalid(format!("node number {number} has no id"));
    };
    if id.len() > MAX_ID_BYTES {
        let cut = quote(&id);
        return invalid(format!(
            "the id {cut} of node number {number} is longer than 200 bytes"
        ));
    }
    let Some(Value::String(type_name)) = node.get("type") else {
        report.push(Diagnostic::error("node_invalid", "the node has no type").node(&id));
        return None;
    };
    let data = match node.get("data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) => data.clone(),
        Some(_) => {
            let problem = Diagnostic::error("node_invalid", "`data` is not an object");
            report.push(problem.node(&id).field("data"));
            Map::new()
        }
    };
    Some(RawNode {
        id,
        type_name: type_name.clone(),
        data,
    })
}

fn read_edge(index: usize, edge: &Value, report: &mut Report) -> Option<RawEdge> {
    let number = index + 1;
    let mut invalid = |message: String| {
        report.push(Diagnostic::error("edge_invalid", message));
        None
    };
    let Value::Object(edge) = edge else {
        return invalid(format!("edge number {number} is not an object"));
    };
    let Some(source) = name(edge.get("source")) else {
        return invalid(format!("edge number {number} has no source"));
    };
    let Some(target) = name(edge.get("target")) else {
        return invalid(format!("edge number {number} has no target"));
    };
    Some(RawEdge {
        source,
        source_handle: name(edge.get("sourceHandle")),
        target,
        target_handle: name(edge.get("targetHandle")),
    })
}

/// An id or handle: text, or a number that some exporters write for it.
fn name(value: Option<&Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}
