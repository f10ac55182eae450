//! Each code, with the node and the field that it names.

mod fields;
mod meaning;
mod wiring;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strategy_engine::{CODES, Severity, compile, compile_text};

use crate::support::{errors, graph, once};

/// A source and the one diagnostic of this code that it must give.
pub struct Case {
    pub code: &'static str,
    severity: Severity,
    node: Option<&'static str>,
    field: Option<&'static str>,
    pub source: Value,
}

fn error(code: &'static str, source: Value) -> Case {
    Case {
        code,
        severity: Severity::Error,
        node: None,
        field: None,
        source,
    }
}

fn warning(code: &'static str, source: Value) -> Case {
    Case {
        severity: Severity::Warning,
        ..error(code, source)
    }
}

fn notice(code: &'static str, source: Value) -> Case {
    Case {
        severity: Severity::Notice,
        ..error(code, source)
    }
}

impl Case {
    fn at(mut self, node: &'static str) -> Self {
        self.node = Some(node);
        self
    }

    fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

/// A correct strategy with these nodes and edges added.
fn with(nodes: &[(&str, &str, Value)], edges: &[&str]) -> Value {
    let mut all = vec![
        ("price", "priceNode", json!({})),
        ("high", "compareNode", json!({"operator": ">", "value": 10})),
        ("buy", "buyNode", once()),
    ];
    all.extend_from_slice(nodes);
    let mut wires = vec![
        "price.price-out > high.value1-in",
        "high.result-out > buy.trigger-in",
    ];
    wires.extend_from_slice(edges);
    graph(&all, &wires)
}

fn raw(change: impl Fn(&mut Value)) -> Value {
    let mut source = with(&[], &[]);
    change(&mut source);
    source
}

fn many(count: usize, edges: usize) -> Value {
    let nodes: Vec<Value> = (0..count)
        .map(|i| json!({"id": i.to_string(), "type": "notNode"}))
        .collect();
    let edge = json!({"source": "0", "target": "1"});
    json!({"nodes": nodes, "edges": vec![edge; edges]})
}

fn windows(count: usize) -> Value {
    let ids: Vec<String> = (0..count).map(|i| format!("sma{i}")).collect();
    let mut nodes = vec![("all", "orNode", json!({})), ("buy2", "buyNode", once())];
    let mut edges = vec!["all.result-out > buy2.trigger-in".to_owned()];
    let compares: Vec<String> = (0..count).map(|i| format!("c{i}")).collect();
    for (i, (sma, compare)) in ids.iter().zip(&compares).enumerate() {
        nodes.push((sma, "smaNode", json!({"period": 100_000 - i})));
        nodes.push((compare, "compareNode", json!({"value": 1})));
        edges.push(format!("price.price-out > {sma}.price-in"));
        edges.push(format!("{sma}.sma-out > {compare}.value1-in"));
        edges.push(format!("{compare}.result-out > all.input-a"));
    }
    with(
        &nodes,
        &edges.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// Buys on whether 1 is so to 2, or rather isn't.
fn constant(operator: &str, value: i64) -> Value {
    with(
        &[
            ("one", "constantNode", json!({"value": 1})),
            (
                "c",
                "compareNode",
                json!({"operator": operator, "value": value}),
            ),
            ("not", "notNode", json!({})),
            ("b", "buyNode", once()),
        ],
        &[
            "one.value-out > c.value1-in",
            "c.result-out > not.input-in",
            "not.result-out > b.trigger-in",
        ],
    )
}

pub fn cases() -> Vec<Case> {
    [wiring::cases(), fields::cases(), meaning::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_code_names_its_node_and_field() {
    for Case {
        code,
        severity,
        node,
        field,
        source,
    } in cases()
    {
        let compilation = compile(&source);
        let all = &compilation.diagnostics;
        let found = all
            .iter()
            .find(|d| d.code == code && (node.is_none() || d.node.as_deref() == node));
        let found = found.unwrap_or_else(|| panic!("{code} not in {all:#?}"));
        assert_eq!(found.severity, severity, "{found:#?}");
        assert_eq!(found.node.as_deref(), node, "{found:#?}");
        if field.is_some() {
            assert_eq!(found.field.as_deref(), field, "{found:#?}");
        }
        let any_error = all.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(compilation.plan.is_none(), any_error, "{all:#?}");
        if severity != Severity::Notice && code != "diagnostics_truncated" {
            assert!(
                found.hint.is_some()
                    || code == "node_invalid"
                    || code == "edge_invalid"
                    || code == "graph_invalid"
                    || code == "field_invalid"
                    || code == "source_invalid_json",
                "an error tells what to do: {found:#?}"
            );
        }
    }
}

#[test]
fn each_code_is_documented_and_tested() {
    let documented: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
    let tested: BTreeSet<&str> = cases().iter().map(|case| case.code).collect();
    assert_eq!(documented, tested);
}

#[test]
fn everything_is_reported_at_once() {
    let source = with(
        &[
            ("a", "smaNode", json!({"period": 0})),
            ("b", "emaNod", json!({})),
            ("c", "bollingerBandsNode", json!({})),
            ("d", "crossoverNode", json!({"crossType": "up"})),
            ("e", "notNode", json!({})),
        ],
        &[
            "e.result-out > e.input-in",
            "nowhere.x > d.fast-in",
            "price.price-out > d.slow-in",
            "price.price-out > c.anything",
            "b.anything > e.input-in",
        ],
    );
    let mut found: Vec<_> = errors(&source)
        .into_iter()
        .map(|d| format!("{} {}", d.code, d.node.unwrap()))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "cycle e",
            "edge_node_unknown d",
            "field_invalid d",
            "field_out_of_range a",
            "handle_unknown c",
            "input_missing a",
            "input_missing c",
            "node_unknown b",
        ]
    );
}

#[test]
fn what_surrounds_a_refused_node_is_not_reported_for_it() {
    let source = with(
        &[
            ("flag", "patternNode", json!({"patternType": "flag"})),
            ("both", "andNode", json!({})),
        ],
        &[
            "price.price-out > flag.price-in",
            "flag.pattern-out > both.input-a",
            "flag.pattern-out > both.input-b",
        ],
    );
    // The other's inputs come from a refused node: only that one is to blame.
    let found: Vec<_> = errors(&source)
        .into_iter()
        .map(|d| d.code.into_owned())
        .collect();
    assert_eq!(found, ["node_unsupported"]);
}

#[test]
fn a_cycle_names_its_nodes_and_not_those_beside_it() {
    let source = with(
        &[
            ("a", "notNode", json!({})),
            ("b", "andNode", json!({})),
            ("after", "notNode", json!({})),
        ],
        &[
            "high.result-out > b.input-a",
            "a.result-out > b.input-b",
            "b.result-out > a.input-in",
            "b.result-out > after.input-in",
        ],
    );
    let found = errors(&source);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("`a` -> `b` -> `a`"),
        "{}",
        found[0].message
    );
}

#[test]
fn suggestions_are_for_misspelt_names() {
    let hint = |source: &Value| errors(source)[0].hint.clone().unwrap_or_default();
    assert_eq!(
        hint(&with(&[("x", "smaNoed", json!({}))], &[])),
        "did you mean `smaNode`?"
    );
    assert_eq!(
        hint(&with(&[], &["pric.price-out > high.value2-in"])),
        "did you mean `price`?"
    );
    let source = with(&[("x", "priceNode", json!({"priceType": "clsoe"}))], &[]);
    assert_eq!(hint(&source), "did you mean `close`?");
}

#[test]
fn text_that_is_not_json_has_a_place() {
    let compilation = compile_text("{\"nodes\": [}");
    assert_eq!(compilation.diagnostics.len(), 1);
    assert_eq!(compilation.diagnostics[0].code, "source_invalid_json");
    assert!(
        compilation.diagnostics[0]
            .message
            .contains("line 1 column 12")
    );
    assert!(!compilation.ok());
}

#[test]
fn diagnostics_serialise_as_the_api_has_them() {
    let found = &errors(&with(&[("sma", "smaNode", json!({"period": 0}))], &[]))[0];
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        json!({
            "code": "field_out_of_range", "severity": "error", "node": "sma", "field": "period",
            "message": "`period` is 0, but must be from 1 to 100000",
            "hint": "set `period` from 1 to 100000",
        })
    );
}
