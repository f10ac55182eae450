//! Collects the nodes that a script comes to, each once, and makes a graph of them.

use std::collections::{BTreeSet, HashMap, HashSet};

use ruff_text_size::TextRange;
use serde_json::{Map, Value as Json, json};

use super::value::Port;
use crate::limits::MAX_NODES;

/// A node so far.
#[derive(Debug)]
pub(super) struct Node {
    pub kind: &'static str,
    pub data: Map<String, Json>,
    /// Where each edge comes from, and the handle that it enters.
    pub inputs: Vec<(Port, &'static str)>,
    /// What made it.
    pub range: TextRange,
    /// Where each field was said, and as which argument.
    pub said: Vec<(&'static str, &'static str, TextRange)>,
    /// The name that it was given.
    pub name: Option<String>,
    /// What it is called without one.
    pub called: &'static str,
}

/// The nodes so far.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub list: Vec<Node>,
    known: HashMap<String, usize>,
}

/// There are more than [`MAX_NODES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Nodes {
    /// The node's number: that of an equal one if there is one. Orders are never equal.
    pub(super) fn add(&mut self, node: Node, is_order: bool) -> Result<usize, TooMany> {
        let key = match is_order {
            true => None,
            false => Some(format!(
                "{} {} {:?}",
                node.kind,
                Json::Object(node.data.clone()),
                node.inputs
            )),
        };
        if let Some(found) = key.as_ref().and_then(|key| self.known.get(key)) {
            return Ok(*found);
        }
        if self.list.len() >= MAX_NODES {
            return Err(TooMany);
        }
        let number = self.list.len();
        self.known.extend(key.map(|key| (key, number)));
        self.list.push(node);
        Ok(number)
    }

    /// Each node's id: its name with dashes, or else what it is, numbered where that is taken.
    pub(super) fn ids(&self) -> Vec<String> {
        let named = self.list.iter().map(|node| node.name.as_deref());
        let mut taken: HashSet<String> = HashSet::new();
        let mut ids: Vec<Option<String>> = named
            .map(|name| {
                name.map(str::to_owned)
                    .filter(|id| taken.insert(id.clone()))
            })
            .collect();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for (id, node) in ids.iter_mut().zip(&self.list) {
            while id.is_none() {
                let wanted = node.name.as_deref().unwrap_or(node.called);
                let number = numbers.entry(wanted).or_insert(0);
                *number += 1;
                let candidate = match *number {
                    1 => wanted.to_owned(),
                    number => format!("{wanted}-{number}"),
                };
                *id = Some(candidate).filter(|id| taken.insert(id.clone()));
            }
        }
        ids.into_iter().flatten().collect()
    }

    /// The graph, laid out in columns from what is read to what is ordered.
    pub(super) fn graph(&self, name: Option<&str>, timeframe: Option<&str>) -> Json {
        let ids = self.ids();
        let mut columns: Vec<usize> = Vec::with_capacity(self.list.len());
        let mut rows: HashMap<usize, usize> = HashMap::new();
        let mut nodes = Vec::with_capacity(self.list.len());
        let mut edges = Vec::new();
        for (node, id) in self.list.iter().zip(&ids) {
            let sources = node.inputs.iter().map(|(port, _)| columns[port.node] + 1);
            let column = sources.max().unwrap_or(0);
            let row = rows.entry(column).or_insert(0);
            nodes.push(json!({"id": id, "type": node.kind, "data": node.data,
                              "position": {"x": 260 * column, "y": 130 * *row}}));
            *row += 1;
            columns.push(column);
            let mut drawn = BTreeSet::new();
            for (port, handle) in &node.inputs {
                if !drawn.insert((*port, *handle)) {
                    continue;
                }
                let source = &ids[port.node];
                edges.push(
                    json!({"id": format!("{source}-{}-{id}-{handle}", port.handle),
                                  "source": source, "sourceHandle": port.handle,
                                  "target": id, "targetHandle": handle}),
                );
            }
        }
        let mut graph = Map::new();
        graph.extend(name.map(|name| ("name".to_owned(), json!(name))));
        graph.extend(timeframe.map(|timeframe| ("timeframe".to_owned(), json!(timeframe))));
        graph.insert("nodes".to_owned(), json!(nodes));
        graph.insert("edges".to_owned(), json!(edges));
        Json::Object(graph)
    }
}
