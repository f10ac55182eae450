//! Strategies in files: scripts, and graphs as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use strategy_engine::{Compilation, Param, Timeframe, compile, compile_script_with};

/// A strategy as it stands in a file.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Written.
    Script(String),
    /// Drawn.
    Graph {
        /// The file's text.
        text: String,
        /// What it says.
        graph: Value,
    },
}

/// What came of compiling one, as far as the platform's exchange can carry it out.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) compilation: Compilation,
    /// The graph of a script.
    pub(crate) graph: Option<Value>,
    pub(crate) params: Vec<Param>,
    pub(crate) name: Option<String>,
    pub(crate) timeframe: Option<Timeframe>,
}

impl Source {
    /// Larger files are no strategies: a little more than what either form may have.
    pub(crate) const LARGEST: u64 = 2 * 1024 * 1024;

    /// Reads a file: a name that ends in `.json`, or a text that begins like JSON, is a graph.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = || file.display().to_string();
        let length = std::fs::metadata(file).with_context(name)?.len();
        if length > Self::LARGEST {
            bail!("{} is larger than 2 MiB, so no strategy", name());
        }
        let text = std::fs::read_to_string(file).with_context(name)?;
        Self::of(file, text)
    }

    pub(crate) fn of(file: &Path, text: String) -> anyhow::Result<Self> {
        let is_graph = file
            .extension()
            .is_some_and(|extension| extension == "json")
            || text.trim_start().starts_with(['{', '[']);
        if !is_graph {
            return Ok(Self::Script(text));
        }
        let graph = serde_json::from_str(&text);
        let graph = graph.with_context(|| format!("{} is not JSON", file.display()))?;
        Ok(Self::Graph { text, graph })
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Script(text) | Self::Graph { text, .. } => text,
        }
    }

    /// `graph` or `script`, as the platform calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Script(_) => "script",
            Self::Graph { .. } => "graph",
        }
    }

    /// As the platform takes it.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Script(text) => Value::String(text.clone()),
            Self::Graph { graph, .. } => graph.clone(),
        }
    }

    /// Compiles it as the platform would.
    pub(crate) fn tried(&self) -> Tried {
        self.tried_with(&BTreeMap::new())
    }

    /// Compiles it with parameters set: those of a script, and of a graph `NODE.FIELD`.
    pub(crate) fn tried_with(&self, set: &BTreeMap<String, String>) -> Tried {
        match self {
            Self::Script(text) => {
                let script = compile_script_with(text, set).for_exchange(strategy::EXCHANGE);
                Tried {
                    compilation: script.compilation,
                    graph: script.graph,
                    params: script.params,
                    name: script.name,
                    timeframe: script.timeframe,
                }
            }
            Self::Graph { graph, .. } => {
                let mut graph = graph.clone();
                set.iter()
                    .for_each(|(name, value)| set_field(&mut graph, name, value));
                let text = |name: &str| graph.get(name).and_then(Value::as_str);
                Tried {
                    name: text("name").map(str::to_owned),
                    timeframe: text("timeframe").and_then(|timeframe| timeframe.parse().ok()),
                    compilation: compile(&graph).for_exchange(strategy::EXCHANGE),
                    graph: None,
                    params: Vec::new(),
                }
            }
        }
    }

    /// The parameter that a graph doesn't have, if there is one; a script tells by itself.
    pub(crate) fn unknown_param<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let Self::Graph { graph, .. } = self else {
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
