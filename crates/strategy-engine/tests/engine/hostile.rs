//! Sources that nobody should send: each an error with a code, soon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strategy_engine::{compile, compile_text};

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
