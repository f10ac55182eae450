//! The graph with everything looked up.

use crate::node::{NodeKind, NodeType, ValueType};
use crate::plan::{OnGap, WarmUp};

/// A node with its meaning and what enters it.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: String,
    pub shape: &'static NodeType,
    pub kind: NodeKind,
    /// For each input of the shape, the outputs that are wired to it.
    pub inputs: Vec<Vec<Source>>,
    /// For each input of the shape, whether an edge enters whose other end was refused: then the
    /// input isn't missing too.
    pub refused: Vec<bool>,
    /// An edge enters by a handle of the form from before 2025-08-27.
    pub old_form: bool,
}

/// An output of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub node: usize,
    pub output: usize,
}

/// All nodes, and which feeds which, whether the handles were right or not.
#[derive(Debug)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    /// (from, to), without those that have no effect.
    pub arcs: Vec<(usize, usize)>,
    /// The file comes from the Python platform: an action doesn't state its `sizeType`.
    pub imported: bool,
    /// What the strategy does where trades are missing.
    pub on_gap: OnGap,
    /// What its indicators know when a session begins.
    pub warm_up: WarmUp,
}

impl Graph {
    /// What leaves by an output.
    pub(crate) fn value_of(&self, source: Source) -> Option<ValueType> {
        let outputs = self.nodes.get(source.node)?.shape.outputs;
        outputs.get(source.output).map(|output| output.value)
    }

    /// For each node, the nodes that it feeds.
    pub(super) fn successors(&self) -> Vec<Vec<usize>> {
        let mut lists = vec![Vec::new(); self.nodes.len()];
        for &(from, to) in &self.arcs {
            lists[from].push(to);
        }
        lists
    }

    /// For each node, the nodes that feed it.
    pub(super) fn predecessors(&self) -> Vec<Vec<usize>> {
        let mut lists = vec![Vec::new(); self.nodes.len()];
        for &(from, to) in &self.arcs {
            lists[to].push(from);
        }
        lists
    }
}
