//! Finds the graph in what users have saved: a bare graph, a strategy record with its graph in
//! `json_tree`, an API answer (`data`), or a list with one strategy in it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Report};

/// An answer holding a list holding a record holding a graph as text takes five steps.
const MOST_WRAPPERS: usize = 8;

/// The object that holds the nodes, or none with the reason reported.
pub(crate) fn unwrap<'a>(source: &'a Value, report: &mut Report) -> Option<Cow<'a, Value>> {
    let mut current = Cow::Borrowed(source);
    for _ in 0..MOST_WRAPPERS {
        if current.as_object().is_some_and(holds_nodes) {
            return Some(current);
        }
        let Some(inner) = inner(&current, report) else {
            break;
        };
        current = Cow::Owned(inner);
    }
    if !report.has_errors() {
        let problem = Diagnostic::error("graph_invalid", "no list of nodes was found");
        report.push(problem.hint("a graph is an object with `nodes` and `edges`"));
    }
    None
}

fn holds_nodes(object: &Map<String, Value>) -> bool {
    object.contains_key("nodes") || object.contains_key("initialNodes")
}

/// What is in the wrapper; none if it is no wrapper, or what is in it is reported.
fn inner(value: &Value, report: &mut Report) -> Option<Value> {
    match value {
        Value::Object(object) => ["json_tree", "strategies", "data"]
            .iter()
            .find_map(|key| object.get(*key))
            .cloned(),
        Value::Array(list) if list.len() == 1 => list.first().cloned(),
        Value::Array(list) => {
            let message = format!("the source holds {} strategies", list.len());
            let problem = Diagnostic::error("graph_invalid", message);
            report.push(problem.hint("import one strategy at a time"));
            None
        }
        // Some records keep the graph as text in the text.
        Value::String(text) => serde_json::from_str(text)
            .map_err(|error| {
                let message = format!("the graph is text that is not JSON: {error}");
                report.push(Diagnostic::error("source_invalid_json", message));
            })
            .ok(),
        _ => None,
    }
}
