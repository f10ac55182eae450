//! What is different between two drawings.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::diagnostic::Report;
use crate::import;

/// Nodes and edges that came, went or changed; each list is in the order of ids.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GraphDiff {
    /// Nodes that are new.
    pub nodes_added: Vec<NodeView>,
    /// Nodes that are gone.
    pub nodes_removed: Vec<NodeView>,
    /// Nodes that are of another type or have other data.
    pub nodes_changed: Vec<NodeChange>,
    /// Edges that are new, as `node handle -> node handle`.
    pub edges_added: Vec<String>,
    /// Edges that are gone.
    pub edges_removed: Vec<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeView {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A node that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeChange {
    /// Its id.
    pub id: String,
    /// Its type now.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is different: fields of its data, or `type`.
    pub fields: Vec<FieldChange>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// None where it wasn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// None where it isn't there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A drawing as far as it is compared.
#[derive(Default)]
struct Parts<'a> {
    nodes: BTreeMap<&'a str, (&'a str, &'a Map<String, Value>)>,
    edges: BTreeSet<String>,
}

impl GraphDiff {
    /// Compares two graphs, bare or in a record as they are imported.
    pub(super) fn of(before: &Value, after: &Value) -> Self {
        let mut said = Report::default();
        let mut bare = |source| import::unwrap(source, &mut said).unwrap_or(Cow::Borrowed(source));
        let (before, after) = (bare(before), bare(after));
        let empty = Map::new();
        let (old, new) = (Parts::of(&before, &empty), Parts::of(&after, &empty));
        let view = |(id, (kind, _)): (&&str, &(&str, &Map<String, Value>))| NodeView {
            id: (*id).to_owned(),
            kind: (*kind).to_owned(),
        };
        let only = |of: &Parts<'_>, other: &Parts<'_>| {
            let nodes = of.nodes.iter();
            let nodes = nodes.filter(|(id, _)| !other.nodes.contains_key(*id));
            nodes.map(view).collect()
        };
        let edges = |of: &Parts<'_>, other: &Parts<'_>| {
            of.edges.difference(&other.edges).cloned().collect()
        };
        let both = new.nodes.iter().filter_map(|(id, now)| {
            let fields = changes(*old.nodes.get(id)?, *now);
            (!fields.is_empty()).then(|| NodeChange {
                id: (*id).to_owned(),
                kind: now.0.to_owned(),
                fields,
            })
        });
        Self {
            nodes_added: only(&new, &old),
            nodes_removed: only(&old, &new),
            nodes_changed: both.collect(),
            edges_added: edges(&new, &old),
            edges_removed: edges(&old, &new),
        }
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn changes(
    (kind, data): (&str, &Map<String, Value>),
    (kind_now, data_now): (&str, &Map<String, Value>),
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    if kind != kind_now {
        changes.push(FieldChange {
            field: "type".to_owned(),
            before: Some(kind.into()),
            after: Some(kind_now.into()),
        });
    }
    let names: BTreeSet<&String> = data.keys().chain(data_now.keys()).collect();
    for name in names {
        let (before, after) = (data.get(name), data_now.get(name));
        if before != after {
            changes.push(FieldChange {
                field: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    changes
}

impl<'a> Parts<'a> {
    fn of(graph: &'a Value, empty: &'a Map<String, Value>) -> Self {
        let text = |value: &'a Value, name: &str| value.get(name).and_then(Value::as_str);
        let list = |name: &str, other: &str| {
            let list = graph.get(name).or_else(|| graph.get(other));
            list.and_then(Value::as_array).into_iter().flatten()
        };
        let nodes = list("nodes", "initialNodes").filter_map(|node| {
            let data = node.get("data").and_then(Value::as_object);
            let kind = text(node, "type").unwrap_or_default();
            Some((text(node, "id")?, (kind, data.unwrap_or(empty))))
        });
        let edges = list("edges", "initialEdges").map(|edge| {
            let end = |node: &str, handle: &str| {
                let node = text(edge, node).unwrap_or("?");
                match text(edge, handle) {
                    Some(handle) => format!("{node} {handle}"),
                    None => node.to_owned(),
                }
            };
            let (from, to) = (end("source", "sourceHandle"), end("target", "targetHandle"));
            format!("{from} -> {to}")
        });
        Self {
            nodes: nodes.collect(),
            edges: edges.collect(),
        }
    }
}
