//! What is said about a script, and where.

use ruff_text_size::Ranged;

use super::Lowering;
use super::value::Value;
use crate::diagnostic::{Diagnostic, quote};

/// What the graph calls things, and what the script does.
const WORDS: &[(&str, &str)] = &[
    (
        "a buyNode or sellNode and connect its trigger",
        "`if condition: buy()`",
    ),
    ("a buyNode and connect its trigger", "`if condition: buy()`"),
    (
        "the graph has no buy or sell node with a trigger",
        "the script orders nothing",
    ),
    (
        "the graph has no buy or sell node",
        "the script orders nothing",
    ),
    ("add a buyNode", "add a `buy()`"),
    (
        "a stopLossNode to the same buy",
        "a `stop_loss()` after the same `buy()`",
    ),
    (
        "the node leads to no buy or sell node and is left out",
        "it leads to no order and is left out",
    ),
    (
        "connect it or remove it",
        "use it in the condition of an order, or remove it",
    ),
    ("what enters it", "it"),
];

impl<'a> Lowering<'a> {
    pub(super) fn error(
        &mut self,
        code: &'static str,
        at: &impl Ranged,
        message: impl Into<String>,
        hint: &str,
    ) -> Value {
        let problem = Diagnostic::error(code, message).at(self.lines.place(at.range()));
        self.report.push(match hint {
            "" => problem,
            hint => problem.hint(hint),
        });
        Value::Unknown
    }

    pub(super) fn warning(
        &mut self,
        code: &'static str,
        at: &impl Ranged,
        message: impl Into<String>,
        hint: &str,
    ) {
        let problem = Diagnostic::warning(code, message).at(self.lines.place(at.range()));
        self.report.push(problem.hint(hint));
    }

    /// The value is of another kind than it has to be. Nothing is said about what is unknown.
    pub(super) fn mismatch(&mut self, at: &impl Ranged, value: &Value, wanted: &str, hint: &str) {
        if !matches!(value, Value::Unknown) {
            let message = format!("{wanted} is needed here, but this is {}", value.what());
            self.error("type_mismatch", at, message, hint);
        }
    }

    pub(super) fn text_of(&self, at: &impl Ranged) -> &'a str {
        self.source
            .get(at.range().to_std_range())
            .unwrap_or_default()
    }

    /// What the graph's compiler says, where the script says it.
    pub(super) fn located(&mut self, mut diagnostic: Diagnostic, ids: &[String]) {
        let id = diagnostic.node.as_deref();
        let number = id.and_then(|id| ids.iter().position(|known| known == id));
        let node = number.and_then(|number| self.nodes.list.get(number));
        let mut range = node.map(|node| node.range);
        for (theirs, ours) in WORDS {
            diagnostic.message = diagnostic.message.replace(theirs, ours);
            let hint = diagnostic.hint.take();
            diagnostic.hint = hint.map(|hint| hint.replace(theirs, ours));
        }
        if let Some((node, field)) = node.zip(diagnostic.field.as_deref()) {
            let said = node.said.iter().find(|(known, _, _)| *known == field);
            if let Some((_, argument, at)) = said {
                range = Some(*at);
                let (theirs, ours) = (format!("`{field}`"), format!("`{argument}`"));
                diagnostic.message = diagnostic.message.replace(&theirs, &ours);
                let hint = diagnostic.hint.take();
                diagnostic.hint = hint.map(|hint| hint.replace(&theirs, &ours));
                diagnostic.field = Some((*argument).to_owned());
            } else {
                diagnostic.field = None;
            }
        }
        if diagnostic.code == "node_unused"
            && let Some(name) = node.and_then(|node| node.name.as_deref())
        {
            let message = format!("{} leads to no order and is left out", quote(name));
            diagnostic.message = message;
        }
        let place = self.lines.place(range.unwrap_or_default());
        self.report.push(diagnostic.at(place));
    }
}
