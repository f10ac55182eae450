//! What the compiler has to say about a strategy, all of it at once.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_DIAGNOSTICS, MAX_SUGGESTIONS};
use crate::suggest;

/// How bad a [`Diagnostic`] is; only an error prevents a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// There is no plan until this is fixed.
    Error,
    /// The plan is probably not what was meant.
    Warning,
    /// How an ambiguous or imported strategy was read.
    Notice,
}

/// One located finding of the compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable code in snake_case, one of [`CODES`].
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// Id of the node it is about; none if it is about the whole graph.
    pub node: Option<String>,
    /// Data field or handle of that node.
    pub field: Option<String>,
    /// What is the matter, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Line of its first character in a script, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column of that character, in characters from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Line in which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// Column right after its last character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

/// A piece of a script: lines and columns from 1, columns in characters, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column right after the last character.
    pub end_column: u32,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity,
            node: None,
            field: None,
            message: message.into(),
            hint: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
        }
    }

    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    pub(crate) fn notice(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Notice, code, message)
    }

    pub(crate) fn node(mut self, id: &str) -> Self {
        self.node = Some(id.to_owned());
        self
    }

    pub(crate) fn field(mut self, name: &str) -> Self {
        self.field = Some(shorten(name));
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.line = Some(place.line);
        self.column = Some(place.column);
        self.end_line = Some(place.end_line);
        self.end_column = Some(place.end_column);
        self
    }

    /// Where it is in a script; none of a graph's.
    pub fn place(&self) -> Option<Place> {
        Some(Place {
            line: self.line?,
            column: self.column?,
            end_line: self.end_line?,
            end_column: self.end_column?,
        })
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Collects diagnostics and bounds how many there can be.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: [Vec<Diagnostic>; 3],
    left_out: usize,
    suggestions: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let list = &mut self.kept[diagnostic.severity as usize];
        if list.len() < MAX_DIAGNOSTICS {
            list.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.kept[Severity::Error as usize].is_empty()
    }

    /// "did you mean ..." for an unknown name; none once the compilation's budget is spent.
    pub(crate) fn did_you_mean<'a>(
        &mut self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if self.suggestions >= MAX_SUGGESTIONS {
            return None;
        }
        self.suggestions += 1;
        suggest::nearest(name, candidates).map(|best| format!("did you mean {}?", quote(best)))
    }

    /// Errors first, then warnings, then notices; in the order found within each.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let [errors, mut warnings, notices] = self.kept;
        if self.left_out > 0 {
            let message = format!("{} more diagnostics were left out", self.left_out);
            warnings.push(Diagnostic::warning("diagnostics_truncated", message));
        }
        errors.into_iter().chain(warnings).chain(notices).collect()
    }
}

/// A user's text as it may stand in a message: quoted, escaped, and cut.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", shorten(text))
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// Every code that [`crate::compile`] can give, with what it means.
pub const CODES: &[(&str, &str)] = &[
    ("source_invalid_json", "the source is not JSON"),
    ("source_too_large", "the source is larger than 1 MiB"),
    (
        "graph_invalid",
        "the source has no list of nodes, or holds several strategies",
    ),
    ("too_many_nodes", "the graph has more than 2,000 nodes"),
    ("too_many_edges", "the graph has more than 8,000 edges"),
    (
        "node_invalid",
        "a node is no object, or its id or type is missing or too long",
    ),
    ("node_duplicate", "two nodes have the same id"),
    ("node_unknown", "no node type has this name"),
    (
        "node_unsupported",
        "the node asks for something that has no meaning here",
    ),
    (
        "edge_invalid",
        "an edge is no object, or its source or target is missing",
    ),
    (
        "edge_node_unknown",
        "an edge starts or ends at a node that does not exist",
    ),
    (
        "edge_duplicate",
        "warning: the same connection is drawn twice",
    ),
    (
        "edge_ignored",
        "notice: the edge enters a handle that has no effect",
    ),
    ("handle_unknown", "the node has no handle of this name"),
    (
        "handle_missing",
        "the edge does not say which of several handles it means",
    ),
    ("input_missing", "a required input has no edge"),
    (
        "input_multiple",
        "several edges enter an input that takes one",
    ),
    (
        "input_single",
        "warning: an and/or node has one edge only and passes it on",
    ),
    (
        "type_mismatch",
        "the edge's value is of another type than the input takes",
    ),
    ("cycle", "the nodes feed each other in a circle"),
    ("no_action", "the graph has no buy or sell node"),
    (
        "node_unused",
        "warning: the node leads to no action and is dropped",
    ),
    (
        "field_invalid",
        "a data field is of the wrong kind or not one of the choices",
    ),
    (
        "field_missing",
        "a data field without a safe default is missing",
    ),
    (
        "field_out_of_range",
        "a data field's number is outside its range",
    ),
    (
        "field_suspicious",
        "warning: a data field is valid but hardly meant",
    ),
    (
        "field_default",
        "notice: a missing field took the editor's default",
    ),
    ("field_ignored", "notice: a data field has no effect"),
    (
        "stop_without_entry",
        "a stop, a target or a size belongs to no buy node",
    ),
    (
        "target_without_stop",
        "a target is a multiple of the distance of a stop that isn't there",
    ),
    (
        "terms_conflict",
        "an order has two stops, two targets or two sizes",
    ),
    (
        "exit_misplaced",
        "a stop or a target leads to something else than a sale of the whole position",
    ),
    (
        "size_assumed",
        "notice: the order's size was read as the platform's live meaning",
    ),
    ("never_trades", "warning: the trigger can never become true"),
    (
        "always_trades",
        "warning: the trigger is true whenever it has a value",
    ),
    (
        "conditions_contradict",
        "warning: conditions never hold together, or leave nothing out",
    ),
    (
        "sell_without_buy",
        "warning: the strategy sells but never buys",
    ),
    (
        "sell_unreachable",
        "warning: the trigger of a sale can never become true",
    ),
    (
        "buy_and_sell_together",
        "warning: a sale has the same trigger as a buy",
    ),
    (
        "warmup_long",
        "warning: it takes more than 10,000 evaluations until every trigger has a value",
    ),
    (
        "warmup_beyond_history",
        "warning: the strategy warms up with candles, and they don't reach for all of it",
    ),
    (
        "import_old_form",
        "notice: a node in an older form was read as its present one",
    ),
    (
        "import_differs",
        "notice: the node means something else than where the file came from",
    ),
    (
        "plan_too_large",
        "the windows of all indicators together hold over 1,000,000 values",
    ),
    (
        "diagnostics_truncated",
        "warning: there are more diagnostics than are shown",
    ),
];

/// The codes that only a script can have, with what they mean.
pub const SCRIPT_CODES: &[(&str, &str)] = &[
    ("script_syntax", "the text is not Python's syntax"),
    (
        "script_too_large",
        "the script is too large, or comes to too many nodes or rounds",
    ),
    ("script_too_deep", "the script is nested too deep"),
    (
        "character_invalid",
        "a character that makes a text look like another one, or a name that is too long",
    ),
    (
        "outside_language",
        "Python, but not part of the language; the hint tells what to write",
    ),
    ("name_unknown", "no value, function or result has this name"),
    ("name_reserved", "the name has a meaning of its own"),
    ("argument_missing", "the function needs another argument"),
    ("argument_unknown", "the function has no such argument"),
    ("argument_invalid", "the argument can't be this"),
    (
        "not_constant",
        "a series stands where a number has to be known when the script is compiled",
    ),
    ("look_ahead", "a value of the future is asked for"),
    ("loop_invalid", "the loop can't be unrolled"),
    ("recursion", "a function calls itself"),
    (
        "assignment_conditional",
        "a name would have one value or another",
    ),
    ("order_misplaced", "an order has no condition"),
    ("param_invalid", "a parameter is set to what it can't be"),
    ("no_effect", "warning: the expression has no effect"),
];
