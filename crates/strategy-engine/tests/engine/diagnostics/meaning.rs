//! What is found when everything is there: orders that make no sense, and what can hardly be meant.

use serde_json::json;

use super::{Case, constant, error, many, notice, raw, warning, windows, with};
use crate::support::once;

pub(super) fn cases() -> Vec<Case> {
    let sma = |data| ("sma", "smaNode", data);
    let into_sma = "price.price-out > sma.price-in";
    vec![
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
