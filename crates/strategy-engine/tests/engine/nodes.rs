//! What each node means, at prices small enough to follow by hand.

use serde_json::{Value, json};
use strategy_engine::{Op, Study, Tick, Timeframe};

use crate::support::{at, decimal, each_time, fires, graph, once, plan, run, ticks};

/// Buys at each tick at which `source.handle` compares so with a constant.
fn compared(
    nodes: &[(&str, &str, Value)],
    edges: &[&str],
    from: &str,
    test: &str,
    to: f64,
) -> Value {
    let mut nodes = nodes.to_vec();
    nodes.push(("level", "constantNode", json!({"value": to})));
    nodes.push(("compare", "compareNode", json!({"operator": test})));
    nodes.push(("buy", "buyNode", each_time()));
    let first = format!("{from} > compare.value1-in");
    let mut edges = edges.to_vec();
    edges.push(&first);
    edges.push("level.value-out > compare.value2-in");
    edges.push("compare.result-out > buy.trigger-in");
    graph(&nodes, &edges)
}

fn price() -> (&'static str, &'static str, Value) {
    ("price", "priceNode", json!({}))
}

#[test]
fn price_and_constant_compare_with_every_operator() {
    let prices = ["1", "2", "3"];
    for (operator, expected) in [
        ("greater_than", vec![2]),
        ("less_than", vec![0]),
        ("greater_equal", vec![1, 2]),
        ("less_equal", vec![0, 1]),
        ("equal", vec![1]),
        ("not_equal", vec![0, 2]),
        (">", vec![2]),
        ("<", vec![0]),
        (">=", vec![1, 2]),
        ("<=", vec![0, 1]),
        ("==", vec![1]),
        ("!=", vec![0, 2]),
    ] {
        let source = compared(&[price()], &[], "price.price-out", operator, 2.0);
        assert_eq!(fires(&source, &prices), expected, "{operator}");
    }
}

#[test]
fn sma_is_none_until_its_window_is_full() {
    let nodes = [price(), ("sma", "smaNode", json!({"period": 3}))];
    let edges = ["price.price-out > sma.price-in"];
    let source = compared(&nodes, &edges, "sma.sma-out", "greater_than", 0.0);
    assert_eq!(fires(&source, &["1", "2", "3", "4"]), [2, 3]);
    // (0.1 + 0.2 + 0.3) / 3 is exactly 0.2, which sums of binary numbers miss.
    let source = compared(&nodes, &edges, "sma.sma-out", "equal", 0.2);
    assert_eq!(fires(&source, &["0.1", "0.2", "0.3"]), [2]);
}

#[test]
fn ema_starts_from_the_mean_and_then_follows() {
    let nodes = [price(), ("ema", "emaNode", json!({"period": 3}))];
    let edges = ["price.price-out > ema.price-in"];
    // Seed (1 + 2 + 6) / 3 = 3, then 3 + (7 - 3) / 2 = 5.
    let source = compared(&nodes, &edges, "ema.ema-out", "equal", 5.0);
    assert_eq!(fires(&source, &["1", "2", "6", "7"]), [3]);
}

#[test]
fn rsi_needs_one_value_more_than_its_period() {
    let nodes = [price(), ("rsi", "rsiNode", json!({"period": 2}))];
    let edges = ["price.price-out > rsi.price-in"];
    // Changes +1, -1: averages 0.5 and 0.5, so 50; then +1: 0.75 and 0.25, so 75.
    let source = compared(&nodes, &edges, "rsi.rsi-out", "equal", 75.0);
    assert_eq!(fires(&source, &["1", "2", "1", "2"]), [3]);
    let source = compared(&nodes, &edges, "rsi.rsi-out", "greater_equal", 0.0);
    assert_eq!(fires(&source, &["1", "2", "1", "2"]), [2, 3]);
    let source = compared(&nodes, &edges, "rsi.rsi-out", "equal", 0.0);
    assert_eq!(
        fires(&source, &["5", "5", "5"]),
        [2],
        "a market that stands still has RSI 0"
    );
}

#[test]
fn indicators_of_indicators_warm_up_one_after_the_other() {
    let nodes = [
        price(),
        ("ema", "emaNode", json!({"period": 2})),
        ("sma", "smaNode", json!({"period": 3})),
    ];
    let edges = [
        "price.price-out > ema.price-in",
        "ema.ema-out > sma.price-in",
    ];
    let source = compared(&nodes, &edges, "sma.sma-out", "greater_than", 0.0);
    assert_eq!(fires(&source, &["1", "1", "1", "1", "1"]), [3, 4]);
    assert_eq!(plan(&source).summary().warmup, 4);
}

#[test]
fn volume_raw_average_ratio_and_weighted_price() {
    let of = |volume_type: &str, test: &str, to: f64| {
        let data = json!({"volumeType": volume_type, "period": 2});
        let source = compared(&[("v", "volumeNode", data)], &[], "v.volume-out", test, to);
        let market = [("10", "1"), ("20", "3"), ("30", "0"), ("30", "0")];
        let ticks: Vec<Tick> = market
            .iter()
            .map(|(price, volume)| Tick {
                time: at(0),
                price: decimal(price),
                volume: decimal(volume),
                ..Tick::default()
            })
            .collect();
        let mut evaluator = plan(&source).start(Timeframe::Tick);
        let fired: Vec<usize> = (0..ticks.len())
            .filter(|&index| !evaluator.on_tick(&ticks[index]).is_empty())
            .collect();
        (fired, evaluator.undefined_values())
    };
    assert_eq!(of("raw", "equal", 3.0), (vec![1], 0));
    assert_eq!(of("sma", "equal", 2.0), (vec![1], 0));
    // 3 / 2, then 0 / 1.5, then 0 / 0: no value, never a trade, and counted.
    assert_eq!(of("ratio", "equal", 1.5), (vec![1], 1));
    assert_eq!(of("ratio", "less_equal", 1e9), (vec![1, 2], 1));
    // (10 * 1 + 20 * 3) / 4.
    assert_eq!(of("weighted", "equal", 17.5), (vec![1], 1));
}

#[test]
fn crossover_needs_two_evaluations_and_counts_a_touch_before() {
    let source = |cross_type: &str| {
        graph(
            &[
                price(),
                ("level", "constantNode", json!({"value": 2})),
                ("cross", "crossoverNode", json!({"crossType": cross_type})),
                ("buy", "buyNode", each_time()),
            ],
            &[
                "price.price-out > cross.fast-in",
                "level.value-out > cross.slow-in",
                "cross.cross-out > buy.trigger-in",
            ],
        )
    };
    let prices = ["3", "2", "3", "2", "1", "2", "3", "1"];
    assert_eq!(fires(&source("above"), &prices), [2, 6]);
    assert_eq!(fires(&source("below"), &prices), [4, 7]);
    assert_eq!(fires(&source("any"), &prices), [2, 4, 6, 7]);
}

#[test]
fn equal_averages_are_equal_to_the_last_bit() {
    // Fast and slow are exactly equal at every tick, in decimals that no binary number holds.
    let source = graph(
        &[
            price(),
            ("fast", "smaNode", json!({"period": 2})),
            ("slow", "smaNode", json!({"period": 6})),
            ("compare", "compareNode", json!({"operator": "!="})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > fast.price-in",
            "price.price-out > slow.price-in",
            "fast.sma-out > compare.value1-in",
            "slow.sma-out > compare.value2-in",
            "compare.result-out > buy.trigger-in",
        ],
    );
    let prices: Vec<&str> = ["87786.04", "87786.07"]
        .into_iter()
        .cycle()
        .take(100)
        .collect();
    assert!(fires(&source, &prices).is_empty());
}

fn threshold(data: Value, handle: &str) -> Value {
    let wire = format!("t.{handle} > buy.trigger-in");
    graph(
        &[
            price(),
            ("t", "thresholdNode", data),
            ("buy", "buyNode", each_time()),
        ],
        &["price.price-out > t.value-in", &wire],
    )
}

#[test]
fn threshold_holds_until_the_value_is_back_by_the_hysteresis() {
    let data = json!({"upperThreshold": 70, "lowerThreshold": 30, "hysteresis": 5});
    let prices = ["70", "71", "66", "65", "69", "30", "29", "34", "35", "31"];
    assert_eq!(
        fires(&threshold(data.clone(), "overbought-out"), &prices),
        [1, 2]
    );
    assert_eq!(fires(&threshold(data, "oversold-out"), &prices), [6, 7]);
    // The editor's defaults are the same.
    assert_eq!(
        fires(&threshold(json!({}), "overbought-out"), &prices),
        [1, 2]
    );
}

#[test]
fn threshold_in_the_runtimes_form_has_one_level_and_no_hysteresis() {
    let prices = ["49", "50", "51", "50"];
    assert_eq!(
        fires(&threshold(json!({"threshold": "50"}), "above-out"), &prices),
        [2]
    );
    assert_eq!(fires(&threshold(json!({}), "below-out"), &prices), [0]);
    assert_eq!(
        fires(
            &threshold(json!({"threshold": 49}), "overbought-out"),
            &prices
        ),
        [1, 2, 3]
    );
}

/// Two conditions on the price, `> 1` and (from an SMA of 2) `< 3`, into a node of this type.
fn logic(kind: &str) -> Value {
    graph(
        &[
            price(),
            ("sma", "smaNode", json!({"period": 2})),
            ("a", "compareNode", json!({"operator": ">", "value": 1})),
            ("b", "compareNode", json!({"operator": "<", "value": 3})),
            ("logic", kind, json!({})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > sma.price-in",
            "price.price-out > a.value1-in",
            "sma.sma-out > b.value1-in",
            "a.result-out > logic.input-a",
            "b.result-out > logic.input2-in",
            "logic.result-out > buy.trigger-in",
        ],
    )
}

#[test]
fn and_or_have_no_value_while_an_input_has_none() {
    // a: T F T T, b: - T T F.
    let prices = ["5", "0", "2", "9"];
    assert_eq!(fires(&logic("andNode"), &prices), [2]);
    assert_eq!(fires(&logic("orNode"), &prices), [1, 2, 3]);
}

#[test]
fn not_of_no_value_never_trades() {
    let source = graph(
        &[
            price(),
            ("sma", "smaNode", json!({"period": 3})),
            ("a", "compareNode", json!({"operator": ">", "value": 5})),
            ("not", "notNode", json!({})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > sma.price-in",
            "sma.sma-out > a.value1-in",
            "a.result-out > not.input-in",
            "not.result-out > buy.trigger-in",
        ],
    );
    assert_eq!(fires(&source, &["1", "1", "1", "100"]), [2]);
}

#[test]
fn a_label_is_a_comment_and_its_handle_gives_one() {
    let label = ("note", "labelNode", json!({"labelText": "hello"}));
    let source = compared(&[price(), label.clone()], &[], "price.price-out", ">", 2.0);
    assert_eq!(fires(&source, &["1", "3"]), [1]);
    let source = compared(&[label], &[], "note.label-out", "==", 1.0);
    assert_eq!(fires(&source, &["7"]), [0]);
}

#[test]
fn reasons_name_the_trigger_and_the_figures() {
    let source = graph(
        &[
            price(),
            ("fast", "smaNode", json!({"period": 1})),
            ("slow", "smaNode", json!({"period": 2})),
            ("rsi", "rsiNode", json!({"period": 1})),
            ("cross-up", "crossoverNode", json!({})),
            ("level", "thresholdNode", json!({})),
            ("both", "andNode", json!({})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > fast.price-in",
            "price.price-out > slow.price-in",
            "price.price-out > rsi.price-in",
            "fast.sma-out > cross-up.fast-in",
            "slow.sma-out > cross-up.slow-in",
            "rsi.rsi-out > level.value-in",
            "cross-up.cross-out > both.input-a",
            "level.overbought-out > both.input-b",
            "both.result-out > buy.trigger-in",
        ],
    );
    let signals = run(
        &plan(&source),
        Timeframe::Tick,
        &ticks(&["63500.5", "63500.5", "63512.4"]),
    );
    let (index, signal) = &signals[0];
    assert_eq!(*index, 2);
    assert_eq!(
        signal.reason,
        "RSI(1) 100.00 above 70 and SMA(1) 63,512.40 crossed above SMA(2) 63,506.45"
    );
    assert_eq!(signal.price, decimal("63512.4"));
}

#[test]
fn reasons_show_the_digits_that_tell_two_numbers_apart() {
    let source = compared(&[price()], &[], "price.price-out", ">", 100.001);
    let signals = run(&plan(&source), Timeframe::Tick, &ticks(&["100.0012"]));
    assert_eq!(signals[0].1.reason, "price 100.0012 > 100.001");
}

#[test]
fn prices_beyond_any_market_have_no_value() {
    let source = compared(&[price()], &[], "price.price-out", ">", 0.0);
    assert_eq!(fires(&source, &["79228162514264337593543950335", "1"]), [1]);
}

/// A calculation of the price and its value one tick before.
fn calculated(operation: &str, test: &str, to: f64) -> Value {
    let nodes = [
        price(),
        ("lag", "lagNode", json!({})),
        ("math", "mathNode", json!({"operation": operation})),
    ];
    let edges = [
        "price.price-out > lag.value-in",
        "price.price-out > math.a-in",
        "lag.lag-out > math.b-in",
    ];
    compared(&nodes, &edges, "math.value-out", test, to)
}

#[test]
fn arithmetic() {
    let prices = ["2", "6"];
    for (operation, expected) in [
        ("add", 8.0),
        ("subtract", 4.0),
        ("multiply", 12.0),
        ("divide", 3.0),
        ("min", 2.0),
        ("max", 6.0),
    ] {
        assert_eq!(
            fires(&calculated(operation, "==", expected), &prices),
            [1],
            "{operation}"
        );
    }
}

#[test]
fn what_has_no_result_never_trades_and_is_counted() {
    let undefined = |source: &Value, prices: &[&str]| {
        let mut evaluator = plan(source).start(Timeframe::Tick);
        let fired = ticks(prices)
            .iter()
            .filter(|tick| !evaluator.on_tick(tick).is_empty())
            .count();
        (fired, evaluator.undefined_values())
    };
    // 1 / 0 and 0 / 0; then 5 / 0.
    let divided = calculated("divide", "!=", -1.0);
    assert_eq!(undefined(&divided, &["1", "0", "0", "5", "5"]), (2, 2));
    // 1e11 squared is too large, and so is what is made of it.
    let squared = calculated("multiply", ">", 0.0);
    assert_eq!(
        undefined(&squared, &["100000000000", "100000000000", "1"]),
        (1, 1)
    );
    let not = graph(
        &[
            price(),
            ("lag", "lagNode", json!({})),
            ("math", "mathNode", json!({"operation": "divide"})),
            ("c", "compareNode", json!({"operator": ">", "value": 0})),
            ("not", "notNode", json!({})),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > lag.value-in",
            "price.price-out > math.a-in",
            "lag.lag-out > math.b-in",
            "math.value-out > c.value1-in",
            "c.result-out > not.input-in",
            "not.result-out > buy.trigger-in",
        ],
    );
    assert_eq!(
        undefined(&not, &["1", "0", "1"]),
        (1, 1),
        "0 / 1 is no more than 0, 1 / 0 is nothing"
    );
}

#[test]
fn absolute_values_and_choices() {
    let nodes = [
        price(),
        ("momentum", "momentumNode", json!({"period": 1})),
        ("abs", "absNode", json!({})),
    ];
    let edges = [
        "price.price-out > momentum.value-in",
        "momentum.momentum-out > abs.value-in",
    ];
    let source = compared(&nodes, &edges, "abs.value-out", "==", 3.0);
    assert_eq!(fires(&source, &["5", "2", "5", "7"]), [1, 2]);

    let nodes = [
        price(),
        ("sma", "smaNode", json!({"period": 2})),
        ("high", "compareNode", json!({"operator": ">", "value": 3})),
        ("if", "ifNode", json!({})),
    ];
    let edges = [
        "price.price-out > sma.price-in",
        "price.price-out > high.value1-in",
        "high.result-out > if.condition-in",
        "price.price-out > if.then-in",
        "sma.sma-out > if.else-in",
    ];
    // 4 is chosen although the average has no value yet; then (4 + 2) / 2, then (2 + 1) / 2.
    let source = compared(&nodes, &edges, "if.value-out", ">=", 3.0);
    assert_eq!(fires(&source, &["4", "2", "1"]), [0, 1]);
}

#[test]
fn spread_of_bid_and_ask() {
    let source = |data: Value, to: f64| {
        compared(&[("s", "spreadNode", data)], &[], "s.spread-out", "==", to)
    };
    let quote = |bid: Option<&str>, ask: Option<&str>| Tick {
        time: at(0),
        price: decimal("10"),
        volume: decimal("1"),
        bid: bid.map(decimal),
        ask: ask.map(decimal),
    };
    let market = [
        quote(None, Some("12")),
        quote(Some("8"), Some("12")),
        quote(Some("8"), None),
    ];
    let fired = |source: &Value, timeframe: &str| {
        let signals = run(&plan(source), timeframe.parse().unwrap(), &market);
        signals
            .into_iter()
            .map(|(index, _)| index)
            .collect::<Vec<_>>()
    };
    assert_eq!(fired(&source(json!({}), 4.0), "tick"), [1]);
    assert_eq!(
        fired(&source(json!({"spreadType": "ratio"}), 1.5), "tick"),
        [1]
    );
    // Wired, it is of what is wired.
    let nodes = [
        price(),
        ("k", "constantNode", json!({"value": 3})),
        ("s", "spreadNode", json!({})),
    ];
    let edges = ["k.value-out > s.bid-in", "price.price-out > s.ask-in"];
    let wired = compared(&nodes, &edges, "s.spread-out", "==", 7.0);
    assert_eq!(fires(&wired, &["9", "10"]), [1]);
}

#[test]
fn bands_and_averages_of_one_price_share_their_operations() {
    let nodes = [
        price(),
        ("bands", "bollingerBandsNode", json!({"period": 3})),
        ("sma", "smaNode", json!({"period": 3})),
        ("z", "zscoreNode", json!({"period": 3})),
        ("sum", "mathNode", json!({})),
        ("sums", "mathNode", json!({})),
    ];
    let edges = [
        "price.price-out > bands.price-in",
        "price.price-out > sma.price-in",
        "price.price-out > z.value-in",
        "bands.upper-out > sum.a-in",
        "sma.sma-out > sum.b-in",
        "sum.value-out > sums.a-in",
        "z.zscore-out > sums.b-in",
    ];
    let plan = plan(&compared(&nodes, &edges, "sums.value-out", ">", 0.0));
    let count = |wanted: fn(&Op) -> bool| plan.ops().iter().filter(|op| wanted(op)).count();
    assert_eq!(count(|op| matches!(op, Op::MarketMean { .. })), 1);
    assert_eq!(
        count(|op| matches!(
            op,
            Op::Study {
                study: Study::StdDev { .. },
                ..
            }
        )),
        1
    );
}

#[test]
fn a_double_top_is_told_once_when_the_price_breaks_the_low_between() {
    let nodes = [
        price(),
        (
            "p",
            "patternNode",
            json!({"patternType": "double_top", "lookbackBars": 20,
                                    "confidence": 0.8}),
        ),
    ];
    let mut nodes = nodes.to_vec();
    nodes.push(("buy", "buyNode", each_time()));
    let source = graph(
        &nodes,
        &[
            "price.price-out > p.price-in",
            "p.pattern-out > buy.trigger-in",
        ],
    );
    let prices = [
        "90", "95", "100", "96", "92", "91", "94", "99", "97", "95", "93", "90.5", "89", "88",
    ];
    // Tops of 100 and 99 differ by 1 %, the low between is 91: broken at the 12th price.
    assert_eq!(fires(&source, &prices), [11]);
    let fails: Vec<&str> = prices
        .iter()
        .map(|p| if *p == "99" { "97.5" } else { *p })
        .collect();
    assert!(
        fires(&source, &fails).is_empty(),
        "tops that differ by 2.5 %"
    );
}

#[test]
fn a_bullish_divergence_is_told_when_the_second_low_is_known() {
    // The indicator is the price's own change: a lower low reached more slowly.
    let source = graph(
        &[
            price(),
            ("roc", "momentumNode", json!({"period": 1})),
            (
                "d",
                "divergenceNode",
                json!({"lookbackPeriod": 12, "sensitivity": 1}),
            ),
            ("buy", "buyNode", each_time()),
        ],
        &[
            "price.price-out > roc.value-in",
            "price.price-out > d.price-in",
            "roc.momentum-out > d.indicator-in",
            "d.bullish-div-out > buy.trigger-in",
        ],
    );
    // Lows of 90 (after -8) and 89 (after -1): lower, and less falling.
    let prices = ["100", "98", "90", "94", "92", "90", "89", "91", "92"];
    assert_eq!(fires(&source, &prices), [7]);
}
