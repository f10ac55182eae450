//! A strategy in either form, compiled with parameters set.

use std::collections::BTreeMap;

use serde_json::Value;
use strategy_engine::{Compilation, Param, Timeframe, compile, compile_script_with};

/// A strategy as it was drawn or written.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// Written.
    Script(String),
    /// Drawn.
    Graph(Value),
}

/// What came of compiling one.
#[derive(Debug)]
pub struct Tried {
    /// The plan, and all that was found.
    pub compilation: Compilation,
    /// The graph of a script.
    pub graph: Option<Value>,
    /// The parameters of a script.
    pub params: Vec<Param>,
    /// What it calls itself.
    pub name: Option<String>,
    /// The timeframe that it is meant for.
    pub timeframe: Option<Timeframe>,
}

impl Strategy {
    /// Compiles it with parameters set, each as text: those of a script, and of a graph
    /// `NODE.FIELD`.
    pub fn compile_with(&self, set: &BTreeMap<String, String>) -> Tried {
        match self {
            Self::Script(text) => {
                let script = compile_script_with(text, set);
                Tried {
                    compilation: script.compilation,
                    graph: script.graph,
                    params: script.params,
                    name: script.name,
                    timeframe: script.timeframe,
                }
            }
            Self::Graph(graph) => {
                let mut graph = graph.clone();
                set.iter()
                    .for_each(|(name, value)| set_field(&mut graph, name, value));
                let text = |name: &str| graph.get(name).and_then(Value::as_str);
                Tried {
                    name: text("name").map(str::to_owned),
                    timeframe: text("timeframe").and_then(|timeframe| timeframe.parse().ok()),
                    compilation: compile(&graph),
                    graph: None,
                    params: Vec::new(),
                }
            }
        }
    }

    /// The parameter that a graph doesn't have, if there is one; a script tells by itself.
    pub fn unknown_param<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let Self::Graph(graph) = self else {
            return None;
        };
        let has = |name: &str| {
            let id = name.rsplit_once('.').map(|(id, _)| id);
            let nodes = graph.get("nodes").and_then(Value::as_array);
            let mut nodes = nodes.into_iter().flatten();
            id.is_some_and(|id| {
                nodes.any(|node| node.get("id").and_then(Value::as_str) == Some(id))
            })
        };
        names.into_iter().find(|name| !has(name))
    }
}

/// Sets a field of a node's data; numbers may be text there.
fn set_field(graph: &mut Value, name: &str, value: &str) {
    let Some((id, field)) = name.rsplit_once('.') else {
        return;
    };
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten() {
        if node.get("id").and_then(Value::as_str) != Some(id) {
            continue;
        }
        if let Some(node) = node.as_object_mut() {
            let data = node
                .entry("data")
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(data) = data.as_object_mut() {
                data.insert(field.to_owned(), Value::String(value.to_owned()));
            }
        }
    }
}
