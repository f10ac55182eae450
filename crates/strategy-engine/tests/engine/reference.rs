//! docs/strategy-graph.md is complete: its tables are written from the catalogue and from what the
//! compiler says. `UPDATE_DOCS=1 cargo test -p strategy-engine reference` writes them anew.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use strategy_engine::{CODES, NodeType, Severity, Unwired, ValueType, compile, node_groups};

use crate::diagnostics::cases;
use crate::random;
use crate::support::{each_time, graph, plan};

fn names(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn value(value: ValueType) -> &'static str {
    match value {
        ValueType::Number => "",
        ValueType::Condition => " (condition)",
        ValueType::Order => " (order)",
        ValueType::Size => " (size)",
        ValueType::Exit => " (exit)",
    }
}

fn describe(node_type: &NodeType) -> String {
    let mut text = format!("#### {}\n\n{}\n", node_type.name, node_type.meaning);
    let list = |text: &mut String, title: &str, items: Vec<String>| {
        if !items.is_empty() {
            let _ = write!(text, "\n- {title}: {}", items.join("; "));
        }
    };
    let inputs = node_type.inputs.iter().map(|input| {
        let what = match (input.value, input.unwired) {
            (None, _) => " (no effect)".to_owned(),
            (Some(kind), Unwired::Required) => value(kind).to_owned(),
            (Some(kind), Unwired::Optional) => format!("{} (may be left open)", value(kind)),
            (Some(kind), Unwired::Market(field)) => {
                format!("{} (unconnected: {field:?})", value(kind)).to_lowercase()
            }
        };
        format!("{}{what}", names(input.names))
    });
    list(&mut text, "in", inputs.collect());
    let outputs = node_type.outputs.iter();
    let outputs = outputs.map(|output| format!("{}{}", names(output.names), value(output.value)));
    list(&mut text, "out", outputs.collect());
    let fields = node_type.fields.iter().map(|field| {
        let default = match field.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        format!("`{}`{default}: {}", field.name, field.range)
    });
    list(&mut text, "data", fields.collect());
    text.push('\n');
    text
}

fn node_reference() -> String {
    let mut text = String::new();
    for group in node_groups() {
        let _ = write!(text, "\n### {}\n", group.title);
        for node_type in group.types {
            let _ = write!(text, "\n{}", describe(node_type));
        }
    }
    text
}

/// Each code with what the compiler says in the first case that the tests have of it.
fn code_reference() -> String {
    let mut text =
        String::from("\n| code | severity | meaning | for example |\n|---|---|---|---|\n");
    let cases = cases();
    for (code, meaning) in CODES {
        let case = cases.iter().find(|case| case.code == *code).unwrap();
        let all = compile(&case.source).diagnostics;
        let found = all.iter().find(|d| d.code == *code).unwrap();
        let severity = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        let meaning = meaning.split_once(": ").map_or(*meaning, |(_, rest)| rest);
        let mut example = found.message.clone();
        if let Some(hint) = &found.hint {
            let _ = write!(example, "; {hint}");
        }
        let example = example.replace('|', "\\|");
        let _ = writeln!(text, "| `{code}` | {severity} | {meaning} | {example} |");
    }
    text
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/strategy-graph.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut written = text.clone();
    for (name, content) in [("nodes", node_reference()), ("codes", code_reference())] {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let start = written.find(&begin).unwrap() + begin.len();
        let stop = written.find(&end).unwrap();
        written.replace_range(start..stop, &format!("{content}\n"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &written).unwrap();
        return;
    }
    assert!(
        written == text,
        "docs/strategy-graph.md is out of date: UPDATE_DOCS=1 cargo test -p strategy-engine reference"
    );
}

/// A strategy with the node alone, fed by the price and a condition on it.
fn alone(node_type: &NodeType, data: Value) -> Value {
    let mut drawing = random::Drawing::begin();
    drawing.add(node_type, data, &mut random::Dice::new(7));
    drawing.trade_on_everything()
}

#[test]
fn defaults_in_the_reference_are_those_of_the_code() {
    for node_type in random::computing() {
        for field in node_type
            .fields
            .iter()
            .filter(|field| !field.default.is_empty())
        {
            // Fields of one form say which form it is.
            let form = match (node_type.name, field.name) {
                ("timeNode", _) => json!({"timeType": "hour"}),
                ("vwapNode", "period") => json!({"anchor": "rolling"}),
                ("volumeNode", "period") => json!({"volumeType": "sma"}),
                ("holdNode", "duration" | "unit") => json!({"holdType": "duration"}),
                _ => json!({}),
            };
            let mut stated = form.clone();
            stated[field.name] = json!(field.default);
            let mut other = form.clone();
            other[field.name] = match field.default {
                "all" => json!("tue"),
                "above" => json!("any"),
                text if text.contains(':') => json!("11:11"),
                text if text.parse::<i64>().is_ok() => json!(text.parse::<i64>().unwrap() + 1),
                text if text.parse::<f64>().is_ok() => json!(text.parse::<f64>().unwrap() / 2.0),
                _ => json!(null),
            };
            let hash = |data: &Value| plan(&alone(node_type, data.clone())).hash();
            let name = format!("{} {}", node_type.name, field.name);
            assert_eq!(hash(&form), hash(&stated), "{name}");
            // The field is one that the node reads.
            let changed = strategy_engine::compile(&alone(node_type, other.clone()));
            if !other[field.name].is_null() {
                assert!(
                    changed
                        .plan
                        .is_none_or(|changed| changed.hash() != hash(&form)),
                    "{name} has no effect"
                );
            }
        }
    }
}

#[test]
fn every_handle_and_alias_is_accepted() {
    for node_type in node_groups().iter().flat_map(|group| group.types) {
        let type_name = node_type.name.split(' ').next().unwrap();
        for output in node_type.outputs {
            for name in output.names {
                // An unknown handle is an error at the node, whatever else is wrong.
                let wire = format!("x.{name} > c.value1-in");
                let source = graph(
                    &[
                        ("x", type_name, json!({})),
                        ("c", "compareNode", json!({"value": 1})),
                        ("buy", "buyNode", each_time()),
                    ],
                    &[&wire, "c.result-out > buy.trigger-in"],
                );
                let found = strategy_engine::compile(&source).diagnostics;
                assert!(
                    !found.iter().any(|d| d.code == "handle_unknown"),
                    "{type_name} {name}"
                );
            }
        }
        for input in node_type.inputs {
            for name in input.names {
                let wire = format!("p.price-out > x.{name}");
                let source = graph(
                    &[("p", "priceNode", json!({})), ("x", type_name, json!({}))],
                    &[&wire],
                );
                let found = strategy_engine::compile(&source).diagnostics;
                assert!(
                    !found.iter().any(|d| d.code == "handle_unknown"),
                    "{type_name} {name}"
                );
            }
        }
    }
}
