//! What a strategy was written in.

use std::str::FromStr;

use serde_json::Value;
use strategy_engine::{Compilation, compile, compile_script};

/// Drawn or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A node graph, as a JSON object.
    Graph,
    /// A script, as a JSON text.
    Script,
}

/// The text names no kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownKind;

impl Kind {
    /// As the API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Script => "script",
        }
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        match text {
            "graph" => Ok(Self::Graph),
            "script" => Ok(Self::Script),
            _ => Err(UnknownKind),
        }
    }
}

/// What came of a source.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) compilation: Compilation,
    /// The graph that a script comes to.
    pub(crate) graph: Option<Value>,
}

/// Compiles a source of its kind. A script that is no text is read as an empty one, which the API
/// refuses before.
pub(crate) fn compile_source(kind: Kind, source: &Value) -> Compiled {
    match kind {
        Kind::Graph => Compiled {
            compilation: compile(source),
            graph: None,
        },
        Kind::Script => {
            let script = compile_script(source.as_str().unwrap_or_default());
            Compiled {
                compilation: script.compilation,
                graph: script.graph,
            }
        }
    }
}
