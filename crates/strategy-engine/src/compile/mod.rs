//! From a graph to a plan: read, resolve, check, and only then lower. Every stage reports all it
//! finds, so that one compilation tells everything.

mod canonical;
mod check;
mod cycles;
mod graph;
mod indicators;
mod lints;
mod lower;
mod notices;
mod range;
mod resolve;
mod share;
mod terms;
mod trace;

use std::io;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Report};
use crate::import;
use crate::limits::MAX_SOURCE_BYTES;
use crate::plan::Plan;
pub(crate) use graph::{Graph, Node, Source};
pub use trace::{NodeOutput, Origin, Trace, trace};

/// What came of compiling a strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct Compilation {
    /// Everything that was found: errors first, then warnings, then notices.
    pub diagnostics: Vec<Diagnostic>,
    /// The plan; none exactly if there is an error.
    pub plan: Option<Plan>,
}

impl Compilation {
    /// Whether there is a plan.
    pub fn ok(&self) -> bool {
        self.plan.is_some()
    }
}

/// Compiles a graph given as JSON text.
pub fn compile_text(source: &str) -> Compilation {
    if source.len() > MAX_SOURCE_BYTES {
        return failed(too_large());
    }
    match serde_json::from_str(source) {
        Ok(value) => compile_within_limits(&value),
        Err(error) => failed(
            Diagnostic::error(
                "source_invalid_json",
                format!("the source is not JSON: {error}"),
            )
            .hint("export the graph again, or check the text at that line and column"),
        ),
    }
}

/// Compiles a graph: a bare React Flow graph, or one in a record, an answer or a list of one.
pub fn compile(source: &Value) -> Compilation {
    let mut size = Size {
        left: MAX_SOURCE_BYTES,
    };
    if serde_json::to_writer(&mut size, source).is_err() {
        return failed(too_large());
    }
    compile_within_limits(source)
}

fn compile_within_limits(source: &Value) -> Compilation {
    let mut report = Report::default();
    let plan = build(source, &mut report);
    Compilation {
        diagnostics: report.finish(),
        plan,
    }
}

fn build(source: &Value, report: &mut Report) -> Option<Plan> {
    let Resolved {
        graph,
        order,
        bindings,
    } = resolve(source, report)?;
    let lowered = lower::lower(&graph, &order, &bindings, report)?;
    Some(lowered.plan)
}

/// A graph without errors, its live nodes in order, and what belongs to each order.
pub(crate) struct Resolved {
    pub(crate) graph: Graph,
    /// The nodes that lead to an action, each after those that feed it.
    pub(crate) order: Vec<usize>,
    bindings: terms::Bindings,
}

impl Resolved {
    /// The condition that triggers an action; none where only exits do.
    pub(crate) fn trigger(&self, action: usize) -> Option<Source> {
        terms::trigger_of(&self.graph, &self.graph.nodes[action])
    }

    /// The nodes of an action's size, stop and target.
    pub(crate) fn terms_of(&self, action: usize) -> Vec<usize> {
        self.bindings.nodes(action)
    }
}

fn resolve(source: &Value, report: &mut Report) -> Option<Resolved> {
    let graph = import::unwrap(source, report)?;
    let raw = import::read(&graph, report)?;
    let graph = resolve::resolve(raw, report);
    check::inputs(&graph, report);
    cycles::check(&graph, report);
    let live = check::live_nodes(&graph, report);
    let bindings = terms::bind(&graph, report);
    notices::imported(&graph, report);
    if report.has_errors() {
        return None;
    }
    let order = lower::order(&graph, &live);
    Some(Resolved {
        graph,
        order,
        bindings,
    })
}

/// Reads a graph as far as its meaning.
pub(crate) fn resolved(source: &Value) -> Result<Resolved, Vec<Diagnostic>> {
    let mut size = Size {
        left: MAX_SOURCE_BYTES,
    };
    if serde_json::to_writer(&mut size, source).is_err() {
        return Err(vec![too_large()]);
    }
    let mut report = Report::default();
    resolve(source, &mut report).ok_or_else(|| report.finish())
}

fn failed(problem: Diagnostic) -> Compilation {
    Compilation {
        diagnostics: vec![problem],
        plan: None,
    }
}

fn too_large() -> Diagnostic {
    Diagnostic::error("source_too_large", "the source is larger than 1 MiB")
        .hint("remove what is not nodes and edges, or split the strategy")
}

/// Counts bytes without keeping them, and stops at the limit.
struct Size {
    left: usize,
}

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
