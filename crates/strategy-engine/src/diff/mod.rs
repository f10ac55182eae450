//! What is different between two strategies, in both forms.

mod graph;
mod text;

use serde::Serialize;
use serde_json::Value;

pub use graph::{FieldChange, GraphDiff, NodeChange, NodeView};
pub use text::unified;

use crate::{compile_script, write_script};

/// A strategy as it was saved.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// Drawn.
    Graph(&'a Value),
    /// Written.
    Script(&'a str),
}

/// What is different; where a strategy can't be shown in a form, that form is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Nodes and edges. Where a node stands doesn't count.
    pub graph: Option<GraphDiff>,
    /// Lines, as `diff -u` writes them; empty where they are the same.
    pub script: Option<String>,
}

impl Form<'_> {
    fn graph(self) -> Option<Value> {
        match self {
            Self::Graph(graph) => Some(graph.clone()),
            Self::Script(text) => compile_script(text).graph,
        }
    }

    fn script(self) -> Option<String> {
        match self {
            Self::Graph(graph) => write_script(graph).ok(),
            Self::Script(text) => Some(text.to_owned()),
        }
    }
}

/// Compares two strategies, each in whichever form.
pub fn diff(before: Form<'_>, after: Form<'_>) -> Diff {
    let graphs = before.graph().zip(after.graph());
    let scripts = before.script().zip(after.script());
    Diff {
        graph: graphs.map(|(before, after)| GraphDiff::of(&before, &after)),
        script: scripts.map(|(before, after)| unified(&before, &after)),
    }
}
