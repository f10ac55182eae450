//! Stops, targets and sizes: what an order carries, whose it is, and what is refused.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{Distance, OrderKind, OrderTerms, Side, SizeType, SizingMethod, Timeframe};

use crate::support::{decimal, errors, graph, once, plan, run, ticks, walk};

/// Buys above 10 and sells below 5, with these nodes and edges added.
fn with(nodes: &[(&str, &str, Value)], edges: &[&str]) -> Value {
    let mut all = vec![
        ("price", "priceNode", json!({})),
        ("high", "compareNode", json!({"operator": ">", "value": 10})),
        ("low", "compareNode", json!({"operator": "<", "value": 5})),
        ("buy", "buyNode", once()),
        (
            "sell",
            "sellNode",
            json!({"sizeType": "percent_of_position"}),
        ),
    ];
    all.extend_from_slice(nodes);
    let mut wires = vec![
        "price.price-out > high.value1-in",
        "price.price-out > low.value1-in",
        "high.result-out > buy.trigger-in",
    ];
    wires.extend_from_slice(edges);
    graph(&all, &wires)
}

fn low_sells() -> &'static str {
    "low.result-out > sell.trigger-in"
}

fn terms(source: &Value) -> OrderTerms {
    plan(source).actions()[0].terms.clone()
}

fn d(text: &str) -> Decimal {
    decimal(text)
}

#[test]
fn a_stop_belongs_to_the_buy_whose_order_or_trigger_enters_it() {
    for edge in [
        "buy.signal-out > stop.trigger-in",
        "high.result-out > stop.trigger-in",
    ] {
        let source = with(&[("stop", "stopLossNode", json!({}))], &[edge, low_sells()]);
        let plan = plan(&source);
        let stop = plan.actions()[0].terms.stop_loss.clone().unwrap();
        assert_eq!(stop.distance, Distance::Percent(d("2")), "{edge}");
        assert_eq!(stop.trailing, None);
        assert!(plan.actions()[1].terms.is_plain());
    }
}

#[test]
fn every_kind_of_stop() {
    let stop = |data: Value| {
        let source = with(
            &[
                ("atr", "atrNode", json!({"period": 2})),
                ("stop", "stopLossNode", data),
            ],
            &[
                "buy.signal-out > stop.trigger-in",
                "atr.atr-out > stop.atr-in",
                low_sells(),
            ],
        );
        terms(&source).stop_loss.unwrap()
    };
    let amount = stop(json!({"stopType": "fixed_amount", "stopValue": "12.5"}));
    assert_eq!(amount.distance, Distance::Amount(d("12.5")));
    let trailing = stop(json!({"stopType": "trailing_percent", "stopValue": 3}));
    assert_eq!(
        (trailing.distance, trailing.trailing),
        (Distance::Percent(d("3")), Some(d("3")))
    );
    let enabled = stop(json!({"trailingEnabled": true, "trailingDistance": 0.5}));
    assert_eq!(
        (enabled.distance, enabled.trailing),
        (Distance::Percent(d("2")), Some(d("0.5")))
    );
    let atr = stop(json!({"stopType": "atr_multiple", "stopValue": 1.5}));
    assert!(matches!(atr.distance, Distance::Times { by, .. } if by == d("1.5")));
}

#[test]
fn a_signal_carries_its_stop_in_figures() {
    let source = with(
        &[
            ("atr", "atrNode", json!({"period": 2})),
            (
                "stop",
                "stopLossNode",
                json!({"stopType": "atr_multiple", "stopValue": 1.5}),
            ),
            (
                "goal",
                "takeProfitNode",
                json!({"profitType": "rr_ratio", "profitValue": 2}),
            ),
        ],
        &[
            "buy.signal-out > stop.trigger-in",
            "buy.signal-out > goal.trigger-in",
            "atr.atr-out > stop.atr-in",
            low_sells(),
        ],
    );
    let plan = plan(&source);
    let signals = run(&plan, Timeframe::Tick, &ticks(&["12", "9", "10", "14"]));
    // The first price is above 10 already, but there is no ATR: an order without its stop is none.
    assert_eq!(signals.len(), 1);
    let carried = signals[0].1.terms.clone().unwrap();
    let stop = carried.stop_loss.unwrap();
    // True ranges 3, 1, 4: the average is (3 + 1) / 2 = 2 at 10, then (2 + 4) / 2 = 3 at 14.
    assert_eq!(stop.distance, Distance::Amount(d("4.5")));
    assert_eq!(carried.take_profit[0].distance, Distance::Risk(d("2")));
    assert_eq!(
        plan.summary().warmup,
        3,
        "what the stop reads counts as well"
    );
}

#[test]
fn targets_whole_and_in_halves() {
    let goal = |data: Value| {
        let source = with(
            &[("goal", "takeProfitNode", data)],
            &["high.result-out > goal.trigger-in", low_sells()],
        );
        let targets = terms(&source).take_profit;
        targets
            .into_iter()
            .map(|t| (t.distance, t.portion))
            .collect::<Vec<_>>()
    };
    assert_eq!(goal(json!({})), [(Distance::Percent(d("5")), d("100"))]);
    assert_eq!(
        goal(json!({"partialProfits": true})),
        [
            (Distance::Percent(d("3")), d("50")),
            (Distance::Percent(d("6")), d("50"))
        ]
    );
}

#[test]
fn exits_sell_by_themselves() {
    // A sale that only a stop and a target trigger is what those do anyway.
    let source = with(
        &[
            ("stop", "stopLossNode", json!({})),
            ("goal", "takeProfitNode", json!({})),
            ("or", "orNode", json!({})),
        ],
        &[
            "buy.signal-out > stop.trigger-in",
            "buy.signal-out > goal.trigger-in",
            "stop.stop-triggered > or.input-a",
            "goal.profit-triggered > or.input-b",
            "or.result-out > sell.trigger-in",
        ],
    );
    let compiled = plan(&source);
    assert_eq!(compiled.actions().len(), 1);
    assert_eq!(compiled.actions()[0].side, Side::Buy);
    // Beside a condition, the sale is the condition's.
    let source = with(
        &[
            ("stop", "stopLossNode", json!({})),
            ("or", "orNode", json!({})),
        ],
        &[
            "buy.signal-out > stop.trigger-in",
            "stop.stop-triggered > or.input-a",
            "low.result-out > or.input-b",
            "or.result-out > sell.trigger-in",
        ],
    );
    let signals = run(&plan(&source), Timeframe::Tick, &ticks(&["11", "6", "4"]));
    let sides: Vec<_> = signals
        .iter()
        .map(|(index, signal)| (*index, signal.action))
        .collect();
    assert_eq!(sides, [(0, Side::Buy), (2, Side::Sell)]);
}

#[test]
fn what_an_exit_cannot_do_is_refused() {
    let stop = ("stop", "stopLossNode", json!({}));
    let entry = "buy.signal-out > stop.trigger-in";
    let code = |nodes: &[(&str, &str, Value)], edges: &[&str]| {
        let found = errors(&with(nodes, edges));
        assert_eq!(found.len(), 1, "{found:#?}");
        (
            found[0].code.clone().into_owned(),
            found[0].node.clone().unwrap(),
        )
    };
    let again = ("again", "buyNode", once());
    let edges = [entry, low_sells(), "stop.stop-triggered > again.trigger-in"];
    let found = errors(&with(&[stop.clone(), again.clone()], &edges));
    assert_eq!(found[0].code, "type_mismatch");
    // Through an orNode, the types fit, but nothing would ever buy.
    let or = ("or", "orNode", json!({}));
    let edges = [
        entry,
        low_sells(),
        "stop.stop-triggered > or.input-a",
        "high.result-out > or.input-b",
        "or.result-out > again.trigger-in",
    ];
    assert_eq!(
        code(&[stop.clone(), again, or.clone()], &edges),
        ("exit_misplaced".to_owned(), "again".to_owned())
    );
    let and = ("and", "andNode", json!({}));
    let edges = [
        entry,
        "stop.stop-triggered > or.input-a",
        "high.result-out > or.input-b",
        "or.result-out > and.input-a",
        "low.result-out > and.input-b",
        "and.result-out > sell.trigger-in",
    ];
    assert_eq!(
        code(&[stop, or, and], &edges),
        ("exit_misplaced".to_owned(), "and".to_owned())
    );
}

#[test]
fn sizes_in_units_and_cash_need_no_terms() {
    let sized = |data: Value| {
        let source = with(
            &[("size", "positionSizeNode", data)],
            &["high.result-out > size.signal-in", low_sells()],
        );
        plan(&source).actions()[0].clone()
    };
    let cash = sized(json!({"sizingMethod": "fixed_amount", "maxPosition": 750}));
    assert_eq!(
        (cash.size_type, cash.quantity),
        (SizeType::CashAmount, d("750"))
    );
    assert!(cash.terms.is_plain());
    let units = sized(json!({"sizeType": "fixed", "sizeValue": "0.25"}));
    assert_eq!(
        (units.size_type, units.quantity),
        (SizeType::Units, d("0.25"))
    );
    let equity = sized(json!({"riskPercent": 3})).terms.sizing.unwrap();
    assert_eq!(equity.method, SizingMethod::PercentOfEquity(d("3")));
    assert_eq!(equity.most, Some(d("10000")));
    let risk = sized(json!({"sizeType": "risk_based", "riskAmount": 50, "stopLossPct": 4}));
    assert_eq!(
        risk.terms.sizing.unwrap().method,
        SizingMethod::AmountAtRisk {
            amount: d("50"),
            distance: Distance::Percent(d("4"))
        }
    );
}

#[test]
fn a_size_that_leads_to_a_buy_brings_its_trigger_along() {
    let source = graph(
        &[
            ("price", "priceNode", json!({})),
            ("high", "compareNode", json!({"operator": ">", "value": 10})),
            ("atr", "atrNode", json!({"period": 1})),
            (
                "size",
                "positionSizeNode",
                json!({"sizingMethod": "volatility_adjusted"}),
            ),
            ("buy", "buyNode", once()),
            ("stop", "stopLossNode", json!({})),
        ],
        &[
            "price.price-out > high.value1-in",
            "high.result-out > size.signal-in",
            "atr.atr-out > size.volatility-in",
            "size.position-size-out > buy.trigger-in",
            "high.result-out > stop.trigger-in",
        ],
    );
    let signals = run(&plan(&source), Timeframe::Tick, &ticks(&["8", "11"]));
    let carried = signals[0].1.terms.clone().unwrap();
    assert_eq!(
        carried.sizing.unwrap().method,
        SizingMethod::PercentAtRisk {
            percent: d("2"),
            distance: Distance::Amount(d("3"))
        }
    );
    assert!(carried.stop_loss.is_some());
}

#[test]
fn order_types_carry_their_prices() {
    let kind = |data: Value| {
        let mut source = with(&[], &[low_sells()]);
        source["nodes"][4]["data"] = data;
        plan(&source).actions()[1].terms.kind
    };
    assert_eq!(
        kind(json!({"sizeType": "percent_of_position"})),
        OrderKind::Market
    );
    let limit =
        json!({"sizeType": "units", "quantity": 1, "orderType": "limit", "limitPrice": "4.5"});
    assert_eq!(kind(limit), OrderKind::Limit { limit: d("4.5") });
    let trailing = json!({"sizeType": "units", "quantity": 1, "orderType": "trailing-stop",
                          "trailPercent": 2});
    assert_eq!(kind(trailing), OrderKind::TrailingStop { percent: d("2") });
}

#[test]
fn a_plan_with_terms_survives_storage_and_its_hash_knows_them() {
    let source = |value: i64| {
        with(
            &[("stop", "stopLossNode", json!({"stopValue": value}))],
            &["buy.signal-out > stop.trigger-in", low_sells()],
        )
    };
    let stored = plan(&source(2));
    let text = serde_json::to_string(&*stored).unwrap();
    let read: strategy_engine::Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *stored);
    assert_ne!(plan(&source(3)).hash(), stored.hash());
    let tampered = text.replace("{\"percent\":\"2\"}", "{\"percent\":\"-2\"}");
    assert_ne!(tampered, text);
    assert!(serde_json::from_str::<strategy_engine::Plan>(&tampered).is_err());
}

#[test]
fn kelly_and_levels_are_refused_by_name() {
    for (kind, data, field) in [
        (
            "stopLossNode",
            json!({"stopType": "support_resistance"}),
            "stopType",
        ),
        (
            "takeProfitNode",
            json!({"profitType": "resistance_level"}),
            "profitType",
        ),
        (
            "positionSizeNode",
            json!({"sizingMethod": "kelly_criterion"}),
            "sizingMethod",
        ),
        (
            "positionSizeNode",
            json!({"kellyEnabled": true}),
            "kellyEnabled",
        ),
    ] {
        let source = with(
            &[("x", kind, data)],
            &["high.result-out > x.trigger-in", low_sells()],
        );
        let found = errors(&source);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].code, "node_unsupported");
        assert_eq!(found[0].field.as_deref(), Some(field));
    }
}

#[test]
fn an_unplain_order_is_still_deterministic() {
    let source = with(
        &[
            ("atr", "atrNode", json!({})),
            ("stop", "stopLossNode", json!({"stopType": "atr_multiple"})),
        ],
        &[
            "buy.signal-out > stop.trigger-in",
            "atr.atr-out > stop.atr-in",
            low_sells(),
        ],
    );
    let plan = plan(&source);
    let market = walk(3, 2_000);
    assert_eq!(
        run(&plan, Timeframe::Tick, &market),
        run(&plan, Timeframe::Tick, &market)
    );
}
