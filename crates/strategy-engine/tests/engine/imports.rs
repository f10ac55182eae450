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

/// A file of these nodes with a price, high, low and a condition on the price to wire them to.
fn drawn(nodes: &[(&str, &str, Value)], edges: &[&str]) -> Value {
    let mut all = vec![
        ("price", "priceNode", json!({"label": "Price"})),
        ("high", "priceNode", json!({"priceType": "high"})),
        ("low", "priceNode", json!({"priceType": "low"})),
        (
            "cond",
            "compareNode",
            json!({"operator": "greater_than", "value": "99.9"}),
        ),
        ("level", "constantNode", json!({"value": "50"})),
        ("cmp", "compareNode", json!({})),
        ("buy", "buyNode", json!({})),
        ("sell", "sellNode", json!({})),
    ];
    all.extend_from_slice(nodes);
    let mut wires = vec![
        "price.price-out > cond.value-in",
        "level.value-out > cmp.value2-in",
    ];
    wires.extend_from_slice(edges);
    graph(&all, &wires)
}

#[test]
fn every_node_imports_as_the_editor_and_as_the_runtime_write_it() {
    let bar = [
        "price.price-out > x.close-in",
        "high.price-out > x.high-in",
        "low.price-out > x.low-in",
    ];
    let with_bar = |out: &'static str| {
        [
            &bar[..],
            &[
                out,
                "cmp.result-out > buy.trigger-in",
                "cond.result-out > sell.trigger-in",
            ],
        ]
        .concat()
    };
    let numbers: Vec<(&str, &[&str], &[&str])> = vec![
        (
            "macdNode",
            &["price.price-out > x.price-in"],
            &["macd-out", "signal-out", "histogram-out"],
        ),
        (
            "bollingerBandsNode",
            &["price.price-out > x.price-in"],
            &["upper-out", "middle-out", "lower-out"],
        ),
        (
            "stochasticNode",
            &["price.price-out > x.price-in"],
            &["k-out", "d-out"],
        ),
        ("atrNode", &["price.price-out > x.price-in"], &["atr-out"]),
        ("adxNode", &[], &["adx-out", "di-plus-out", "di-minus-out"]),
        ("cciNode", &["price.price-out > x.price-in"], &["cci-out"]),
        ("williamsRNode", &[], &["williams-out", "williams-r-out"]),
        (
            "spreadNode",
            &["low.price-out > x.bid-in", "high.price-out > x.ask-in"],
            &["spread-out"],
        ),
        ("timeNode", &[], &["time-out"]),
        ("labelNode", &[], &["label-out"]),
    ];
    let compiles = |source: &Value, name: &str| {
        let found = errors(source);
        assert!(found.is_empty(), "{name}: {found:#?}");
        run(&plan(source), "1s".parse().unwrap(), &walk(4, 500));
    };
    for (kind, wires, outputs) in numbers {
        for output in outputs {
            let out = format!("x.{output} > cmp.value1-in");
            let mut edges = wires.to_vec();
            edges.extend([
                out.as_str(),
                "cmp.result-out > buy.trigger-in",
                "cond.result-out > sell.trigger-in",
            ]);
            compiles(&drawn(&[("x", kind, json!({}))], &edges), kind);
        }
    }
    for (kind, out) in [
        ("stochasticNode", "x.k-out > cmp.value1-in"),
        ("atrNode", "x.atr-out > cmp.value1-in"),
        ("adxNode", "x.adx-out > cmp.value1-in"),
        ("cciNode", "x.cci-out > cmp.value1-in"),
        ("williamsRNode", "x.williams-r-out > cmp.value1-in"),
    ] {
        compiles(
            &drawn(&[("x", kind, json!({"period": "7"}))], &with_bar(out)),
            kind,
        );
    }
    let conditions: &[(&str, Value, &[&str], &str)] = &[
        ("timeNode", json!({"timeFrame": "1h"}), &[], "time-out"),
        (
            "divergenceNode",
            json!({}),
            &[
                "price.price-out > x.price-in",
                "low.price-out > x.indicator-in",
            ],
            "bullish-div-out",
        ),
        (
            "divergenceNode",
            json!({"period": 5}),
            &[
                "price.price-out > x.price-in",
                "low.price-out > x.indicator-in",
            ],
            "divergence-out",
        ),
        (
            "patternNode",
            json!({}),
            &["price.price-out > x.price-in"],
            "pattern-out",
        ),
        (
            "patternNode",
            json!({"lookback": 10}),
            &["price.price-out > x.price-in"],
            "pattern-out",
        ),
        (
            "holdNode",
            json!({}),
            &["cond.result-out > x.trigger-in"],
            "hold-out",
        ),
        (
            "holdNode",
            json!({"holdType": "duration", "duration": "2", "unit": "weeks"}),
            &[
                "cond.result-out > x.trigger-in",
                "cond.result-out > x.condition-in",
            ],
            "hold-out",
        ),
    ];
    for (kind, data, wires, output) in conditions {
        let out = format!("x.{output} > buy.trigger-in");
        let mut edges = wires.to_vec();
        edges.extend([
            "price.price-out > cmp.value1-in",
            out.as_str(),
            "cond.result-out > sell.trigger-in",
        ]);
        compiles(&drawn(&[("x", kind, data.clone())], &edges), kind);
    }
    let orders: &[(&str, Value, &[&str])] = &[
        (
            "stopLossNode",
            json!({}),
            &[
                "cond.result-out > x.trigger-in",
                "price.price-out > x.price-in",
                "x.stop-triggered > sell.trigger-in",
            ],
        ),
        (
            "stopLossNode",
            json!({"stopType": "trailing_percent"}),
            &[
                "buy.signal-out > x.trigger-in",
                "x.stop-triggered > sell.trigger-in",
            ],
        ),
        (
            "takeProfitNode",
            json!({"partialProfits": true}),
            &[
                "cond.result-out > x.trigger-in",
                "x.profit-triggered > sell.trigger-in",
            ],
        ),
        (
            "positionSizeNode",
            json!({}),
            &[
                "cond.result-out > x.signal-in",
                "price.price-out > x.portfolio-value-in",
                "x.position-size-out > buy.trigger-in",
                "cond.result-out > sell.trigger-in",
            ],
        ),
        (
            "positionSizeNode",
            json!({"sizeType": "percent_portfolio", "sizeValue": 10}),
            &[
                "cond.result-out > x.trigger-in",
                "price.price-out > x.price-in",
                "cond.result-out > sell.trigger-in",
            ],
        ),
    ];
    for (kind, data, wires) in orders {
        let mut edges = wires.to_vec();
        edges.extend([
            "price.price-out > cmp.value1-in",
            "cond.result-out > buy.trigger-in",
        ]);
        compiles(&drawn(&[("x", kind, data.clone())], &edges), kind);
    }
}

#[test]
fn an_import_says_what_means_something_else_here() {
    let told = |kind: &str, wires: &[&str], out: &str, text: &str| {
        let mut edges = wires.to_vec();
        edges.extend([out, "cond.result-out > sell.trigger-in"]);
        if !out.ends_with("cmp.value1-in") {
            edges.push("price.price-out > cmp.value1-in");
        } else {
            edges.push("cmp.result-out > buy.trigger-in");
        }
        let all = compile(&drawn(&[("x", kind, json!({}))], &edges)).diagnostics;
        let found = all
            .iter()
            .any(|d| d.code == "import_differs" && d.message.contains(text));
        assert!(found, "{kind}: {all:#?}");
    };
    let price: &[&str] = &["price.price-out > x.price-in"];
    told(
        "macdNode",
        price,
        "x.macd-out > cmp.value1-in",
        "MACD is TA-Lib's",
    );
    told(
        "stochasticNode",
        price,
        "x.k-out > cmp.value1-in",
        "up to 49",
    );
    told("adxNode", price, "x.adx-out > cmp.value1-in", "up to 45");
    told("atrNode", price, "x.atr-out > cmp.value1-in", "Wilder's");
    told("timeNode", &[], "x.time-out > cmp.value1-in", "Monday = 0");
    told("timeNode", &[], "x.time-out > buy.trigger-in", "UTC-5");
    told(
        "patternNode",
        price,
        "x.pattern-out > buy.trigger-in",
        "placeholder",
    );
}

#[test]
fn a_bollinger_bounce_without_its_price_is_reported() {
    let edges = [
        "x.lower-out > cmp.value1-in",
        "cmp.result-out > buy.trigger-in",
        "cond.result-out > sell.trigger-in",
    ];
    let found = errors(&drawn(&[("x", "bollingerBandsNode", json!({}))], &edges));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "input_missing");
    assert_eq!(found[0].node.as_deref(), Some("x"));
}
