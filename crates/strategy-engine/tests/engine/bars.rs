//! Time bars are aligned to event time and close at the first tick at or past their end; bars of
//! trades, volume and price close with the trade that completes them.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use strategy_engine::{Evaluator, Op, Plan, Tick, Timeframe, compile_script, write_script};

use crate::support::{at, decimal, each_time, graph, plan, run, walk};

fn tick(millis: i64, price: &str, volume: &str) -> Tick {
    Tick {
        time: at(millis),
        price: decimal(price),
        volume: decimal(volume),
        ..Tick::default()
    }
}

/// Fires at each bar of which this figure equals the level.
fn bar_figure(node: &str, data: serde_json::Value, handle: &str, level: f64) -> Vec<usize> {
    let wire = format!("figure.{handle} > equal.value1-in");
    let source = graph(
        &[
            ("figure", node, data),
            (
                "equal",
                "compareNode",
                json!({"operator": "equal", "value": level}),
            ),
            ("buy", "buyNode", each_time()),
        ],
        &[&wire, "equal.result-out > buy.trigger-in"],
    );
    let ticks = [
        tick(200, "10", "1"),
        tick(4_999, "12", "2"),
        tick(300, "8", "4"),
        tick(4_999, "11", "8"),
        // Exactly at the end: closes the first bar and opens the second.
        tick(5_000, "20", "1"),
        // From before the present bar: a closed bar stays closed.
        tick(4_000, "21", "1"),
        // Two spans without trades have no bars; this closes the second.
        tick(21_000, "30", "1"),
    ];
    let signals = run(&plan(&source), "5s".parse().unwrap(), &ticks);
    signals
        .into_iter()
        .map(|(index, signal)| {
            assert_eq!(
                signal.price, ticks[index].price,
                "the cause is the tick that closes"
            );
            index
        })
        .collect()
}

#[test]
fn open_high_low_close_and_volume() {
    for (price_type, first, second) in [
        ("open", 10.0, 20.0),
        ("high", 12.0, 21.0),
        ("low", 8.0, 20.0),
        ("close", 11.0, 21.0),
    ] {
        let data = json!({"priceType": price_type});
        assert_eq!(
            bar_figure("priceNode", data.clone(), "price-out", first),
            [4],
            "{price_type}"
        );
        assert_eq!(
            bar_figure("priceNode", data, "price-out", second),
            [6],
            "{price_type}"
        );
    }
    assert_eq!(bar_figure("volumeNode", json!({}), "volume-out", 15.0), [4]);
    assert_eq!(bar_figure("volumeNode", json!({}), "volume-out", 2.0), [6]);
}

#[test]
fn a_weighted_price_takes_the_bars_typical_price() {
    let data = json!({"volumeType": "weighted", "period": 1});
    let typical = (12.0 + 8.0 + 11.0) / 3.0;
    assert_eq!(bar_figure("volumeNode", data, "volume-out", typical), [4]);
}

/// A strategy that reads every figure of a bar, and the time.
const EVERYTHING: &str = "if open + high + low + close + volume + timestamp() > 0:\n    buy()\n";

/// Open, high, low, close, volume and the second, as the evaluator saw them last.
fn seen(plan: &Plan, evaluator: &Evaluator) -> [Option<f64>; 6] {
    use strategy_engine::Field::{Close, High, Low, Open, Volume};
    let figure = |is_it: &dyn Fn(&Op) -> bool| {
        let place = plan.ops().iter().position(is_it).unwrap();
        evaluator.number(u32::try_from(place).unwrap())
    };
    let market = |wanted| figure(&|op| matches!(op, Op::Market { field } if *field == wanted));
    let second = figure(&|op| matches!(op, Op::Clock { .. }));
    [
        market(Open),
        market(High),
        market(Low),
        market(Close),
        market(Volume),
        second,
    ]
}

fn everything() -> std::sync::Arc<Plan> {
    let compiled = compile_script(EVERYTHING).compilation;
    std::sync::Arc::new(compiled.plan.unwrap())
}

/// The bars that an evaluator closes: at which tick, and what it saw.
fn closed(timeframe: &str, ticks: &[Tick]) -> Vec<(usize, [Option<f64>; 6])> {
    let plan = everything();
    let mut evaluator = plan.start(timeframe.parse().unwrap());
    let mut bars = Vec::new();
    for (index, tick) in ticks.iter().enumerate() {
        let before = evaluator.evaluations();
        evaluator.on_tick(tick);
        if evaluator.evaluations() > before {
            bars.push((index, seen(&plan, &evaluator)));
        }
    }
    bars
}

/// A number as the decimal's text has it.
fn number(value: Decimal) -> f64 {
    value.to_string().parse().unwrap()
}

/// The same by the definition, over slices of the trades: a bar is the shortest run of trades from
/// the end of the one before for which `is_enough` holds.
fn by_definition(
    ticks: &[Tick],
    is_enough: impl Fn(&[Tick]) -> bool,
) -> Vec<(usize, [Option<f64>; 6])> {
    let mut bars = Vec::new();
    let mut begin = 0;
    for end in 1..=ticks.len() {
        let bar = &ticks[begin..end];
        if !is_enough(bar) {
            continue;
        }
        let prices: Vec<f64> = bar.iter().map(|tick| number(tick.price)).collect();
        let volume: Decimal = bar.iter().map(|tick| tick.volume).sum();
        let figures = [
            prices[0],
            prices.iter().copied().fold(f64::MIN, f64::max),
            prices.iter().copied().fold(f64::MAX, f64::min),
            prices[prices.len() - 1],
            number(volume),
            bar[0].time.timestamp() as f64,
        ];
        bars.push((end - 1, figures.map(Some)));
        begin = end;
    }
    bars
}

/// Hundredths of the price: a walk has no finer ones.
fn cents(tick: &Tick) -> i128 {
    assert_eq!(tick.price.scale(), 2);
    tick.price.mantissa()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bars_of_trades_volume_and_price_are_what_the_definition_says(
        seed in any::<u64>(),
        trades in 1_usize..40,
        // In 10^-5: a walk's trades have up to 1 of volume.
        volume in 1_u32..400_000,
        range in 1_i128..12,
    ) {
        let ticks = walk(seed, 400);
        prop_assert_eq!(
            closed(&format!("ticks:{trades}"), &ticks),
            by_definition(&ticks, |bar| bar.len() == trades)
        );
        let enough = Decimal::new(i64::from(volume), 5);
        prop_assert_eq!(
            closed(&format!("volume:{enough}"), &ticks),
            by_definition(&ticks, |bar| bar.iter().map(|tick| tick.volume).sum::<Decimal>() >= enough)
        );
        prop_assert_eq!(
            closed(&format!("range:{}", Decimal::from_i128_with_scale(range, 2)), &ticks),
            by_definition(&ticks, |bar| {
                let prices = bar.iter().map(cents);
                prices.clone().max().unwrap() - prices.min().unwrap() >= range
            })
        );
    }

    #[test]
    fn bars_of_one_trade_are_ticks(seed in any::<u64>()) {
        let ticks = walk(seed, 200);
        let source = crate::random::strategy(seed, 20);
        let plan = plan(&source);
        let one: Timeframe = "ticks:1".parse().unwrap();
        prop_assert_eq!(run(&plan, one, &ticks), run(&plan, Timeframe::Tick, &ticks));
    }
}

#[test]
fn the_trade_that_completes_a_bar_is_its_last_and_the_cause() {
    let ticks = [
        tick(100, "100", "1"),
        tick(200, "101", "1"),
        // The second trade of its bar by number, the third of the volume's, and a jump.
        tick(300, "104", "9"),
        tick(400, "104", "2"),
        tick(500, "103", "1"),
    ];
    let at = |timeframe: &str| -> Vec<(usize, f64, f64)> {
        let bars = closed(timeframe, &ticks).into_iter();
        bars.map(|(index, [open, .., volume, _])| (index, open.unwrap(), volume.unwrap()))
            .collect()
    };
    assert_eq!(at("ticks:2"), [(1, 100.0, 2.0), (3, 104.0, 11.0)]);
    // One trade of 9 is not divided: it closes one bar.
    assert_eq!(at("volume:3"), [(2, 100.0, 11.0), (4, 104.0, 3.0)]);
    // A jump over several ranges closes one bar, at the price that was traded.
    assert_eq!(at("range:2"), [(2, 100.0, 11.0)]);
    assert_eq!(at("range:1"), [(1, 100.0, 2.0), (4, 104.0, 12.0)]);
}

#[test]
fn their_time_is_that_of_their_first_trade_in_the_order_of_the_log() {
    let ticks = [
        tick(5_000, "100", "1"),
        // Late, but the log says where it belongs.
        tick(1_000, "101", "1"),
        tick(9_000, "102", "1"),
        tick(9_500, "103", "1"),
    ];
    let seconds: Vec<f64> = closed("ticks:2", &ticks)
        .into_iter()
        .map(|(_, [.., second])| second.unwrap() - at(0).timestamp() as f64)
        .collect();
    assert_eq!(seconds, [5.0, 9.0]);
}

#[test]
fn a_gap_drops_the_bar_that_was_open_where_the_strategy_begins_anew() {
    for (on_gap, closes) in [("carry_on", vec![2, 5]), ("reset", vec![4])] {
        let script = format!("strategy(\"x\", on_gap=\"{on_gap}\")\nif close > 1:\n    buy()\n");
        let plan = compile_script(&script).compilation.plan.unwrap();
        let mut evaluator = std::sync::Arc::new(plan).start("ticks:3".parse().unwrap());
        let mut found = Vec::new();
        for (index, tick) in walk(5, 6).iter().enumerate() {
            if index == 2 {
                evaluator.on_gap();
            }
            let before = evaluator.evaluations();
            evaluator.on_tick(tick);
            if evaluator.evaluations() > before {
                found.push(index);
            }
        }
        assert_eq!(found, closes, "{on_gap}");
    }
}

#[test]
fn what_is_seen_before_a_session_leaves_its_last_bar_open_unless_time_ends_it() {
    for (timeframe, evaluations) in [("ticks:4", 2), ("1d", 1)] {
        let mut evaluator = everything().start(timeframe.parse().unwrap());
        evaluator.warm_up(walk(5, 10));
        assert_eq!(evaluator.evaluations(), evaluations, "{timeframe}");
        evaluator.on_tick(&walk(5, 11)[10]);
        evaluator.on_tick(&walk(5, 12)[11]);
        let more = u64::from(timeframe == "ticks:4");
        assert_eq!(evaluator.evaluations(), evaluations + more, "{timeframe}");
    }
}

#[test]
fn scripts_and_graphs_say_it() {
    for timeframe in ["ticks:100", "volume:2.5", "range:25"] {
        let text =
            format!("strategy(\"x\", timeframe=\"{timeframe}\")\nif close > 1:\n    buy()\n");
        let script = compile_script(&text);
        let wanted: Timeframe = timeframe.parse().unwrap();
        assert_eq!(script.timeframe, Some(wanted), "{:?}", script.diagnostics());
        let mut drawn = script.graph.unwrap();
        assert_eq!(drawn["timeframe"], timeframe);
        // Without a name, too.
        drawn.as_object_mut().unwrap().remove("name");
        let written = write_script(&drawn).unwrap();
        assert_eq!(
            compile_script(&written).timeframe,
            Some(wanted),
            "{written}"
        );
        // What is no timeframe is not written: in a graph it has no effect.
        drawn["timeframe"] = json!("renko:3");
        let written = write_script(&drawn).unwrap();
        assert!(compile_script(&written).compilation.ok(), "{written}");
    }
}
