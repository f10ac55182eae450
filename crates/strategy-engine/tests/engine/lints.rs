//! Conditions that can't be meant, and those beside them that can.

use serde_json::{Value, json};

use crate::support::{codes, graph, once};

/// Buys where both conditions on RSI hold, or either.
fn both(kind: &str, first: (&str, i64), second: (&str, i64)) -> Value {
    let compare = |(operator, value): (&str, i64)| json!({"operator": operator, "value": value});
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("rsi", "rsiNode", json!({})),
            ("a", "compareNode", compare(first)),
            ("b", "compareNode", compare(second)),
            ("logic", kind, json!({})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > rsi.price-in",
            "rsi.rsi-out > a.value1-in",
            "rsi.rsi-out > b.value1-in",
            "a.result-out > logic.input-a",
            "b.result-out > logic.input-b",
            "logic.result-out > buy.trigger-in",
        ],
    )
}

fn lints(source: &Value) -> Vec<String> {
    let found = codes(source).into_iter();
    found.filter(|code| code != "import_old_form").collect()
}

#[test]
fn contradictions_between_levels() {
    for (first, second, contradict) in [
        ((">", 70), ("<", 30), true),
        ((">", 30), ("<", 30), true),
        ((">=", 30), ("<=", 30), false),
        ((">=", 30), ("<", 30), true),
        (("==", 30), ("==", 31), true),
        (("==", 30), ("!=", 30), false),
        ((">", 30), ("<", 70), false),
    ] {
        let found = lints(&both("andNode", first, second));
        let expected: &[&str] = if contradict {
            &["conditions_contradict", "never_trades"]
        } else {
            &[]
        };
        assert_eq!(found, expected, "{first:?} and {second:?}");
    }
}

#[test]
fn alternatives_that_leave_nothing_out() {
    let found = lints(&both("orNode", (">", 30), ("<", 70)));
    assert_eq!(found, ["conditions_contradict", "always_trades"]);
    let found = lints(&both("orNode", (">=", 30), ("<", 30)));
    assert_eq!(found, ["conditions_contradict", "always_trades"]);
    assert!(lints(&both("orNode", (">", 70), ("<", 30))).is_empty());
    assert!(lints(&both("orNode", (">", 30), ("<", 30))).is_empty());
}

#[test]
fn what_an_indicator_can_never_be() {
    let found = lints(&both("andNode", (">", 100), ("<", 200)));
    assert_eq!(found, ["never_trades"]);
    let found = lints(&both("orNode", ("<", -1), (">", 101)));
    assert_eq!(found, ["never_trades"]);
    let found = lints(&both("andNode", (">=", 0), ("<=", 100)));
    assert_eq!(found, ["always_trades"]);
}

#[test]
fn a_condition_and_its_opposite() {
    let source = |second: &str| {
        graph(
            &[
                ("price", "priceNode", json!({})),
                ("sma", "smaNode", json!({})),
                ("above", "compareNode", json!({"operator": ">"})),
                ("cross", "crossoverNode", json!({"crossType": second})),
                ("not", "notNode", json!({})),
                ("both", "andNode", json!({})),
                ("buy", "buyNode", once()),
            ],
            &[
                "price.price-out > sma.price-in",
                "price.price-out > above.value1-in",
                "sma.sma-out > above.value2-in",
                "sma.sma-out > cross.fast-in",
                "price.price-out > cross.slow-in",
                "above.result-out > not.input-in",
                "not.result-out > both.input-a",
                "cross.cross-out > both.input-b",
                "both.result-out > buy.trigger-in",
            ],
        )
    };
    // The price isn't above the average, and the average crosses it: from above, it would be.
    assert_eq!(
        lints(&source("below")),
        ["conditions_contradict", "never_trades"]
    );
    assert!(lints(&source("above")).is_empty());
}

#[test]
fn thresholds_are_on_between_their_levels() {
    let source = |upper: f64| {
        graph(
            &[
                ("price", "priceNode", json!({})),
                ("rsi", "rsiNode", json!({})),
                (
                    "t",
                    "thresholdNode",
                    json!({"upperThreshold": upper, "lowerThreshold": 0,
                                              "hysteresis": 10}),
                ),
                ("low", "compareNode", json!({"operator": "<", "value": 65})),
                ("both", "andNode", json!({})),
                ("buy", "buyNode", once()),
            ],
            &[
                "price.price-out > rsi.price-in",
                "rsi.rsi-out > t.value-in",
                "rsi.rsi-out > low.value1-in",
                "t.overbought-out > both.input-a",
                "low.result-out > both.input-b",
                "both.result-out > buy.trigger-in",
            ],
        )
    };
    // On above 70 and off at 60: between, it is on although it is below 65.
    assert!(lints(&source(70.0)).is_empty());
    assert_eq!(
        lints(&source(80.0)),
        ["conditions_contradict", "never_trades"]
    );
    assert_eq!(lints(&source(100.0)), ["never_trades"]);
}

/// Buys above 10 and sells by another condition, or the same one.
fn sale(operator: &str, value: i64) -> Value {
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("rsi", "rsiNode", json!({})),
            ("a", "compareNode", json!({"operator": ">", "value": 10})),
            (
                "b",
                "compareNode",
                json!({"operator": operator, "value": value}),
            ),
            ("buy", "buyNode", once()),
            ("sell", "sellNode", once()),
        ],
        &[
            "price.price-out > rsi.price-in",
            "rsi.rsi-out > a.value1-in",
            "rsi.rsi-out > b.value1-in",
            "a.result-out > buy.trigger-in",
            "b.result-out > sell.trigger-in",
        ],
    )
}

#[test]
fn sales_that_never_come_or_come_with_the_buy() {
    assert_eq!(lints(&sale("<", 0)), ["sell_unreachable"]);
    assert_eq!(lints(&sale(">", 100)), ["sell_unreachable"]);
    assert!(lints(&sale("<", 30)).is_empty());
    // Two nodes that compare the same are one operation.
    assert_eq!(lints(&sale(">", 10)), ["buy_and_sell_together"]);
    assert!(lints(&sale(">", 11)).is_empty());
}
