//! Windows, clocks, holds and cooldowns go by the time of the event.

use serde_json::{Value, json};
use strategy_engine::{Tick, Timeframe};

use crate::support::{decimal, each_time, errors, graph, plan, run};

/// A trade at this time.
fn at(time: &str) -> Tick {
    priced(time, "1")
}

fn priced(time: &str, price: &str) -> Tick {
    Tick {
        time: time.parse().unwrap(),
        price: decimal(price),
        volume: decimal("1"),
        ..Tick::default()
    }
}

/// At which of these ticks it buys.
fn fires(source: &Value, ticks: &[Tick]) -> Vec<usize> {
    let signals = run(&plan(source), Timeframe::Tick, ticks);
    signals.into_iter().map(|(index, _)| index).collect()
}

fn window(data: Value) -> Value {
    graph(
        &[("t", "timeNode", data), ("buy", "buyNode", each_time())],
        &["t.time-out > buy.trigger-in"],
    )
}

#[test]
fn the_editors_window_is_half_open_and_in_its_zone() {
    // EST is UTC-5 all year: 09:30 is 14:30Z, in July as well.
    let ticks = [
        at("2025-07-01T14:29:59Z"),
        at("2025-07-01T14:30:00Z"),
        at("2025-07-01T20:59:59.999Z"),
        at("2025-07-01T21:00:00Z"),
    ];
    assert_eq!(fires(&window(json!({})), &ticks), [1, 2]);
    // New York's clock is an hour ahead of that in July, and not in January.
    let new_york = window(json!({"timezone": "America/New_York"}));
    assert_eq!(fires(&new_york, &ticks), [0, 1]);
    let january = [at("2025-01-07T14:29:59Z"), at("2025-01-07T14:30:00Z")];
    assert_eq!(fires(&new_york, &january), [1]);
}

#[test]
fn windows_over_midnight_belong_to_the_day_on_which_they_begin() {
    // 3 January 2025 was a Friday.
    let data = json!({"startTime": "22:00", "endTime": "2:00", "timezone": "UTC",
                      "weekdays": "fri"});
    let ticks = [
        at("2025-01-03T01:00:00Z"),
        at("2025-01-03T21:59:00Z"),
        at("2025-01-03T22:00:00Z"),
        at("2025-01-04T01:59:00Z"),
        at("2025-01-04T02:00:00Z"),
        at("2025-01-04T23:00:00Z"),
    ];
    assert_eq!(fires(&window(data), &ticks), [2, 3]);
    let days = json!({"startTime": "00:00", "endTime": "24:00", "timezone": "UTC",
                      "weekdays": ["sat", "Sun"]});
    let week = [
        at("2025-01-03T23:59:59Z"),
        at("2025-01-04T00:00:00Z"),
        at("2025-01-05T12:00:00Z"),
        at("2025-01-06T00:00:00Z"),
    ];
    assert_eq!(fires(&window(days), &week), [1, 2]);
}

#[test]
fn the_runtimes_figures() {
    let figure = |kind: &str, value: i64, zone: &str| {
        let data = json!({"timeType": kind, "timezone": zone});
        graph(
            &[
                ("t", "timeNode", data),
                (
                    "c",
                    "compareNode",
                    json!({"operator": "==", "value": value}),
                ),
                ("buy", "buyNode", each_time()),
            ],
            &["t.time-out > c.value1-in", "c.result-out > buy.trigger-in"],
        )
    };
    // 1 January 2025 was a Wednesday; 23:45Z is 05:15 on Thursday in India.
    let ticks = [at("2025-01-01T23:45:00Z")];
    for (kind, value, zone) in [
        ("hour", 23, "UTC"),
        ("hour", 5, "Asia/Kolkata"),
        ("minute", 15, "Asia/Kolkata"),
        ("day_of_week", 2, "GMT"),
        ("day_of_week", 3, "Asia/Kolkata"),
        ("timestamp", 1_735_775_100, "PST"),
    ] {
        assert_eq!(
            fires(&figure(kind, value, zone), &ticks),
            [0],
            "{kind} {zone}"
        );
    }
    // Without any data, what it leads to says which form is meant.
    let mut bare = figure("hour", 23, "UTC");
    bare["nodes"][0]["data"] = json!({});
    assert_eq!(fires(&bare, &ticks), [0]);
}

#[test]
fn bars_are_timed_by_their_begin() {
    let data = json!({"startTime": "10:00", "endTime": "10:01", "timezone": "UTC"});
    let ticks = [
        at("2025-01-01T09:59:30Z"),
        at("2025-01-01T10:00:10Z"),
        at("2025-01-01T10:01:20Z"),
        at("2025-01-01T10:02:00Z"),
    ];
    let signals = run(&plan(&window(data)), "1m".parse().unwrap(), &ticks);
    let fired: Vec<usize> = signals.into_iter().map(|(index, _)| index).collect();
    assert_eq!(
        fired,
        [2],
        "the bar of 10:00 closes with the trade after it"
    );
}

#[test]
fn wrong_times_zones_and_days_are_errors() {
    for (field, value) in [
        ("startTime", "24:00"),
        ("startTime", "9.30"),
        ("startTime", "+9:30"),
        ("endTime", "24:01"),
        ("endTime", "00:00"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("weekdays", "mon,yesterday"),
        ("weekdays", ","),
    ] {
        let found = errors(&window(json!({field: value})));
        assert_eq!(found.len(), 1, "{field} {value}: {found:#?}");
        assert_eq!(found[0].code, "field_invalid", "{field} {value}");
        assert_eq!(found[0].field.as_deref(), Some(field));
    }
}

/// Buys at each evaluation at which a node on `price > 10` is true; `price > 20` is a second
/// condition.
fn gated(kind: &str, data: Value, out: &str, second: bool) -> Value {
    let wire = format!("x.{out} > buy.trigger-in");
    let mut edges = vec![
        "price.price-out > high.value1-in",
        "price.price-out > higher.value1-in",
        "high.result-out > x.trigger-in",
        "higher.result-out > other.trigger-in",
        wire.as_str(),
    ];
    if second {
        edges.push("higher.result-out > x.condition-in");
    }
    let never = json!({"sizeType": "percent_of_position"});
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("high", "compareNode", json!({"operator": ">", "value": 10})),
            (
                "higher",
                "compareNode",
                json!({"operator": ">", "value": 20}),
            ),
            ("x", kind, data),
            ("buy", "buyNode", each_time()),
            ("other", "sellNode", never),
        ],
        &edges,
    )
}

/// One tick every ten seconds; where it buys.
fn buys(source: &Value, prices: &[&str]) -> Vec<usize> {
    let start = at("2025-01-01T00:00:00Z").time;
    let ticks: Vec<Tick> = prices
        .iter()
        .enumerate()
        .map(|(index, price)| Tick {
            time: start + chrono::TimeDelta::seconds(10 * index as i64),
            ..priced("2025-01-01T00:00:00Z", price)
        })
        .collect();
    let signals = run(&plan(source), Timeframe::Tick, &ticks);
    let bought = signals.iter().filter(|(_, signal)| signal.node == "buy");
    bought.map(|(index, _)| *index).collect()
}

#[test]
fn a_hold_lasts_its_time_whatever_the_trigger_does() {
    let half_a_minute = json!({"holdType": "duration", "duration": 0.5, "unit": "minutes"});
    let source = gated("holdNode", half_a_minute, "hold-out", false);
    let prices = ["1", "11", "1", "11", "12", "1", "11", "1"];
    // On at 1 for 30 s; at 4 it is over, and the trigger is still true, which begins nothing.
    assert_eq!(buys(&source, &prices), [1, 2, 3, 6, 7]);
    let bars = json!({"holdType": "duration", "duration": 2, "unit": "bars"});
    let source = gated("holdNode", bars, "hold-out", false);
    assert_eq!(buys(&source, &prices), [1, 2, 3, 4, 6, 7]);
}

#[test]
fn a_hold_ends_with_its_condition() {
    let source = gated(
        "holdNode",
        json!({"holdType": "condition"}),
        "hold-out",
        true,
    );
    // At 3 it ends; at 4 the trigger is still true; at 6 both hold, and none begins.
    let prices = ["1", "11", "1", "25", "15", "1", "25", "1", "12"];
    assert_eq!(buys(&source, &prices), [1, 2, 8]);
    let source = gated("holdNode", json!({}), "hold-out", false);
    assert_eq!(buys(&source, &["1", "11", "1", "1"]), [1, 2, 3], "for good");
}

#[test]
fn a_cooldown_lets_one_through_and_then_none_for_a_while() {
    let seconds = json!({"duration": 30, "unit": "seconds"});
    let source = gated("cooldownNode", seconds, "cooldown-out", false);
    let prices = ["11", "12", "1", "11", "1", "11", "1", "11"];
    // At 3 it is 30 s; at 5 only 20 s since then; at 7 it is 40 s.
    assert_eq!(buys(&source, &prices), [0, 3, 7]);
    let bars = json!({"duration": 4, "unit": "bars"});
    let source = gated("cooldownNode", bars, "cooldown-out", false);
    assert_eq!(buys(&source, &prices), [0, 5]);
}

#[test]
fn spans_have_bounds() {
    for duration in [json!(0), json!(-1), json!(1e9), json!("x"), json!(1e30)] {
        let data = json!({"duration": duration, "unit": "days"});
        let found = errors(&gated("cooldownNode", data, "cooldown-out", false));
        assert_eq!(found.len(), 1, "{duration}: {found:#?}");
        assert_eq!(found[0].field.as_deref(), Some("duration"));
    }
    let half_a_bar = json!({"duration": 1.5, "unit": "bars"});
    assert_eq!(
        errors(&gated("cooldownNode", half_a_bar, "cooldown-out", false)).len(),
        1
    );
}

#[test]
fn an_anchored_average_begins_anew_at_midnight() {
    let source = graph(
        &[
            ("v", "vwapNode", json!({})),
            ("c", "compareNode", json!({"operator": "==", "value": 15})),
            ("buy", "buyNode", each_time()),
        ],
        &["v.vwap-out > c.value1-in", "c.result-out > buy.trigger-in"],
    );
    let ticks = [
        priced("2025-01-01T23:00:00Z", "10"),
        priced("2025-01-01T23:30:00Z", "20"),
        priced("2025-01-02T00:00:00Z", "15"),
        priced("2025-01-02T00:00:01Z", "16"),
        // A late trade of yesterday counts into today.
        priced("2025-01-01T23:59:59Z", "14"),
    ];
    assert_eq!(fires(&source, &ticks), [1, 2, 4]);
}

#[test]
fn an_average_anchored_to_the_week_begins_anew_on_monday() {
    let source = graph(
        &[
            ("v", "vwapNode", json!({"anchor": "week"})),
            ("c", "compareNode", json!({"operator": "==", "value": 15})),
            ("buy", "buyNode", each_time()),
        ],
        &["v.vwap-out > c.value1-in", "c.result-out > buy.trigger-in"],
    );
    // 6 January 2025 was a Monday.
    let ticks = [
        priced("2025-01-04T12:00:00Z", "10"),
        priced("2025-01-05T23:59:59Z", "20"),
        priced("2025-01-06T00:00:00Z", "15"),
    ];
    assert_eq!(fires(&source, &ticks), [1, 2]);
}
