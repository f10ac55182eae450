//! What is found while a graph is read and its nodes and edges are looked up.

use serde_json::json;

use super::{Case, error, many, notice, raw, warning, with};
use crate::support::once;

pub(super) fn cases() -> Vec<Case> {
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
    ]
}
