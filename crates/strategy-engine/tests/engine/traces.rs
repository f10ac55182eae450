//! Where the values of a graph's nodes are, while its plan runs.

use std::sync::Arc;

use serde_json::{Value, json};
use strategy_engine::{
    Evaluator, NodeOutput, Origin, Shown, Tick, Timeframe, Trace, compile, templates, trace,
};

fn graph() -> Value {
    json!({
        "nodes": [
            {"id": "price", "type": "priceNode"},
            {"id": "mean", "type": "smaNode", "data": {"period": 2}},
            // The same as `mean`: one operation computes both.
            {"id": "again", "type": "smaNode", "data": {"period": 2}},
            {"id": "above", "type": "compareNode", "data": {"operator": ">"}},
            {"id": "below", "type": "compareNode", "data": {"operator": "<"}},
            {"id": "unused", "type": "compareNode", "data": {"value": 5}},
            {"id": "buy", "type": "buyNode", "data": {"sizeType": "percent_of_cash"}},
            {"id": "sell", "type": "sellNode", "data": {"sizeType": "percent_of_position"}},
        ],
        "edges": [
            {"source": "price", "target": "mean", "targetHandle": "price-in"},
            {"source": "price", "target": "again", "targetHandle": "price-in"},
            {"source": "price", "target": "above", "targetHandle": "value1-in"},
            {"source": "mean", "target": "above", "targetHandle": "value2-in"},
            {"source": "price", "target": "below", "targetHandle": "value1-in"},
            {"source": "again", "target": "below", "targetHandle": "value2-in"},
            {"source": "mean", "target": "unused", "targetHandle": "value1-in"},
            {"source": "above", "target": "buy"},
            {"source": "below", "target": "sell"},
        ],
    })
}

/// What a node's only output gives; none for no value.
fn value(trace: &Trace, evaluator: &Evaluator, node: &str) -> Option<Value> {
    let index = trace.outputs.iter().position(|output| output.node == node);
    match evaluator.show(trace)[index.expect(node)]? {
        Shown::Number(number) => Some(json!(number)),
        Shown::Condition(condition) => Some(json!(condition)),
    }
}

fn tick(price: i64) -> Tick {
    Tick {
        price: price.into(),
        ..Tick::default()
    }
}

#[test]
fn each_node_shows_what_it_gives() {
    let source = graph();
    let traced = trace(&source).expect("a graph that compiles");
    assert_eq!(Some(&traced.plan), compile(&source).plan.as_ref());
    let mut evaluator = Arc::new(traced.plan.clone()).start(Timeframe::Tick);
    for node in ["price", "mean", "above"] {
        assert_eq!(value(&traced, &evaluator, node), None, "{node}");
    }
    for (price, mean, above) in [
        (100, None, None),
        (110, Some(json!(105.0)), Some(true)),
        (90, Some(json!(100.0)), Some(false)),
    ] {
        evaluator.on_tick(&tick(price));
        let shown = |node| value(&traced, &evaluator, node);
        assert_eq!(shown("price"), Some(json!(price as f64)));
        assert_eq!((shown("mean"), shown("again")), (mean.clone(), mean));
        assert_eq!(shown("above"), above.map(Value::from));
        assert_eq!(shown("below"), above.map(|above| json!(!above)));
        // No order depends on it.
        assert_eq!(shown("unused"), None);
    }
    // Another plan's numbers mean nothing here.
    let other = trace(&templates()[0].source()).expect("a template");
    assert!(evaluator.show(&other).iter().all(Option::is_none));
}

/// Averages read the market by themselves, and constants are computed away: both are shown.
#[test]
fn what_the_plan_has_no_operation_for_is_shown_too() {
    let source = json!({
        "nodes": [
            {"id": "price", "type": "priceNode"},
            {"id": "volume", "type": "volumeNode", "data": {"volumeType": "raw"}},
            {"id": "fast", "type": "smaNode", "data": {"period": 1}},
            {"id": "slow", "type": "smaNode", "data": {"period": 2}},
            {"id": "two", "type": "constantNode", "data": {"value": 2}},
            {"id": "three", "type": "mathNode", "data": {"operation": "add"}},
            {"id": "limit", "type": "compareNode", "data": {"operator": "<", "value": 9}},
            {"id": "cross", "type": "crossoverNode", "data": {"crossType": "above"}},
            {"id": "both", "type": "andNode"},
            {"id": "buy", "type": "buyNode", "data": {"sizeType": "percent_of_cash"}},
        ],
        "edges": [
            {"source": "price", "target": "fast", "targetHandle": "price-in"},
            {"source": "price", "target": "slow", "targetHandle": "price-in"},
            {"source": "fast", "target": "cross", "targetHandle": "fast-in"},
            {"source": "slow", "target": "cross", "targetHandle": "slow-in"},
            {"source": "two", "target": "three", "targetHandle": "a-in"},
            {"source": "two", "target": "three", "targetHandle": "b-in"},
            {"source": "three", "target": "limit", "targetHandle": "value1-in"},
            {"source": "cross", "target": "both"},
            {"source": "limit", "target": "both"},
            {"source": "both", "target": "buy"},
        ],
    });
    let traced = trace(&source).unwrap_or_else(|| panic!("{:?}", compile(&source).diagnostics));
    let mut evaluator = Arc::new(traced.plan.clone()).start(Timeframe::Tick);
    evaluator.on_tick(&tick(50));
    let shown = |node| value(&traced, &evaluator, node);
    assert_eq!(shown("price"), Some(json!(50.0)));
    assert_eq!(shown("two"), Some(json!(2.0)));
    assert_eq!(shown("three"), Some(json!(4.0)));
    assert_eq!(shown("limit"), Some(json!(true)));
    // Nobody reads the volume.
    assert_eq!(shown("volume"), None);
}

#[test]
fn what_travels_along_a_templates_edges_comes_from_somewhere() {
    for template in templates() {
        let source = template.source();
        let traced = trace(&source).expect(template.key);
        let edges = source["edges"].as_array().unwrap();
        let leaves_by = |output: &NodeOutput, edge: &Value| {
            edge["source"] == output.node.as_str() && edge["sourceHandle"] == output.output
        };
        let wired = traced.outputs.iter();
        let wired = wired.filter(|output| edges.iter().any(|edge| leaves_by(output, edge)));
        let mut count = 0;
        for output in wired {
            let key = template.key;
            assert_ne!(output.origin, Origin::Nowhere, "{key}: {output:?}");
            count += 1;
        }
        assert!(count > 1, "{}", template.key);
    }
    assert_eq!(trace(&json!({"nodes": [], "edges": []})), None);
    assert_eq!(trace(&json!(7)), None);
}
