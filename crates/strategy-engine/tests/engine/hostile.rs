//! Sources that nobody should send: each an error with a code, soon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strategy_engine::{compile, compile_text, node_groups};

use crate::support::{each_time, errors, plan};

/// Debug builds on a busy machine are slow; a release build takes a tenth of it.
const SOON: Duration = Duration::from_secs(5);

fn soon<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    result
}

#[test]
fn ten_megabytes_are_refused_unread() {
    let text = format!("{{\"nodes\": [{}]}}", "[],".repeat(3_500_000));
    let compilation = soon(|| compile_text(&text));
    assert_eq!(compilation.diagnostics[0].code, "source_too_large");
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(
        compile_text(&text).diagnostics[0].code,
        "source_invalid_json"
    );
    let text = "{\"data\":".repeat(100) + "1" + &"}".repeat(100);
    assert_eq!(compile_text(&text).diagnostics[0].code, "graph_invalid");
}

#[test]
fn a_hundred_thousand_nodes_are_counted_only() {
    let text = format!("{{\"nodes\": [{}1]}}", "1,".repeat(100_000));
    let compilation = soon(|| compile_text(&text));
    assert_eq!(compilation.diagnostics[0].code, "too_many_nodes");
}

/// A chain through all nodes that a graph may have.
fn chain(length: usize) -> Value {
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "n0", "type": "compareNode", "data": {"value": 10}}),
        json!({"id": "buy", "type": "buyNode", "data": each_time()}),
    ];
    let mut edges = vec![json!({"source": "price", "target": "n0", "targetHandle": "value1-in"})];
    for i in 1..length {
        nodes.push(json!({"id": format!("n{i}"), "type": "notNode"}));
        edges.push(json!({"source": format!("n{}", i - 1), "target": format!("n{i}")}));
    }
    edges.push(json!({"source": format!("n{}", length - 1), "target": "buy"}));
    json!({"nodes": nodes, "edges": edges})
}

#[test]
fn the_deepest_graph_compiles_and_runs() {
    let source = chain(1_998);
    let signals = soon(|| {
        crate::support::run(
            &plan(&source),
            "tick".parse().unwrap(),
            &crate::support::ticks(&["9", "11", "9"]),
        )
    });
    assert_eq!(signals.len(), 2, "an odd number of negations");
    assert!(signals[0].1.reason.chars().count() <= 401);
}

#[test]
fn one_circle_through_all_nodes() {
    let mut source = chain(1_998);
    source["edges"][0] = json!({"source": "n1997", "target": "n0", "targetHandle": "value1-in"});
    let found = soon(|| errors(&source));
    let cycle = found.iter().find(|d| d.code == "cycle").unwrap();
    assert!(cycle.message.len() < 1_000, "{}", cycle.message);
}

#[test]
fn thousands_of_misspelt_names() {
    let nodes: Vec<Value> = (0..2_000)
        .map(|i| json!({"id": format!("{}{i}", "n".repeat(60)), "type": "smaNoed"}))
        .collect();
    let edges: Vec<Value> = (0..4_000)
        .map(|i| json!({"source": format!("{}x{i}", "n".repeat(58)), "target": "m"}))
        .collect();
    let compilation = soon(|| compile(&json!({"nodes": nodes, "edges": edges})));
    assert!(compilation.diagnostics.len() <= 601);
}

#[test]
fn tricks_in_names_are_shown_escaped() {
    let source = json!({"nodes": [{"id": "a\u{202e}b\n", "type": "sma\u{0}Node"}]});
    let found = errors(&source);
    let unknown = found.iter().find(|d| d.code == "node_unknown").unwrap();
    assert_eq!(unknown.message, "there is no node type `sma\\0Node`");
    let edges = json!({"nodes": [], "edges": [{"source": "a\u{202e}\n", "target": "b"}]});
    assert!(errors(&edges)[0].message.contains("`a\\u{202e}\\n`"));
}

#[test]
fn the_most_edges_into_one_node() {
    let mut nodes = vec![
        json!({"id": "or", "type": "orNode"}),
        json!({"id": "buy", "type": "buyNode", "data": each_time()}),
    ];
    nodes.push(json!({"id": "price", "type": "priceNode"}));
    let mut edges = vec![json!({"source": "or", "target": "buy"})];
    for i in 0..1_997 {
        let id = format!("c{i}");
        nodes.push(json!({"id": id, "type": "compareNode", "data": {"value": i}}));
        edges.push(json!({"source": "price", "target": id, "targetHandle": "value1-in"}));
        for _ in 0..3 {
            edges.push(json!({"source": id, "target": "or", "targetHandle": "input-a"}));
        }
    }
    let source = json!({"nodes": nodes, "edges": edges});
    assert!(soon(|| compile(&source)).ok());
}

#[test]
fn no_figure_of_any_node_can_be_what_it_must_not() {
    let types = node_groups().iter().flat_map(|group| group.types);
    for node_type in types {
        let name = node_type.name.split(' ').next().unwrap();
        for field in node_type.fields {
            let is_number = field.default.parse::<f64>().is_ok();
            for value in [
                json!(0),
                json!(-1),
                json!(1e9),
                json!(-1e9),
                json!(1e308),
                json!("1e400"),
                json!("NaN"),
                json!("-inf"),
                json!("0x10"),
                json!(2.5),
                json!([]),
                json!({"a": 1}),
                json!("\u{202e}12"),
                json!("١٢"),
                json!(true),
                json!("9".repeat(10_000)),
            ] {
                // Something else is set as well, so that either form of a node is read.
                let mut data = json!({"timeType": "hour"});
                if node_type.name.ends_with(')') {
                    data = json!({});
                }
                // What is only read beside another field gets it.
                if matches!(name, "buyNode" | "sellNode") {
                    data["sizeType"] = json!("units");
                }
                data["trailingEnabled"] = json!(true);
                if field.name.ends_with("Target") {
                    data["partialProfits"] = json!(true);
                }
                data[field.name] = value.clone();
                let source = json!({"nodes": [{"id": "x", "type": name, "data": data}]});
                let found = soon(|| compile(&source)).diagnostics;
                let told = found.iter().any(|d| d.field.as_deref() == Some(field.name));
                // What is no number at all is an error wherever a number belongs.
                let text = value.as_str().unwrap_or_default();
                if is_number && matches!(text, "NaN" | "-inf" | "0x10" | "١٢" | "1e400") {
                    assert!(told, "{name} {} = {value}: {found:#?}", field.name);
                }
                assert!(
                    found.iter().all(|d| d.message.len() < 1_000),
                    "{name} {value}"
                );
            }
        }
    }
}

/// A chain of one type, each fed by the one before.
fn chain_of(kind: &str, input: &str, output: &str, length: usize) -> Value {
    let mut nodes = vec![
        json!({"id": "n0", "type": "priceNode"}),
        json!({"id": "c", "type": "compareNode", "data": {"value": 100}}),
        json!({"id": "buy", "type": "buyNode", "data": each_time()}),
    ];
    let mut edges = Vec::new();
    for i in 1..length {
        nodes.push(json!({"id": format!("n{i}"), "type": kind, "data": {"period": 3}}));
        let out = if i == 1 { "price-out" } else { output };
        edges.push(json!({"source": format!("n{}", i - 1), "sourceHandle": out,
                          "target": format!("n{i}"), "targetHandle": input}));
    }
    edges.push(
        json!({"source": format!("n{}", length - 1), "sourceHandle": output, "target": "c",
                      "targetHandle": "value1-in"}),
    );
    edges.push(json!({"source": "c", "target": "buy"}));
    json!({"nodes": nodes, "edges": edges})
}

#[test]
fn the_longest_chains_of_indicators_compile_and_run() {
    for (kind, output) in [
        ("demaNode", "dema-out"),
        ("hullNode", "hull-out"),
        ("emaNode", "ema-out"),
    ] {
        let source = chain_of(kind, "price-in", output, 1_900);
        let plan = soon(|| plan(&source));
        soon(|| {
            crate::support::run(
                &plan,
                "tick".parse().unwrap(),
                &crate::support::walk(1, 200),
            )
        });
    }
}

#[test]
fn conditions_woven_into_each_other_are_looked_at_once() {
    // Two to the power of 900 ways lead through this.
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "a0", "type": "compareNode", "data": {"value": 1}}),
        json!({"id": "b0", "type": "compareNode", "data": {"value": 2, "operator": "<"}}),
        json!({"id": "buy", "type": "buyNode", "data": each_time()}),
    ];
    let mut edges = vec![
        json!({"source": "price", "target": "a0", "targetHandle": "value1-in"}),
        json!({"source": "price", "target": "b0", "targetHandle": "value1-in"}),
        json!({"source": "a900", "target": "buy"}),
    ];
    for i in 1..=900 {
        for (id, kind) in [("a", "andNode"), ("b", "orNode")] {
            nodes.push(json!({"id": format!("{id}{i}"), "type": kind}));
            for from in ["a", "b"] {
                edges.push(
                    json!({"source": format!("{from}{}", i - 1), "target": format!("{id}{i}")}),
                );
            }
        }
    }
    let source = json!({"nodes": nodes, "edges": edges});
    assert!(soon(|| compile(&source)).ok());
}

#[test]
fn a_thousand_stops_of_a_thousand_buys() {
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "c", "type": "compareNode", "data": {"value": 1}}),
    ];
    let mut edges = vec![json!({"source": "price", "target": "c", "targetHandle": "value1-in"})];
    for i in 0..990 {
        nodes.push(json!({"id": format!("b{i}"), "type": "buyNode", "data": each_time()}));
        nodes.push(json!({"id": format!("s{i}"), "type": "stopLossNode"}));
        edges.push(json!({"source": "c", "target": format!("b{i}")}));
        edges.push(json!({"source": "c", "target": format!("s{i}"), "targetHandle": "trigger-in"}));
    }
    let found = soon(|| compile(&json!({"nodes": nodes, "edges": edges})));
    assert_eq!(found.diagnostics[0].code, "terms_conflict");
}
