//! Files as users have saved them.

use serde_json::{Value, json};
use strategy_engine::{Timeframe, compile};

use crate::support::{codes, each_time, errors, fires, graph, plan, run, walk};

fn bare() -> Value {
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("high", "compareNode", json!({"operator": ">", "value": 10})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > high.value1-in",
            "high.result-out > buy.trigger-in",
        ],
    )
}

#[test]
fn every_wrapper_holds_the_same_plan() {
    let graph = bare();
    let hash = plan(&graph).hash();
    let record = json!({"id": "1", "name": "n", "version": 3, "json_tree": graph.clone()});
    for source in [
        json!({"name": "n", "description": "d", "nodes": graph["nodes"], "edges": graph["edges"]}),
        json!({"initialNodes": graph["nodes"], "initialEdges": graph["edges"]}),
        record.clone(),
        json!({"json_tree": graph.to_string()}),
        json!({"success": true, "data": record.clone(), "message": ""}),
        json!({"success": true, "data": {"strategies": [record.clone()]}, "message": ""}),
        json!([record]),
    ] {
        assert_eq!(plan(&source).hash(), hash, "{source}");
    }
}

#[test]
fn extra_keys_and_positions_change_nothing() {
    let mut decorated = bare();
    for node in decorated["nodes"].as_array_mut().unwrap() {
        node["position"] = json!({"x": 3.5, "y": -9});
        node["selected"] = json!(true);
        node["width"] = json!(150);
        node["data"]["label"] = json!("My node");
    }
    for edge in decorated["edges"].as_array_mut().unwrap() {
        edge["animated"] = json!(true);
        edge["id"] = json!("e");
    }
    assert_eq!(plan(&decorated).hash(), plan(&bare()).hash());
}

#[test]
fn numbers_may_be_text_or_null_and_data_may_be_missing() {
    let sma = |data: Value| {
        let mut source = graph(
            &[
                ("price", "priceNode", json!({})),
                ("sma", "smaNode", json!({})),
                (
                    "high",
                    "compareNode",
                    json!({"operator": ">", "value": "10"}),
                ),
                ("buy", "buyNode", each_time()),
            ],
            &[
                "price.price-out > sma.price-in",
                "sma.sma-out > high.value1-in",
                "high.result-out > buy.trigger-in",
            ],
        );
        source["nodes"][1]["data"] = data;
        plan(&source).hash()
    };
    let default = sma(json!({"period": 20}));
    for same in [
        json!({}),
        json!(null),
        json!({"period": null}),
        json!({"period": " 20 "}),
        json!({"period": 20.0}),
        json!({"period": "2e1"}),
        json!({"period": ""}),
    ] {
        assert_eq!(sma(same.clone()), default, "{same}");
    }
    assert_ne!(sma(json!({"period": "21"})), default);
}

#[test]
fn handles_may_be_left_out_where_there_is_one() {
    let mut source = bare();
    source["edges"][0]
        .as_object_mut()
        .unwrap()
        .remove("sourceHandle");
    source["edges"][1]["sourceHandle"] = json!(null);
    source["edges"][1]["targetHandle"] = json!(null);
    assert_eq!(plan(&source).hash(), plan(&bare()).hash());
}

#[test]
fn compare_nodes_from_before_2025_08_27() {
    let old = |data: Value, edges: &[&str]| {
        let mut wires = vec![
            "price.price-out > c.value-in",
            "c.result-out > buy.trigger-in",
        ];
        wires.extend_from_slice(edges);
        graph(
            &[
                ("price", "priceNode", json!({"symbol": "AAPL"})),
                ("two", "constantNode", json!({"value": 2})),
                ("c", "compareNode", data),
                ("buy", "buyNode", each_time()),
            ],
            &wires,
        )
    };
    let prices = ["-1", "1", "2", "3"];
    let source = old(json!({"operator": ">"}), &[]);
    assert_eq!(
        fires(&source, &prices),
        [1, 2, 3],
        "without a value, the second operand is 0"
    );
    assert!(codes(&source).contains(&"import_old_form".to_owned()));
    assert!(
        codes(&source).contains(&"field_ignored".to_owned()),
        "the symbol has no effect"
    );
    let source = old(json!({"operator": ">=", "value": "2"}), &[]);
    assert_eq!(fires(&source, &prices), [2, 3]);
    let source = old(json!({"operator": "!="}), &["two.value-out > c.compare-in"]);
    assert_eq!(fires(&source, &prices), [0, 1, 3]);
}

#[test]
fn a_price_node_of_volume_and_an_old_threshold_handle() {
    let source = graph(
        &[
            ("v", "priceNode", json!({"priceType": "volume"})),
            ("t", "thresholdNode", json!({"threshold": 0.5})),
            ("buy", "buyNode", each_time()),
        ],
        &["v.price-out > t.value1-in", "t.above-out > buy.trigger-in"],
    );
    assert_eq!(
        fires(&source, &["0.1"]),
        [0],
        "the volume of 1 is above, the price isn't"
    );
}

/// What the platform's editor writes for RSI below 30 -> buy, above 70 -> sell.
#[test]
fn an_editor_file_compiles_unmodified_and_says_how_it_was_read() {
    let source = json!({
        "name": "RSI", "description": "", "initialNodes": [
            {"id": "priceNode-1724745600000", "type": "priceNode", "position": {"x": 1, "y": 2},
             "data": {"label": "Price"}},
            {"id": "rsi", "type": "rsiNode", "data": {}},
            {"id": "t", "type": "thresholdNode"},
            {"id": "any", "type": "orNode", "data": {"label": "OR"}},
            {"id": "ema", "type": "emaNode", "data": {}},
            {"id": "x", "type": "crossoverNode", "data": {"crossType": "any"}},
            {"id": "buy", "type": "buyNode", "data": {"quantity": "100"}},
            {"id": "sell", "type": "sellNode", "data": {}},
            {"id": "note", "type": "labelNode", "data": {"labelText": "by hand"}}],
        "initialEdges": [
            {"id": "1", "source": "priceNode-1724745600000", "sourceHandle": "price-out",
             "target": "rsi", "targetHandle": "price-in", "animated": true},
            {"source": "rsi", "sourceHandle": "rsi-out", "target": "t", "targetHandle": "value-in"},
            {"source": "priceNode-1724745600000", "target": "ema", "targetHandle": "price-in"},
            {"source": "priceNode-1724745600000", "target": "x", "targetHandle": "fast-in"},
            {"source": "ema", "target": "x", "targetHandle": "slow-in"},
            {"source": "x", "target": "any", "targetHandle": "input-b"},
            {"source": "t", "sourceHandle": "oversold-out", "target": "any",
             "targetHandle": "input-a"},
            {"source": "any", "sourceHandle": "result-out", "target": "buy",
             "targetHandle": "trigger-in"},
            {"source": "t", "sourceHandle": "overbought-out", "target": "sell",
             "targetHandle": "trigger-in"}]});
    assert!(errors(&source).is_empty());
    let notices = compile(&source).diagnostics;
    let told = |node: &str, code: &str| {
        notices
            .iter()
            .any(|d| d.node.as_deref() == Some(node) && d.code == code)
    };
    assert!(told("buy", "size_assumed"));
    assert!(told("sell", "size_assumed"));
    assert!(
        told("buy", "import_differs"),
        "fires when the trigger becomes true"
    );
    assert!(told("rsi", "import_differs"));
    assert!(told("ema", "import_differs"));
    assert!(told("ema", "field_default"));
    assert!(told("x", "import_differs"));
    assert!(told("t", "import_differs"), "does nothing on the platform");
    assert!(told("t", "field_default"));
    assert!(!run(&plan(&source), Timeframe::Tick, &walk(3, 2_000)).is_empty());
}

#[test]
fn our_own_graphs_need_no_notices() {
    let source = graph(
        &[
            ("price", "priceNode", json!({})),
            ("rsi", "rsiNode", json!({})),
            ("t", "thresholdNode", json!({})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > rsi.price-in",
            "rsi.rsi-out > t.value-in",
            "t.oversold-out > buy.trigger-in",
        ],
    );
    assert_eq!(compile(&source).diagnostics, []);
}
