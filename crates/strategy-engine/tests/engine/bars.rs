//! Bars are aligned to event time and close at the first tick at or past their end.

use serde_json::json;
use strategy_engine::{Tick, Timeframe, TimeframeError};

use crate::support::{at, decimal, each_time, graph, plan, run};

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

#[test]
fn timeframes_have_names() {
    for name in Timeframe::names() {
        let timeframe: Timeframe = name.parse().unwrap();
        assert_eq!(timeframe.to_string(), name);
        let text = serde_json::to_string(&timeframe).unwrap();
        assert_eq!(serde_json::from_str::<Timeframe>(&text).unwrap(), timeframe);
    }
    assert_eq!(
        "15m".parse::<Timeframe>().unwrap().seconds().unwrap().get(),
        900
    );
    assert_eq!("tick".parse(), Ok(Timeframe::Tick));
    for unknown in ["", "1", "0s", "2m", "1M", " 1m", "7s"] {
        assert_eq!(
            unknown.parse::<Timeframe>(),
            Err(TimeframeError),
            "{unknown}"
        );
    }
}
