//! When an action fires, and how much it orders.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{Side, SizeType, Timeframe};

use crate::support::{codes, decimal, errors, fires, graph, once, plan, run, ticks};

fn action(kind: &str, data: Value) -> Value {
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("high", "compareNode", json!({"operator": ">", "value": 10})),
            ("act", kind, data),
        ],
        &[
            "price.price-out > high.value1-in",
            "high.result-out > act.trigger-in",
        ],
    )
}

#[test]
fn fires_when_the_trigger_becomes_true() {
    let prices = ["11", "12", "9", "11", "10", "11", "11"];
    assert_eq!(fires(&action("buyNode", once()), &prices), [0, 3, 5]);
    let repeated = json!({"sizeType": "units", "quantity": 1, "repeat": "true"});
    assert_eq!(
        fires(&action("buyNode", repeated), &prices),
        [0, 1, 3, 5, 6]
    );
}

#[test]
fn no_value_in_between_is_no_change() {
    // The volume ratio has no value at the ticks whose window holds no volume at all.
    let source = graph(
        &[
            (
                "ratio",
                "volumeNode",
                json!({"volumeType": "ratio", "period": 1}),
            ),
            ("any", "compareNode", json!({"operator": ">", "value": 0})),
            ("buy", "buyNode", once()),
        ],
        &[
            "ratio.volume-out > any.value1-in",
            "any.result-out > buy.trigger-in",
        ],
    );
    let mut ticks = ticks(&["1", "1", "1", "1"]);
    ticks[1].volume = Decimal::ZERO;
    let signals = run(&plan(&source), Timeframe::Tick, &ticks);
    assert_eq!(
        signals.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [0]
    );
}

#[test]
fn a_buy_and_a_sell_at_one_tick_come_by_node_id() {
    let source = |buy: &str, sell: &str| {
        let buy_edge = format!("high.result-out > {buy}.trigger-in");
        let sell_edge = format!("high.result-out > {sell}.trigger-in");
        graph(
            &[
                ("price", "priceNode", json!({})),
                ("high", "compareNode", json!({"operator": ">", "value": 10})),
                (buy, "buyNode", json!({"sizeType": "units", "quantity": 1})),
                (
                    sell,
                    "sellNode",
                    json!({"sizeType": "units", "quantity": 1}),
                ),
            ],
            &["price.price-out > high.value1-in", &buy_edge, &sell_edge],
        )
    };
    let sides = |source: Value| {
        let signals = run(&plan(&source), Timeframe::Tick, &ticks(&["11"]));
        signals
            .into_iter()
            .map(|(_, signal)| signal.action)
            .collect::<Vec<_>>()
    };
    assert_eq!(sides(source("a", "b")), [Side::Buy, Side::Sell]);
    assert_eq!(sides(source("b", "a")), [Side::Sell, Side::Buy]);
}

fn size(kind: &str, data: Value) -> (SizeType, Decimal, bool) {
    let source = action(kind, data);
    let signals = run(&plan(&source), Timeframe::Tick, &ticks(&["11"]));
    let signal = &signals[0].1;
    let assumed = codes(&source).contains(&"size_assumed".to_owned());
    (signal.quantity_type, signal.quantity, assumed)
}

#[test]
fn stated_sizes_are_taken_exactly() {
    let exact = json!({"sizeType": "units", "quantity": "0.1000000000000000000001"});
    let expected = decimal("0.1000000000000000000001");
    assert_eq!(size("buyNode", exact), (SizeType::Units, expected, false));
    let data = json!({"sizeType": "cash_amount", "quantity": 250.5});
    assert_eq!(
        size("buyNode", data),
        (SizeType::CashAmount, decimal("250.5"), false)
    );
    let data = json!({"sizeType": "percent_of_cash"});
    assert_eq!(
        size("buyNode", data),
        (SizeType::PercentOfCash, decimal("100"), false)
    );
    let data = json!({"sizeType": "percent_of_position", "quantity": 1e-1});
    assert_eq!(
        size("sellNode", data),
        (SizeType::PercentOfPosition, decimal("0.1"), false)
    );
}

#[test]
fn imported_sizes_take_the_live_platforms_meaning() {
    let cash = SizeType::PercentOfCash;
    let position = SizeType::PercentOfPosition;
    let all = decimal("100");
    for (kind, data, expected) in [
        ("buyNode", json!({}), (cash, all, true)),
        ("buyNode", json!({"quantity": null}), (cash, all, true)),
        (
            "buyNode",
            json!({"quantity": "25"}),
            (cash, decimal("25"), true),
        ),
        ("sellNode", json!({"quantity": 3}), (position, all, true)),
        (
            "sellNode",
            json!({"sellType": "fixed", "quantity": 3}),
            (position, all, true),
        ),
        (
            "sellNode",
            json!({"sellType": "all", "quantity": 3}),
            (position, all, false),
        ),
        (
            "sellNode",
            json!({"sellType": "percentage"}),
            (position, all, false),
        ),
        (
            "sellNode",
            json!({"sellType": "percentage", "percentage": 40}),
            (position, decimal("40"), false),
        ),
        (
            "sellNode",
            json!({"sellPercent": 30}),
            (position, decimal("30"), false),
        ),
    ] {
        assert_eq!(size(kind, data.clone()), expected, "{kind} {data}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for (kind, data, code, field) in [
        (
            "buyNode",
            json!({"quantity": 1000}),
            "field_out_of_range",
            "quantity",
        ),
        (
            "buyNode",
            json!({"quantity": 0}),
            "field_out_of_range",
            "quantity",
        ),
        (
            "buyNode",
            json!({"quantity": -1}),
            "field_out_of_range",
            "quantity",
        ),
        (
            "buyNode",
            json!({"quantity": "1e99"}),
            "field_out_of_range",
            "quantity",
        ),
        (
            "buyNode",
            json!({"quantity": "NaN"}),
            "field_invalid",
            "quantity",
        ),
        (
            "buyNode",
            json!({"quantity": [1]}),
            "field_invalid",
            "quantity",
        ),
        (
            "buyNode",
            json!({"sizeType": "units"}),
            "field_missing",
            "quantity",
        ),
        (
            "buyNode",
            json!({"sizeType": "unit", "quantity": 1}),
            "field_invalid",
            "sizeType",
        ),
        (
            "sellNode",
            json!({"sizeType": "percent_of_cash", "quantity": 1}),
            "field_invalid",
            "sizeType",
        ),
        (
            "sellNode",
            json!({"sellType": "some"}),
            "field_invalid",
            "sellType",
        ),
        (
            "sellNode",
            json!({"sellType": "percentage", "percentage": 101}),
            "field_out_of_range",
            "percentage",
        ),
        (
            "buyNode",
            json!({"repeat": "maybe"}),
            "field_invalid",
            "repeat",
        ),
        (
            "buyNode",
            json!({"orderType": "limit"}),
            "field_missing",
            "limitPrice",
        ),
        (
            "sellNode",
            json!({"orderType": "stop", "stopPrice": -3}),
            "field_out_of_range",
            "stopPrice",
        ),
        (
            "buyNode",
            json!({"orderType": "trailing-stop"}),
            "field_invalid",
            "orderType",
        ),
        (
            "buyNode",
            json!({"orderType": "markt"}),
            "field_invalid",
            "orderType",
        ),
    ] {
        let found = errors(&action(kind, data.clone()));
        assert_eq!(found.len(), 1, "{kind} {data}: {found:#?}");
        assert_eq!(found[0].code, code, "{kind} {data}");
        assert_eq!(found[0].field.as_deref(), Some(field), "{kind} {data}");
        assert_eq!(found[0].node.as_deref(), Some("act"));
    }
}
