//! What a strategy knows of its position.

use chrono::TimeDelta;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{
    Evaluator, Holding, HoldingFigure, OnGap, Op, Position, Tick, Timeframe, compile_script,
    templates,
};

use crate::scripts::clean;
use crate::support::{at, codes, decimal, graph, plan, ticks, walk};

const OUTPUTS: [&str; 7] = [
    "units-out",
    "entry-price-out",
    "unrealized-out",
    "unrealized-percent-out",
    "realized-out",
    "bars-out",
    "seconds-out",
];

/// Buys each time that an output is above a level.
fn above(output: &str, level: f64) -> Value {
    graph(
        &[
            ("held", "positionNode", json!({})),
            ("is", "compareNode", json!({"value": level})),
            (
                "buy",
                "buyNode",
                json!({"sizeType": "units", "quantity": 1, "repeat": true}),
            ),
        ],
        &[
            &format!("held.{output} > is.value1-in"),
            "is.result-out > buy.trigger-in",
        ],
    )
}

fn position(number: u64, since: i64) -> Position {
    Position {
        units: decimal("0.5"),
        entry_price: Some(decimal("100.25")),
        unrealized: Some(decimal("-3.5")),
        unrealized_percent: Some(decimal("-6.98")),
        number,
        since: at(since),
    }
}

fn holding(position: Position) -> Holding {
    Holding {
        realized: decimal("12.5"),
        position: Some(position),
    }
}

/// The figure of each output at the last evaluation, read from the plan's operations.
fn figures(evaluator: &Evaluator) -> Vec<(HoldingFigure, Option<f64>)> {
    let ops = evaluator.plan().ops().iter().enumerate();
    let figures = ops.filter_map(|(index, op)| match op {
        Op::Holding { figure } => Some((*figure, evaluator.number(index as u32))),
        _ => None,
    });
    figures.collect()
}

fn one_figure(output: &str, given: &[(Tick, Holding)], timeframe: &str) -> Vec<Option<f64>> {
    let plan = plan(&above(output, 1e9));
    let mut evaluator = plan.start(timeframe.parse().unwrap());
    let mut found = Vec::new();
    for (tick, holding) in given {
        let before = evaluator.evaluations();
        evaluator.on_tick_holding(tick, holding);
        if evaluator.evaluations() > before {
            found.push(figures(&evaluator)[0].1);
        }
    }
    found
}

#[test]
fn each_output_is_the_accounts_figure() {
    let tick = ticks(&["90"])[0];
    let held = holding(position(3, -1_500));
    let nothing = Holding {
        realized: decimal("12.5"),
        position: None,
    };
    let expected = [0.5, 100.25, -3.5, -6.98, 12.5, 0.0, 1.5];
    for (output, expected) in OUTPUTS.into_iter().zip(expected) {
        let without = match output {
            "entry-price-out" => None,
            "realized-out" => Some(12.5),
            _ => Some(0.0),
        };
        let given = [(tick, nothing), (tick, held), (tick, nothing)];
        let found = one_figure(output, &given, "tick");
        assert_eq!(found, [without, Some(expected), without], "{output}");
    }
    // Without being told, it holds nothing and never has.
    let plan = plan(&above("realized-out", -1.0));
    let mut evaluator = plan.start(Timeframe::Tick);
    evaluator.on_tick_holding(&tick, &held);
    evaluator.on_tick(&tick);
    assert_eq!(figures(&evaluator)[0].1, Some(0.0));
}

#[test]
fn what_has_no_value_never_trades() {
    let plan = plan(&above("entry-price-out", 0.0));
    let mut evaluator = plan.start(Timeframe::Tick);
    let tick = ticks(&["90"])[0];
    assert_eq!(
        evaluator.on_tick_holding(&tick, &Holding::default()).len(),
        0
    );
    assert_eq!(
        evaluator
            .on_tick_holding(&tick, &holding(position(1, 0)))
            .len(),
        1
    );
    let unknown = Position {
        entry_price: None,
        ..position(1, 0)
    };
    assert_eq!(evaluator.on_tick_holding(&tick, &holding(unknown)).len(), 0);
}

#[test]
fn evaluations_are_counted_for_each_position() {
    let tick = ticks(&["90"])[0];
    let held = |number| (tick, holding(position(number, 0)));
    let none = (tick, Holding::default());
    let given = [
        none,
        held(1),
        held(1),
        held(1),
        none,
        none,
        held(2),
        held(2),
    ];
    let counted = one_figure("bars-out", &given, "tick");
    let expected = [0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 1.0];
    assert_eq!(counted, expected.map(Some));
    // Sold and bought again between two evaluations.
    let counted = one_figure("bars-out", &[held(1), held(1), held(2)], "tick");
    assert_eq!(counted, [0.0, 1.0, 0.0].map(Some));
}

#[test]
fn on_bars_it_is_the_position_at_the_trade_that_ends_the_bar() {
    let tick = |second: i64| Tick {
        time: at(1_000 * second),
        price: decimal("90"),
        volume: Decimal::ONE,
        ..Tick::default()
    };
    let (none, held) = (Holding::default(), holding(position(1, 59_000)));
    // The bar is evaluated at the first trade behind it, of which the account knows.
    let given = [(tick(0), held), (tick(59), none), (tick(61), held)];
    assert_eq!(one_figure("units-out", &given, "1m"), [Some(0.5)]);
    assert_eq!(one_figure("seconds-out", &given, "1m"), [Some(2.0)]);
    assert_eq!(one_figure("units-out", &given[..2], "ticks:2"), [Some(0.0)]);
}

#[test]
fn a_warm_up_holds_nothing_and_a_reset_counts_anew() {
    let (evaluator, _) = run_bars_with_a_gap();
    assert_eq!(figures(&evaluator)[0], (HoldingFigure::Bars, Some(1.0)));
}

fn run_bars_with_a_gap() -> (Evaluator, usize) {
    let mut source = above("bars-out", 1e9);
    source["onGap"] = json!("reset");
    let plan = plan(&source);
    let mut evaluator = plan.start(Timeframe::Tick);
    let all = ticks(&["90"; 8]);
    evaluator.warm_up(all.iter().copied());
    assert_eq!(figures(&evaluator)[0].1, Some(0.0));
    let held = holding(position(1, 0));
    let mut fired = 0;
    for tick in &all {
        fired += evaluator.on_tick_holding(tick, &held).len();
    }
    assert_eq!(evaluator.on_gap(), OnGap::Reset);
    for tick in &all[..2] {
        fired += evaluator.on_tick_holding(tick, &held).len();
    }
    (evaluator, fired)
}

#[test]
fn only_a_plan_that_reads_its_position_says_so_and_only_its_hash_knows_of_it() {
    assert!(plan(&above("units-out", 0.0)).reads_position());
    for template in templates() {
        let reads = plan(&template.source()).reads_position();
        assert_eq!(reads, template.key == "dipWithTarget", "{}", template.key);
    }
    // An output that leads nowhere is no reading.
    let unused = graph(
        &[
            ("held", "positionNode", json!({})),
            ("price", "priceNode", json!({})),
            ("is", "compareNode", json!({"value": 1})),
            ("either", "compareNode", json!({"value": 1})),
            (
                "buy",
                "buyNode",
                json!({"sizeType": "units", "quantity": 1}),
            ),
        ],
        &[
            "price.price-out > is.value1-in",
            "held.units-out > either.value1-in",
            "is.result-out > buy.trigger-in",
        ],
    );
    assert!(!plan(&unused).reads_position());
    let hashes: Vec<_> = OUTPUTS
        .map(|output| plan(&above(output, 1.0)).hash())
        .into();
    for (index, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(hash));
    }
}

#[test]
fn a_script_says_it_by_name() {
    let script = "held = position()\n\
        if held == 0 and held.realized < 50:\n    buy(size=units(1))\n\
        if held.unrealized_percent > 0.2 or held.unrealized < -10 or held.bars > 30:\n    sell()\n\
        if close < held.entry_price * 0.99 and held.seconds > 60:\n    sell(id=\"old\")\n";
    let written = clean(script);
    let drawn = written.graph.clone().unwrap();
    assert!(written.compilation.plan.as_ref().unwrap().reads_position());
    assert_eq!(
        plan(&drawn).hash(),
        written.compilation.plan.unwrap().hash()
    );
    let again = strategy_engine::write_script(&drawn).unwrap();
    assert!(again.contains("position()"), "{again}");
    let again = compile_script(&again).compilation.plan.unwrap();
    assert_eq!(again.hash(), plan(&drawn).hash());
}

#[test]
fn a_script_that_has_a_position_of_its_own_means_that() {
    let own = "position = sma(close, 5)\nif close > position:\n    buy()\n";
    let other = "mean = sma(close, 5)\nif close > mean:\n    buy()\n";
    let plan = |script: &str| clean(script).compilation.plan.unwrap();
    assert_eq!(plan(own).hash(), plan(other).hash());
    let defined =
        "def position(x):\n    return sma(x, 5)\nif close > position(close):\n    buy()\n";
    assert_eq!(plan(defined).hash(), plan(other).hash());
}

#[test]
fn what_a_position_can_never_be_is_said() {
    assert!(codes(&above("units-out", -1.0)).contains(&"always_trades".to_owned()));
    let mut never = above("unrealized-percent-out", -101.0);
    never["nodes"][1]["data"]["operator"] = json!("<");
    assert!(codes(&never).contains(&"never_trades".to_owned()));
}

#[test]
fn a_reason_names_the_figure() {
    let plan = plan(&above("unrealized-percent-out", -7.0));
    let mut evaluator = plan.start(Timeframe::Tick);
    let signals = evaluator.on_tick_holding(&ticks(&["90"])[0], &holding(position(1, 0)));
    assert_eq!(signals[0].reason, "unrealised PnL in percent -6.9800 > -7");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Stopped after any trade and restored, it goes on to the same signals.
    #[test]
    fn it_can_be_stopped_anywhere(
        seed in any::<u64>(), cut in 0_usize..300,
        timeframe in prop::sample::select(vec!["tick", "1s", "ticks:3"]),
    ) {
        let script = "held = position()\n\
            if held.bars > 4 or held.unrealized_percent > 1 or held.seconds > 7:\n    sell(repeat=True)\n\
            if crosses_above(close, held.entry_price) or held == 0:\n    buy(size=units(1))\n";
        let plan = std::sync::Arc::new(clean(script).compilation.plan.unwrap());
        // An account that holds something every now and then.
        let told: Vec<(Tick, Holding)> = walk(seed, 300).into_iter().enumerate().map(|(index, tick)| {
            let run = index / 11;
            let position = (run % 3 != 0).then(|| Position {
                units: Decimal::from(run as u64),
                entry_price: Some(Decimal::new(9_990 + (run % 20) as i64, 2)),
                unrealized: Some(tick.price - Decimal::ONE_HUNDRED),
                unrealized_percent: Some(tick.price - Decimal::ONE_HUNDRED),
                number: run as u64,
                since: tick.time - TimeDelta::milliseconds(700 * (index % 11) as i64),
            });
            (tick, Holding { realized: Decimal::from(run as u64), position })
        }).collect();
        let mut whole = plan.start(timeframe.parse().unwrap());
        let mut split = whole.clone();
        for (index, (tick, holding)) in told.iter().enumerate() {
            if index == cut {
                split = Evaluator::restore(&plan, &split.snapshot()).unwrap();
            }
            let (expected, found) =
                (whole.on_tick_holding(tick, holding), split.on_tick_holding(tick, holding));
            prop_assert_eq!(expected, found);
        }
        prop_assert_eq!(whole.snapshot(), split.snapshot());
    }
}
