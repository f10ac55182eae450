//! Strategies in files: scripts, and graphs as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use backtest::{Strategy, Tried};
#[cfg(feature = "platform")]
use serde_json::Value;

/// A strategy as it stands in a file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The file's text.
    text: String,
    strategy: Strategy,
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
            let strategy = Strategy::Script(text.clone());
            return Ok(Self { text, strategy });
        }
        let graph = serde_json::from_str(&text);
        let graph = graph.with_context(|| format!("{} is not JSON", file.display()))?;
        let strategy = Strategy::Graph(graph);
        Ok(Self { text, strategy })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// Compiles it as the platform would.
    pub(crate) fn tried(&self) -> Tried {
        self.strategy.compile_with(&BTreeMap::new())
    }
}

/// For the platform's API.
#[cfg(feature = "platform")]
impl Source {
    /// A graph that stands in no file.
    pub(crate) fn of_graph(graph: Value) -> Self {
        Self {
            text: graph.to_string(),
            strategy: Strategy::Graph(graph),
        }
    }

    /// `graph` or `script`, as the platform calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.strategy {
            Strategy::Script(_) => "script",
            Strategy::Graph(_) => "graph",
        }
    }

    /// As the platform takes it.
    pub(crate) fn value(&self) -> Value {
        match &self.strategy {
            Strategy::Script(text) => Value::String(text.clone()),
            Strategy::Graph(graph) => graph.clone(),
        }
    }
}
