//! Each code, with the node and the field that it names.

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
    let sma = |data| ("sma", "smaNode", data);
    let into_sma = "price.price-out > sma.price-in";
    vec![
        error(
            "source_too_large",
            json!({"nodes": [], "name": "x".repeat(1 << 20)}),
        ),
        error("source_invalid_json", json!({"json_tree": "{nodes"})),
        error("graph_invalid", json!({})),
        error("graph_invalid", json!(7)),
        error("graph_invalid", json!([{"nodes": []}, {"nodes": []}])),
        error("graph_invalid", json!({"nodes": {}})).field("nodes"),
        error("too_many_nodes", many(2_001, 0)),
        error("too_many_edges", many(2, 8_001)),
        error("node_invalid", raw(|g| g["nodes"][0] = json!("price"))),
        error("node_invalid", raw(|g| g["nodes"][0]["id"] = json!(null))),
        error(
            "node_invalid",
            raw(|g| g["nodes"][0]["id"] = json!("x".repeat(201))),
        ),
        error("node_invalid", raw(|g| g["nodes"][0]["type"] = json!(1))).at("price"),
        error("node_invalid", raw(|g| g["nodes"][0]["data"] = json!(1)))
            .at("price")
            .field("data"),
        error(
            "node_duplicate",
            with(&[("price", "smaNode", json!({}))], &[]),
        )
        .at("price"),
        error("node_unknown", with(&[("x", "SMANode", json!({}))], &[])).at("x"),
        error(
            "node_unsupported",
            with(&[("x", "spreadNode", json!({"asset1": "BTC"}))], &[]),
        )
        .at("x")
        .field("asset1"),
        error(
            "node_unsupported",
            with(
                &[("x", "patternNode", json!({"patternType": "wedge"}))],
                &[],
            ),
        )
        .at("x")
        .field("patternType"),
        error("edge_invalid", raw(|g| g["edges"][0] = json!(3))),
        error(
            "edge_invalid",
            raw(|g| g["edges"][0]["source"] = json!(null)),
        ),
        error("edge_invalid", raw(|g| g["edges"][0]["target"] = json!({}))),
        error(
            "edge_node_unknown",
            with(&[], &["prise.price-out > high.value2-in"]),
        )
        .at("high"),
        error(
            "edge_node_unknown",
            with(&[], &["price.price-out > hihg.value2-in"]),
        )
        .at("price"),
        warning(
            "edge_duplicate",
            with(&[], &["price.price-out > high.value1-in"]),
        )
        .at("high")
        .field("value1-in"),
        notice(
            "edge_ignored",
            with(
                &[("v", "volumeNode", json!({}))],
                &["price.price-out > v.data-in"],
            ),
        )
        .at("v")
        .field("data-in"),
        error(
            "handle_unknown",
            with(&[], &["price.price > high.value2-in"]),
        )
        .at("price")
        .field("price"),
        error(
            "handle_unknown",
            with(&[], &["price.price-out > high.value3-in"]),
        )
        .at("high")
        .field("value3-in"),
        error("handle_unknown", with(&[], &["high.result-out > price.in"]))
            .at("price")
            .field("in"),
        error(
            "handle_missing",
            raw(|g| g["edges"][0]["targetHandle"] = json!(null)),
        )
        .at("high"),
        error("input_missing", with(&[sma(json!({}))], &[]))
            .at("sma")
            .field("price-in"),
        error("input_missing", with(&[("sell", "sellNode", once())], &[]))
            .at("sell")
            .field("trigger-in"),
        error("input_missing", with(&[("and", "andNode", json!({}))], &[]))
            .at("and")
            .field("input-a"),
        error(
            "input_missing",
            with(&[("c", "compareNode", json!({}))], &[]),
        )
        .at("c")
        .field("value1-in"),
        error(
            "input_multiple",
            with(
                &[sma(json!({})), ("v", "volumeNode", json!({}))],
                &[into_sma, "v.volume-out > sma.price-in"],
            ),
        )
        .at("sma")
        .field("price-in"),
        warning(
            "input_single",
            with(
                &[("or", "orNode", json!({})), ("sell", "sellNode", once())],
                &[
                    "high.result-out > or.input-a",
                    "or.result-out > sell.trigger-in",
                ],
            ),
        )
        .at("or"),
        error(
            "type_mismatch",
            with(&[sma(json!({}))], &["high.result-out > sma.price-in"]),
        )
        .at("sma")
        .field("price-in"),
        error(
            "type_mismatch",
            with(
                &[("sell", "sellNode", once())],
                &["price.price-out > sell.trigger-in"],
            ),
        )
        .at("sell")
        .field("trigger-in"),
        error(
            "type_mismatch",
            with(
                &[("not", "notNode", json!({}))],
                &["buy.order-out > not.input-in"],
            ),
        )
        .at("not")
        .field("input-in"),
        error(
            "cycle",
            with(
                &[("a", "notNode", json!({})), ("b", "notNode", json!({}))],
                &["a.result-out > b.input-in", "b.result-out > a.input-in"],
            ),
        )
        .at("a"),
        error(
            "cycle",
            with(
                &[("a", "notNode", json!({}))],
                &["a.result-out > a.input-in"],
            ),
        )
        .at("a"),
        error(
            "no_action",
            json!({"nodes": [{"id": "price", "type": "priceNode"}], "edges": []}),
        ),
        error("no_action", json!({"nodes": []})),
        warning("node_unused", with(&[sma(json!({}))], &[into_sma])).at("sma"),
        error(
            "field_invalid",
            with(&[sma(json!({"period": "ten"}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[sma(json!({"period": 2.5}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[sma(json!({"period": true}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_invalid",
            with(&[("x", "crossoverNode", json!({"crossType": "abov"}))], &[]),
        )
        .at("x")
        .field("crossType"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": 0}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": "-1"}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[sma(json!({"period": 1e9}))], &[into_sma]),
        )
        .at("sma")
        .field("period"),
        error(
            "field_out_of_range",
            with(&[("k", "constantNode", json!({"value": "1e300"}))], &[]),
        )
        .at("k")
        .field("value"),
        error(
            "field_invalid",
            with(&[("k", "constantNode", json!({"value": "inf"}))], &[]),
        )
        .at("k")
        .field("value"),
        error(
            "field_out_of_range",
            with(&[("t", "thresholdNode", json!({"hysteresis": -1}))], &[]),
        )
        .at("t")
        .field("hysteresis"),
        error(
            "field_missing",
            with(&[("b", "buyNode", json!({"sizeType": "units"}))], &[]),
        )
        .at("b")
        .field("quantity"),
        warning(
            "field_suspicious",
            with(
                &[("t", "thresholdNode", json!({"upperThreshold": 20}))],
                &[],
            ),
        )
        .at("t")
        .field("lowerThreshold"),
        notice(
            "field_default",
            with(
                &[("ema", "emaNode", json!({})), ("b", "buyNode", json!({}))],
                &[
                    "price.price-out > ema.price-in",
                    "high.result-out > b.trigger-in",
                ],
            ),
        )
        .at("ema")
        .field("period"),
        notice(
            "field_ignored",
            with(&[("p", "priceNode", json!({"symbol": "AAPL"}))], &[]),
        )
        .at("p")
        .field("symbol"),
        error(
            "stop_without_entry",
            with(
                &[
                    ("low", "compareNode", json!({"operator": "<", "value": 3})),
                    ("stop", "stopLossNode", json!({})),
                ],
                &[
                    "price.price-out > low.value1-in",
                    "low.result-out > stop.trigger-in",
                ],
            ),
        )
        .at("stop")
        .field("trigger-in"),
        error(
            "target_without_stop",
            with(
                &[("goal", "takeProfitNode", json!({"profitType": "rr_ratio"}))],
                &["buy.signal-out > goal.trigger-in"],
            ),
        )
        .at("goal"),
        error(
            "terms_conflict",
            with(
                &[
                    ("s1", "stopLossNode", json!({})),
                    ("s2", "stopLossNode", json!({})),
                ],
                &[
                    "buy.signal-out > s1.trigger-in",
                    "high.result-out > s2.trigger-in",
                ],
            ),
        )
        .at("s2"),
        error(
            "exit_misplaced",
            with(
                &[
                    ("stop", "stopLossNode", json!({})),
                    (
                        "sell",
                        "sellNode",
                        json!({"sizeType": "percent_of_position", "quantity": 50}),
                    ),
                ],
                &[
                    "buy.signal-out > stop.trigger-in",
                    "stop.stop-triggered > sell.trigger-in",
                ],
            ),
        )
        .at("sell"),
        notice("size_assumed", with(&[("b", "buyNode", json!({}))], &[]))
            .at("b")
            .field("quantity"),
        warning("never_trades", constant("<", 2))
            .at("b")
            .field("trigger-in"),
        warning("always_trades", constant(">", 2))
            .at("b")
            .field("trigger-in"),
        warning(
            "conditions_contradict",
            with(
                &[
                    ("low", "compareNode", json!({"operator": "<", "value": 3})),
                    ("both", "andNode", json!({})),
                    ("b", "buyNode", once()),
                ],
                &[
                    "price.price-out > low.value1-in",
                    "low.result-out > both.input-a",
                    "high.result-out > both.input-b",
                    "both.result-out > b.trigger-in",
                ],
            ),
        )
        .at("both"),
        warning(
            "sell_without_buy",
            raw(|g| g["nodes"][2]["type"] = json!("sellNode")),
        )
        .at("buy"),
        warning("sell_unreachable", {
            let mut source = constant("<", 2);
            source["nodes"][6]["type"] = json!("sellNode");
            source
        })
        .at("b")
        .field("trigger-in"),
        warning(
            "buy_and_sell_together",
            with(
                &[("s", "sellNode", once())],
                &["high.result-out > s.trigger-in"],
            ),
        )
        .at("s")
        .field("trigger-in"),
        warning("warmup_long", {
            let nodes = [
                sma(json!({"period": 10_001})),
                ("c", "compareNode", json!({"value": 1})),
                ("b", "buyNode", once()),
            ];
            let edges = [
                into_sma,
                "sma.sma-out > c.value1-in",
                "c.result-out > b.trigger-in",
            ];
            with(&nodes, &edges)
        }),
        warning("warmup_beyond_history", {
            let nodes = [
                sma(json!({"period": 1_001})),
                ("c", "compareNode", json!({"value": 1})),
                ("b", "buyNode", once()),
            ];
            let edges = [
                into_sma,
                "sma.sma-out > c.value1-in",
                "c.result-out > b.trigger-in",
            ];
            let mut source = with(&nodes, &edges);
            source["warmUp"] = json!("candles");
            source
        })
        .field("warmUp"),
        notice("import_old_form", with(&[], &[]))
            .at("high")
            .field("value"),
        notice("import_differs", {
            let rsi = ("rsi", "rsiNode", json!({}));
            with(
                &[rsi, ("b", "buyNode", json!({}))],
                &["price.price-out > rsi.price-in"],
            )
        })
        .at("rsi"),
        error("plan_too_large", windows(11)),
        warning("diagnostics_truncated", many(300, 0)),
    ]
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
