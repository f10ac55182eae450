//! Stopping anywhere and going on gives the same.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use strategy_engine::{Evaluator, Plan, SnapshotError, Tick, Timeframe, templates};

use crate::random;
use crate::support::{decimal, each_time, graph, plan, run, walk};

/// Every operation that has a state, each with something that trades on it.
fn everything() -> Value {
    let mut nodes = vec![
        ("price", "priceNode", json!({})),
        ("open", "priceNode", json!({"priceType": "open"})),
        ("sma", "smaNode", json!({"period": 5})),
        ("ema", "emaNode", json!({"period": 7})),
        ("rsi", "rsiNode", json!({"period": 6})),
        ("mean", "smaNode", json!({"period": 4})),
        (
            "ratio",
            "volumeNode",
            json!({"volumeType": "ratio", "period": 3}),
        ),
        (
            "vwap",
            "volumeNode",
            json!({"volumeType": "weighted", "period": 8}),
        ),
        (
            "levels",
            "thresholdNode",
            json!({"upperThreshold": 55, "lowerThreshold": 45}),
        ),
        ("cross", "crossoverNode", json!({"crossType": "any"})),
        ("under", "compareNode", json!({"operator": "<"})),
        (
            "busy",
            "compareNode",
            json!({"operator": ">", "value": 1.5}),
        ),
    ];
    let mut edges = vec![
        "price.price-out > sma.price-in",
        "price.price-out > ema.price-in",
        "price.price-out > rsi.price-in",
        "rsi.rsi-out > mean.price-in",
        "mean.sma-out > levels.value-in",
        "sma.sma-out > cross.fast-in",
        "ema.ema-out > cross.slow-in",
        "open.price-out > under.value1-in",
        "vwap.volume-out > under.value2-in",
        "ratio.volume-out > busy.value1-in",
    ];
    for (id, edge) in [
        ("b1", "levels.overbought-out > b1.trigger-in"),
        ("b2", "levels.oversold-out > b2.trigger-in"),
        ("b3", "cross.cross-out > b3.trigger-in"),
        ("b4", "under.result-out > b4.trigger-in"),
        ("b5", "busy.result-out > b5.trigger-in"),
    ] {
        let data = if id == "b5" {
            each_time()
        } else {
            json!({"sizeType": "percent_of_cash"})
        };
        nodes.push((id, "buyNode", data));
        edges.push(edge);
    }
    graph(&nodes, &edges)
}

fn plans() -> Vec<Arc<Plan>> {
    let sources = templates().iter().map(|template| template.source());
    sources
        .chain([everything(), random::one_of_each()])
        .map(|source| plan(&source))
        .collect()
}

#[test]
fn every_action_of_everything_fires() {
    for timeframe in ["tick", "1s", "ticks:3", "volume:0.2", "range:0.03"] {
        let signals = run(
            &plan(&everything()),
            timeframe.parse().unwrap(),
            &walk(11, 5_000),
        );
        for node in ["b1", "b2", "b3", "b4", "b5"] {
            assert!(
                signals.iter().any(|(_, signal)| signal.node == node),
                "{timeframe} {node}"
            );
        }
    }
}

/// With bid and ask at most of the ticks.
fn quoted(mut ticks: Vec<Tick>) -> Vec<Tick> {
    for (index, tick) in ticks.iter_mut().enumerate() {
        if index % 7 != 0 {
            tick.bid = Some(tick.price - decimal("0.005"));
            tick.ask = Some(tick.price + decimal("0.01"));
        }
    }
    ticks
}

fn split(
    plan: &Arc<Plan>,
    timeframe: Timeframe,
    ticks: &[Tick],
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let expected = run(plan, timeframe, ticks);
    let mut evaluator = plan.start(timeframe);
    let mut whole = plan.start(timeframe);
    let mut signals = Vec::new();
    for (index, tick) in ticks.iter().enumerate() {
        if cuts.contains(&index) {
            let snapshot = evaluator.snapshot();
            evaluator = Evaluator::restore(plan, &snapshot).unwrap();
            prop_assert_eq!(evaluator.timeframe(), timeframe);
            prop_assert_eq!(evaluator.snapshot(), snapshot);
        }
        signals.extend(evaluator.on_tick(tick).into_iter().map(|s| (index, s)));
        whole.on_tick(tick);
    }
    prop_assert_eq!(signals, expected);
    // To the last bit, whether it showed in a signal or not.
    prop_assert_eq!(evaluator.snapshot(), whole.snapshot());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn split_anywhere(
        seed in any::<u64>(),
        cuts in prop::collection::vec(0_usize..600, 1..6),
        timeframe in prop::sample::select(vec!["tick", "1s", "5s", "ticks:7", "volume:0.5", "range:0.05"]),
        finer in 0_usize..600,
    ) {
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let mut ticks = quoted(walk(seed, 600));
        // Somewhere, prices get more decimals than before.
        ticks[finer].price += decimal("0.000001");
        for plan in plans() {
            split(&plan, timeframe, &ticks, &cuts)?;
        }
    }

    #[test]
    fn split_anywhere_whatever_is_drawn(
        seed in any::<u64>(),
        cuts in prop::collection::vec(0_usize..400, 1..6),
        timeframe in prop::sample::select(vec!["tick", "1s", "ticks:3", "volume:0.2", "range:0.03"]),
    ) {
        let plan = plan(&random::strategy(seed, 20));
        split(&plan, timeframe.parse().unwrap(), &quoted(walk(seed, 400)), &cuts)?;
    }

    #[test]
    fn damaged_snapshots_never_panic(
        cut in 0_usize..9_000,
        flips in prop::collection::vec((37_usize..8_000, any::<u8>()), 0..6),
        timeframe in prop::sample::select(vec!["1s", "ticks:3", "volume:0.2", "range:0.03"]),
    ) {
        let plan = plan(&random::one_of_each());
        let mut evaluator = plan.start(timeframe.parse().unwrap());
        for tick in walk(5, 300) {
            evaluator.on_tick(&tick);
        }
        let mut bytes = evaluator.snapshot();
        for (place, byte) in flips {
            if let Some(target) = bytes.get_mut(place) {
                *target = byte;
            }
        }
        bytes.truncate(cut);
        if let Ok(mut restored) = Evaluator::restore(&plan, &bytes) {
            for tick in walk(6, 300) {
                restored.on_tick(&tick);
            }
        }
    }
}

/// Found by fuzzing: a number of 1e283 overflows within a few trades, and a count of 2^53 - 5 passes the
/// limit of what is read.
#[test]
fn what_was_gone_on_from_once_is_gone_on_from_again() {
    const HEAD: usize = 4 + 1 + 32;
    const NUMBER: &[u8] = b"\x00\x02\x00\x50\x00\x00\x1c\x00\x00\x00\xe6\x00\x07\xdf\x00\x59\x00\x9e\
        \x3f\x5d\x88\xc1\xff\xff\xff\x38\x3f\x50\x48\xe1\x7a\x14\xae\x44\xaf\x40\x50\x48\xe1\x7a\x50\x48\
        \xe1\x7a\x14\xae\x44\xaf\x40\x03\x03\x02\x02";
    const COUNT: &[u8] = b"\x00\x02\x00\xf6\xff\xff\xff\xff\xff\xff\x1f\x50\x00\x00\x1c\x00\xff\x48\x4a\
        \x4c\x02\x00\x07\x73\x02\x00\xe6\x9e\x3f\x5d\x88\xc1\x8b\x26\x4e\x7a\xa1\x3f\x00\x00\x00\x00";
    for (template, damaged) in [(7, NUMBER), (8, COUNT)] {
        let plan = plan(&templates()[template].source());
        let fresh = plan.start(Timeframe::Tick).snapshot();
        let snapshot = [&fresh[..HEAD], damaged].concat();
        let mut evaluator = Evaluator::restore(&plan, &snapshot).unwrap();
        for tick in walk(1, 20) {
            evaluator.on_tick(&tick);
        }
        let later = evaluator.snapshot();
        let again = Evaluator::restore(&plan, &later).unwrap();
        assert_eq!(again.snapshot(), later);
    }
}

#[test]
fn another_plans_snapshot_is_refused() {
    let plans = plans();
    let snapshot = plans[0].start(Timeframe::Tick).snapshot();
    let refused = Evaluator::restore(&plans[1], &snapshot).unwrap_err();
    assert_eq!(
        refused,
        SnapshotError::Plan {
            snapshot: plans[0].hash(),
            plan: plans[1].hash()
        }
    );
    assert_eq!(
        Evaluator::restore(&plans[0], b"").unwrap_err(),
        SnapshotError::Invalid
    );
    let longer = [snapshot, vec![0]].concat();
    assert_eq!(
        Evaluator::restore(&plans[0], &longer).unwrap_err(),
        SnapshotError::Invalid
    );
}

#[test]
fn snapshots_are_small() {
    let plan = plan(&templates()[0].source());
    let mut evaluator = plan.start(Timeframe::Tick);
    for tick in walk(1, 1_000) {
        evaluator.on_tick(&tick);
    }
    assert!(
        evaluator.snapshot().len() < 400,
        "{}",
        evaluator.snapshot().len()
    );
    assert_eq!(evaluator.evaluations(), 1_000);
}

#[test]
fn a_snapshot_of_an_older_form_is_refused() {
    let plan = plan(&everything());
    let mut snapshot = plan.start(Timeframe::Tick).snapshot();
    // The version follows the four bytes that tell what it is.
    snapshot[4] -= 1;
    assert_eq!(
        Evaluator::restore(&plan, &snapshot).unwrap_err(),
        SnapshotError::Invalid
    );
}

#[test]
fn what_closes_a_bar_is_checked_when_it_is_read() {
    let plan = plan(&everything());
    // Behind the magic, the version and the plan's hash.
    const TIMEFRAME: usize = 4 + 1 + 32;
    let snapshot = |timeframe: &str| plan.start(timeframe.parse().unwrap()).snapshot();
    let invalid = |snapshot: &[u8]| {
        Evaluator::restore(&plan, snapshot).unwrap_err() == SnapshotError::Invalid
    };
    let mut ticks = snapshot("ticks:5");
    // -1, then 5, both with the sign in the lowest bit.
    assert_eq!(ticks[TIMEFRAME..TIMEFRAME + 2], [1, 10]);
    ticks[TIMEFRAME + 1] = 0;
    assert!(invalid(&ticks), "bars of no trades");
    ticks[TIMEFRAME] = 7;
    assert!(invalid(&ticks), "an unknown kind");
    let mut volume = snapshot("volume:5");
    assert_eq!(volume[TIMEFRAME], 3);
    volume[TIMEFRAME + 1..TIMEFRAME + 17].fill(0);
    assert!(invalid(&volume), "bars of no volume");
    let mut range = snapshot("range:5");
    assert_eq!(range[TIMEFRAME], 5);
    // The scale of the amount.
    range[TIMEFRAME + 3] = 29;
    assert!(invalid(&range), "an amount that is no decimal");
}
