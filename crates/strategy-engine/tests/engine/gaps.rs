//! Missing trades: a strategy carries on, begins anew, or has its session paused.

use serde_json::{Value, json};
use strategy_engine::{Evaluator, OnGap, Tick, Timeframe, compile, compile_script, write_script};

use crate::support::{errors, graph, once, plan, ticks, walk};

/// Buys where the price is above the average of its last three.
fn above_average(on_gap: Option<&str>) -> Value {
    let mut source = graph(
        &[
            ("price", "priceNode", json!({})),
            ("sma", "smaNode", json!({"period": 3})),
            ("above", "compareNode", json!({"operator": ">"})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > sma.price-in",
            "price.price-out > above.value1-in",
            "sma.sma-out > above.value2-in",
            "above.result-out > buy.trigger-in",
        ],
    );
    if let Some(on_gap) = on_gap {
        source["onGap"] = json!(on_gap);
    }
    source
}

/// The ticks at which it buys, with trades missing before the `gap`-th.
fn buys(source: &Value, timeframe: &str, ticks: &[Tick], gap: usize) -> Vec<usize> {
    let mut evaluator = plan(source).start(timeframe.parse().unwrap());
    let mut buys = Vec::new();
    for (index, tick) in ticks.iter().enumerate() {
        if index == gap {
            evaluator.on_gap();
        }
        if !evaluator.on_tick(tick).is_empty() {
            buys.push(index);
        }
    }
    buys
}

#[test]
fn each_policy_does_what_it_says() {
    let ticks = ticks(&["10", "9", "8", "12", "7", "12", "6", "12"]);
    let carried = buys(&above_average(None), "tick", &ticks, 4);
    assert_eq!(carried, [3, 5, 7]);
    assert_eq!(
        buys(&above_average(Some("carry_on")), "tick", &ticks, 4),
        carried
    );
    assert_eq!(
        buys(&above_average(Some("pause")), "tick", &ticks, 4),
        carried
    );
    // The average needs three values behind the gap: 7, 12 and 6.
    assert_eq!(
        buys(&above_average(Some("reset")), "tick", &ticks, 4),
        [3, 7]
    );
}

#[test]
fn a_bar_with_missing_trades_is_dropped_by_a_reset() {
    let evaluations = |on_gap: &str| {
        let mut evaluator = plan(&above_average(Some(on_gap))).start("5s".parse().unwrap());
        for (index, tick) in ticks(&["10"; 21]).iter().enumerate() {
            if index == 12 {
                evaluator.on_gap();
            }
            evaluator.on_tick(tick);
        }
        evaluator.evaluations()
    };
    // One a second: bars end before the ticks 5, 10, 15 and 20.
    assert_eq!(evaluations("carry_on"), 4);
    // The third is begun anew at its third tick, and is still a bar.
    assert_eq!(evaluations("reset"), 4);
    let mut evaluator = plan(&above_average(Some("reset"))).start("5s".parse().unwrap());
    let prices = ticks(&["1", "100", "3", "3", "3", "5", "5"]);
    for (index, tick) in prices.iter().enumerate() {
        if index == 2 {
            evaluator.on_gap();
        }
        evaluator.on_tick(tick);
    }
    let high = plan(&above_average(Some("reset")));
    let close = high
        .ops()
        .iter()
        .position(|op| format!("{op:?}").starts_with("Market"));
    let close = u32::try_from(close.unwrap()).unwrap();
    assert_eq!(evaluator.number(close), Some(3.0));
}

#[test]
fn counters_go_on_and_a_snapshot_behind_a_gap_is_gone_on_from() {
    let plan = plan(&above_average(Some("reset")));
    let ticks = walk(11, 400);
    let mut whole = plan.start(Timeframe::Tick);
    let mut parts = plan.start(Timeframe::Tick);
    for (index, tick) in ticks.iter().enumerate() {
        if index % 97 == 50 {
            assert_eq!(whole.on_gap(), OnGap::Reset);
            parts.on_gap();
            parts = Evaluator::restore(&plan, &parts.snapshot()).unwrap();
        }
        assert_eq!(whole.on_tick(tick), parts.on_tick(tick), "{index}");
    }
    assert_eq!(whole.evaluations(), 400);
    assert_eq!(whole.snapshot(), parts.snapshot());
}

#[test]
fn the_policy_is_part_of_the_plan_unless_it_is_the_default() {
    let hash = |on_gap: Option<&str>| plan(&above_average(on_gap)).hash();
    assert_eq!(hash(None), hash(Some("carry_on")));
    assert_ne!(hash(None), hash(Some("reset")));
    assert_ne!(hash(Some("pause")), hash(Some("reset")));
    let stored = serde_json::to_string(&*plan(&above_average(Some("pause")))).unwrap();
    let read: strategy_engine::Plan = serde_json::from_str(&stored).unwrap();
    assert_eq!(read.on_gap(), OnGap::Pause);
    for wrong in [json!("stop"), json!(3), json!(["reset"])] {
        let mut source = above_average(None);
        source["onGap"] = wrong;
        let found = errors(&source);
        assert_eq!(found[0].code, "field_invalid");
        assert_eq!(found[0].field.as_deref(), Some("onGap"));
        assert!(found[0].hint.as_deref().unwrap().contains("carry_on"));
    }
}

#[test]
fn both_forms_say_it() {
    let written = write_script(&above_average(Some("reset"))).unwrap();
    assert!(written.contains("on_gap=\"reset\""), "{written}");
    let script = compile_script(&written);
    let drawn = compile(&above_average(Some("reset"))).plan.unwrap();
    assert_eq!(script.compilation.plan.unwrap().hash(), drawn.hash());
    assert_eq!(script.graph.unwrap()["onGap"], "reset");
    let wrong = compile_script("strategy(\"x\", on_gap=\"wait\")\nif close > 1:\n    buy()\n");
    let found = &wrong.diagnostics()[0];
    assert_eq!(
        (found.code.as_ref(), found.line),
        ("argument_invalid", Some(1))
    );
}
