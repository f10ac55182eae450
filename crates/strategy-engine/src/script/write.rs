//! A graph as a script: what is used once stands where it is used, the rest has a name.

mod expressions;
mod orders;
mod text;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::Value as Json;
use timeframe::Timeframe;

use super::call::is_reserved;
use super::format::format_script;
use super::function::functions;
use crate::compile::{Graph, Node, Resolved, Source, resolved};
use crate::diagnostic::Diagnostic;
use crate::limits::MAX_SCRIPT_NAME;
use crate::node::{NodeKind, ValueType};
use crate::plan::{OnGap, WarmUp};
use text::{ATOM, Text, is_keyword, number, quoted};

/// Characters of an expression beyond which it gets a name.
const LONG: usize = 48;
/// How deep what has no name may be nested.
const DEEP: u8 = 4;

/// Writes a graph as a script that compiles to the same plan. A file from the Python platform is
/// written with the meaning that it has here.
///
/// # Errors
/// What is wrong with the graph: only one that compiles can be written.
pub fn write_script(graph: &Json) -> Result<String, Vec<Diagnostic>> {
    let resolved = resolved(graph)?;
    let text = Writer::new(&resolved).script(graph);
    Ok(format_script(&text).unwrap_or(text))
}

struct Writer<'a> {
    resolved: &'a Resolved,
    graph: &'a Graph,
    /// How often each node is used.
    uses: Vec<u32>,
    texts: HashMap<(usize, usize), Text>,
    /// Whether each node gives the same whatever the market does.
    fixed: Vec<bool>,
    names: HashSet<String>,
    lines: String,
}

impl<'a> Writer<'a> {
    fn new(resolved: &'a Resolved) -> Self {
        let graph = &resolved.graph;
        Self {
            resolved,
            graph,
            uses: vec![0; graph.nodes.len()],
            texts: HashMap::new(),
            fixed: vec![false; graph.nodes.len()],
            names: HashSet::new(),
            lines: String::new(),
        }
    }

    fn script(mut self, source: &Json) -> String {
        let name = source.get("name").and_then(Json::as_str);
        let name = name.filter(|name| !name.is_empty());
        let (on_gap, warm_up) = (self.graph.on_gap, self.graph.warm_up);
        let mut settings = String::new();
        // What is no timeframe has no effect in a graph, but would be an error in a script.
        let timeframe = source.get("timeframe").and_then(Json::as_str);
        if let Some(timeframe) = timeframe.and_then(|text| text.parse::<Timeframe>().ok()) {
            let _ = write!(settings, ", timeframe=\"{timeframe}\"");
        }
        if on_gap != OnGap::default() {
            let _ = write!(settings, ", on_gap={}", quoted(on_gap.name()));
        }
        if warm_up != WarmUp::default() {
            let _ = write!(settings, ", warm_up={}", quoted(warm_up.name()));
        }
        // Settings need a place, and that place a name.
        if let Some(name) = name.or((!settings.is_empty()).then_some("Unnamed")) {
            let _ = writeln!(self.lines, "strategy({}{settings})\n", quoted(name));
        }
        self.count();
        for &index in &self.resolved.order {
            if self.uses[index] > 0 {
                self.fixed[index] = self.is_fixed(&self.graph.nodes[index]);
                self.node(index);
            }
        }
        self.orders();
        self.lines
    }

    /// Counts the uses of what the orders need.
    fn count(&mut self) {
        let graph = self.graph;
        let mut open: Vec<Source> = Vec::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            if let NodeKind::Action(_) = node.kind
                && let Some(trigger) = self.resolved.trigger(index)
            {
                open.push(trigger);
                let terms = self.resolved.terms_of(index);
                open.extend(
                    terms
                        .into_iter()
                        .filter_map(|term| wired(&graph.nodes[term], 1)),
                );
            }
        }
        while let Some(source) = open.pop() {
            self.uses[source.node] += 1;
            if self.uses[source.node] == 1 {
                let read = self.read(&graph.nodes[source.node]);
                open.extend(read);
            }
        }
    }

    /// What a node reads, each input once.
    fn read(&self, node: &Node) -> Vec<Source> {
        let mut seen = Vec::new();
        for source in node.inputs.iter().flatten() {
            let is_value = matches!(
                self.graph.value_of(*source),
                Some(ValueType::Number | ValueType::Condition)
            );
            if is_value && (!seen.contains(source) || !is_joining(node)) {
                seen.push(*source);
            }
        }
        seen
    }

    /// Whether a script knows its value when it is compiled; what it reads has been asked before.
    fn is_fixed(&self, node: &Node) -> bool {
        match node.kind {
            NodeKind::Constant(_) | NodeKind::Label => true,
            NodeKind::Math(_)
            | NodeKind::Abs
            | NodeKind::If
            | NodeKind::Compare { .. }
            | NodeKind::And
            | NodeKind::Or
            | NodeKind::Not => self
                .read(node)
                .into_iter()
                .all(|source| self.fixed[source.node]),
            _ => false,
        }
    }

    fn text(&self, source: Source) -> Text {
        let known = self.texts.get(&(source.node, source.output)).cloned();
        known.unwrap_or_else(|| Text::atom("0"))
    }

    fn wired_text(&self, node: &Node, input: usize) -> Option<Text> {
        wired(node, input).map(|source| self.text(source))
    }

    fn input(&self, node: &Node, input: usize) -> Text {
        self.wired_text(node, input)
            .unwrap_or_else(|| Text::atom("0"))
    }

    /// Writes what a node gives, on a line of its own where that reads better.
    fn node(&mut self, index: usize) {
        let graph = self.graph;
        let node = &graph.nodes[index];
        if let NodeKind::Threshold(spec) = &node.kind {
            let x = self.input(node, 0);
            for (output, (word, level, name)) in
                [("above", spec.upper, "high"), ("below", spec.lower, "low")]
                    .into_iter()
                    .enumerate()
            {
                let level = number(level);
                let hysteresis = match spec.hysteresis > 0.0 {
                    true => format!(", {}", number(spec.hysteresis)),
                    false => String::new(),
                };
                let text = Text {
                    text: format!("{word}({}, {level}{hysteresis})", x.text),
                    binding: ATOM,
                    depth: x.depth + 1,
                };
                let is_used = self.is_read(index, output);
                let named = self.named(text, &format!("{}_{name}", node.id), is_used);
                self.texts.insert((index, output), named);
            }
            return;
        }
        let text = self.expression(node);
        let is_plain = matches!(
            node.kind,
            NodeKind::Market(_) | NodeKind::Constant(_) | NodeKind::Label
        );
        let text = match is_plain {
            true => text,
            false => self.named(text, &node.id, self.uses[index] > 1),
        };
        match results(node) {
            Some(names) => {
                for (output, name) in names.into_iter().enumerate() {
                    let part = Text {
                        text: format!("{}.{name}", text.text),
                        ..text.clone()
                    };
                    self.texts.insert((index, output), part);
                }
            }
            None => drop(self.texts.insert((index, 0), text)),
        }
    }

    /// Whether an output is used more than once.
    fn is_read(&self, index: usize, output: usize) -> bool {
        let source = Source {
            node: index,
            output,
        };
        let reading = self
            .graph
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().flatten());
        reading.filter(|read| **read == source).count() > 1
    }

    /// The expression, or its name if it is better to give it one.
    fn named(&mut self, text: Text, id: &str, is_shared: bool) -> Text {
        if !is_shared && text.text.len() <= LONG && text.depth < DEEP {
            return text;
        }
        let call = text.text.split('(').next().unwrap_or_default();
        let fallback = match functions().iter().any(|function| function.name == call) {
            true => call,
            false => "value",
        };
        let name = self.name(id, fallback);
        let _ = writeln!(self.lines, "{name} = {}", text.text);
        Text::atom(name)
    }

    /// A name that is free, like the id if that can be read.
    fn name(&mut self, id: &str, fallback: &str) -> String {
        let is_letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut wanted: String = id.chars().map(is_letter).collect();
        let digits = id.chars().filter(char::is_ascii_digit).count();
        let is_readable = wanted.starts_with(|c: char| c.is_ascii_alphabetic())
            && wanted.len() <= MAX_SCRIPT_NAME / 2
            && digits <= 4
            && id.is_ascii();
        if !is_readable || is_reserved(&wanted) || is_keyword(&wanted) {
            wanted = format!("{fallback}_1");
        }
        let mut name = wanted.clone();
        let stem = wanted
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .to_owned();
        let stem = if stem.ends_with('_') {
            stem
        } else {
            format!("{stem}_")
        };
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{stem}{number}");
            number += 1;
        }
        name
    }
}

fn wired(node: &Node, input: usize) -> Option<Source> {
    node.inputs.get(input)?.first().copied()
}

/// Whether it reads any number of conditions, each of which counts once.
fn is_joining(node: &Node) -> bool {
    matches!(node.kind, NodeKind::And | NodeKind::Or)
}

/// What the outputs of a node are called after a dot; none where there is one only.
fn results(node: &Node) -> Option<Vec<&'static str>> {
    let outputs = node.shape.outputs;
    if outputs.len() < 2 {
        return None;
    }
    let function = functions()
        .iter()
        .find(|function| function.node == node.shape.name)?;
    let named = outputs.iter().map(|output| {
        let mut results = function.results.iter();
        let found = results.find(|(_, handle)| output.names.contains(handle));
        found.map_or("", |(name, _)| name)
    });
    Some(named.collect())
}
