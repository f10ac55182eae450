//! A strategy over candles: what it sees, when its orders are filled, and at which price.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroU32;
use std::sync::Arc;

use backtest::{
    Backtest, BacktestError, Candle, CandleBacktest, Candles, CandlesError, Result, Terms,
};
use chrono::{DateTime, TimeDelta, Utc};
use paper_exchange::{Action, ExecutionStatus};
use rust_decimal::Decimal;
use strategy_engine::{Plan, Tick, Timeframe, compile_script};

const MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

fn plan(script: &str) -> Arc<Plan> {
    let script = compile_script(script);
    let plan = script.compilation.plan.clone();
    Arc::new(plan.unwrap_or_else(|| panic!("{:#?}", script.diagnostics())))
}

fn terms(timeframe: &str) -> Terms {
    Terms {
        timeframe: timeframe.parse().unwrap(),
        fee_rate: Decimal::ZERO,
        ..Terms::default()
    }
}

/// One a minute: open, high, low, close.
fn candles(figures: &[[i64; 4]]) -> Vec<Candle> {
    let begin: DateTime<Utc> = "2026-01-05T00:00:00Z".parse().unwrap();
    let candle = |(minute, [open, high, low, close]): (usize, &[i64; 4])| Candle {
        time: begin + TimeDelta::minutes(minute as i64),
        open: Decimal::from(*open),
        high: Decimal::from(*high),
        low: Decimal::from(*low),
        close: Decimal::from(*close),
        volume: Decimal::from(14),
    };
    figures.iter().enumerate().map(candle).collect()
}

fn run(script: &str, timeframe: &str, figures: &[[i64; 4]]) -> Result {
    let mut backtest = CandleBacktest::new(&plan(script), &terms(timeframe), MINUTE).unwrap();
    for candle in candles(figures) {
        backtest.on_candle(&candle).unwrap();
    }
    backtest.finish()
}

/// Action and price of each fill.
fn fills(result: &Result) -> Vec<(Action, i64)> {
    let executions = result.executions.iter();
    executions
        .filter(|execution| execution.status == ExecutionStatus::Filled)
        .map(|execution| (execution.action, execution.price.try_into().unwrap()))
        .collect()
}

#[test]
fn an_order_is_filled_at_the_next_open() {
    let result = run(
        "if close > 100:\n    buy(size=units(1))\nif close < 90:\n    sell()\n",
        "1m",
        &[
            [95, 120, 90, 101],
            [104, 150, 89, 85],
            [80, 99, 70, 95],
            [95, 95, 95, 95],
        ],
    );
    assert_eq!(fills(&result), [(Action::Buy, 104), (Action::Sell, 80)]);
    assert_eq!(
        (result.ticks, result.evaluations, result.signals),
        (4, 3, 2)
    );
    let times: Vec<String> = result
        .executions
        .iter()
        .map(|execution| execution.time.to_string())
        .collect();
    assert_eq!(
        times,
        ["2026-01-05 00:01:00 UTC", "2026-01-05 00:02:00 UTC"]
    );
}

#[test]
fn nothing_of_a_candle_is_known_before_it_is_over() {
    // The high of the second candle would trigger, had it been seen in time to buy in it.
    let result = run(
        "if high > 110:\n    buy(size=units(1))\n",
        "1m",
        &[
            [100, 105, 95, 100],
            [100, 120, 95, 100],
            [101, 101, 101, 101],
        ],
    );
    assert_eq!(fills(&result), [(Action::Buy, 101)]);
}

/// Buys at 100, with a stop at 90 and a target at 110.
const BRACKET: &str = "if close == 100:\n    buy(size=units(1))\n    stop_loss(percent=10)\n    \
                       take_profit(percent=10)\n";

#[test]
fn of_a_stop_and_a_target_in_one_candle_the_stop_counts() {
    let both = run(
        BRACKET,
        "1m",
        &[
            [99, 100, 99, 100],
            [100, 101, 99, 99],
            [99, 120, 85, 118],
            [1, 1, 1, 1],
        ],
    );
    // At the low, not at the stop's own price: where the market was when it was hit nobody knows.
    assert_eq!(fills(&both), [(Action::Buy, 100), (Action::Sell, 85)]);
    let target = run(
        BRACKET,
        "1m",
        &[
            [99, 100, 99, 100],
            [100, 101, 99, 99],
            [99, 120, 95, 118],
            [1, 1, 1, 1],
        ],
    );
    // At the target's price, though the market went higher.
    assert_eq!(fills(&target), [(Action::Buy, 100), (Action::Sell, 110)]);
    let gap = run(
        BRACKET,
        "1m",
        &[
            [99, 100, 99, 100],
            [100, 101, 99, 99],
            [80, 120, 70, 118],
            [1, 1, 1, 1],
        ],
    );
    assert_eq!(
        fills(&gap),
        [(Action::Buy, 100), (Action::Sell, 80)],
        "at the open"
    );
}

#[test]
fn what_waits_for_a_better_price_gets_no_better_one() {
    let limit = |low: i64| {
        run(
            "if close == 100:\n    buy(size=units(1), limit=95)\n    take_profit(percent=10)\n",
            "1m",
            &[[99, 100, 99, 100], [100, 110, low, 100], [97, 98, 96, 97]],
        )
    };
    assert_eq!(
        fills(&limit(90)),
        [(Action::Buy, 95)],
        "its limit, and no target in the same candle"
    );
    assert_eq!(
        fills(&limit(95)),
        [],
        "others were first at the limit itself"
    );
    let stop = run(
        "if close == 100:\n    buy(size=units(1), stop=105)\n    stop_loss(percent=10)\n",
        "1m",
        &[[99, 100, 99, 100], [100, 110, 98, 99], [99, 99, 99, 99]],
    );
    // Bought at the top, and the low that came before it for all we know sells again.
    assert_eq!(fills(&stop), [(Action::Buy, 110), (Action::Sell, 98)]);
}

#[test]
fn several_candles_make_a_bar() {
    let script = "if volume == 28 and open == 10 and high == 40 and low == 5 and close == 30:\n    \
                  buy(size=units(1))\n";
    let figures = [
        [10, 20, 5, 15],
        [15, 40, 15, 30],
        [31, 31, 31, 31],
        [32, 32, 32, 32],
    ];
    let begin: DateTime<Utc> = "2026-01-05T00:00:00Z".parse().unwrap();
    let seconds = NonZeroU32::new(150).unwrap();
    let mut backtest =
        CandleBacktest::new(&plan(script), &terms("5m"), seconds).expect("two make a bar");
    for (index, candle) in candles(&figures).into_iter().enumerate() {
        let time = begin + TimeDelta::seconds(150 * index as i64);
        backtest.on_candle(&Candle { time, ..candle }).unwrap();
    }
    let result = backtest.finish();
    assert_eq!(result.evaluations, 1);
    assert_eq!(fills(&result), [(Action::Buy, 31)]);
}

#[test]
fn candles_that_are_one_trade_each_give_what_the_trades_give() {
    let script = "if crosses_above(close, sma(close, 5)):\n    buy(size=percent_of_cash(50))\n\
                  if crosses_below(close, sma(close, 5)):\n    sell()\n";
    let prices: Vec<i64> = (0..500_i64).map(|i| 100 + (i * i * 7) % 23).collect();
    let figures: Vec<[i64; 4]> = prices.iter().map(|price| [*price; 4]).collect();
    let on_candles = run(script, "1m", &figures);
    // A bar's orders meet the trade that closes it: on trades that is one later.
    let mut on_ticks = Backtest::new(&plan(script), &terms("tick")).unwrap();
    for candle in candles(&figures) {
        on_ticks
            .on_tick(&Tick {
                time: candle.time,
                price: candle.close,
                volume: candle.volume,
                ..Tick::default()
            })
            .unwrap();
    }
    let on_ticks = on_ticks.finish();
    assert!(fills(&on_ticks).len() > 50);
    assert_eq!(fills(&on_candles), fills(&on_ticks));
    assert_eq!(on_candles.final_equity, on_ticks.final_equity);
}

#[test]
fn a_strategy_on_ticks_is_not_tried_on_candles() {
    let refused = |timeframe: &str, seconds: u32| {
        let interval = NonZeroU32::new(seconds).unwrap();
        let plan = plan("if close > 1:\n    buy()\n");
        CandleBacktest::new(&plan, &terms(timeframe), interval).err()
    };
    for (timeframe, seconds) in [("tick", 60), ("1m", 300), ("5m", 90)] {
        let error = refused(timeframe, seconds);
        let is_it = matches!(error, Some(BacktestError::Timeframe { .. }));
        assert!(is_it, "{timeframe} on {seconds} s: {error:?}");
    }
    assert!(refused("5m", 60).is_none());
}

#[test]
fn executions_that_are_not_kept_still_count() {
    let script = "if close > 100:\n    buy(size=units(1))\nif close < 100:\n    sell()\n";
    let figures: Vec<[i64; 4]> = (0..40).map(|i| [99 + 2 * (i % 2); 4]).collect();
    let whole = run(script, "1m", &figures);
    let plan = plan(script);
    let mut short = CandleBacktest::new(&plan, &terms("1m"), MINUTE)
        .unwrap()
        .keeping(3);
    for candle in candles(&figures) {
        short.on_candle(&candle).unwrap();
    }
    let short = short.finish();
    assert_eq!(short.executions[..], whole.executions[..3]);
    assert_eq!(short.executions_omitted, whole.executions.len() as u64 - 3);
    assert_eq!(short.fills, whole.fills);
    assert_eq!(short.ledger_sha256, whole.ledger_sha256);
}

const CSV: &str = "Time,Open,High,Low,Close,Volume,Trades\n\
    2026-01-05T00:00:00Z,1.10,2,0.5,1.5,10,3\n\
    1767571260,1.5,1.5,1.5,1.5,0,0\n\
    1767571320000,1.5,3,1.5,2e0,7.25,9\n";

#[test]
fn texts_of_three_kinds_are_read() {
    assert!(Candles::are_in(CSV));
    let candles = Candles::parse(CSV, None).unwrap();
    assert_eq!(candles.interval(), MINUTE);
    assert_eq!(candles.timeframe(), Some(Timeframe::Seconds(MINUTE)));
    let first = candles.list()[0];
    assert_eq!(
        (first.open.to_string(), first.volume),
        ("1.10".to_owned(), Decimal::TEN)
    );
    assert_eq!(candles.list()[2].close, Decimal::TWO);
    let row = |time: u64| {
        format!(
            "{{\"time\":{time},\"open\":1,\"high\":2,\"low\":0.5,\"close\":1.5,\"volume\":\"10\"}}"
        )
    };
    let lines = format!("{}\n{}\n", row(1_767_571_200), row(1_767_571_260));
    let page = format!(
        "{{\"items\":[{},{}],\"next_cursor\":null}}",
        row(1_767_571_200),
        row(1_767_571_260)
    );
    for text in [&lines, &page] {
        assert!(Candles::are_in(text), "{text}");
        let candles = Candles::parse(text, None).unwrap();
        assert_eq!((candles.list().len(), candles.interval()), (2, MINUTE));
        assert_eq!(candles.list()[1].volume, Decimal::TEN);
    }
    for other in ["", "{\"type\":\"ticker\"}\n", "price,size\n1,2\n"] {
        assert!(!Candles::are_in(other), "{other}");
    }
}

#[test]
fn what_is_wrong_with_a_text_is_told_with_its_row() {
    let rows = |rows: &str| {
        let text = format!("time,open,high,low,close,volume\n{rows}");
        Candles::parse(&text, None).unwrap_err()
    };
    let two = |second: &str| rows(&format!("60,1,2,1,1,1\n{second}"));
    assert_eq!(
        Candles::parse("time,open,high,low,close\n", None),
        Err(CandlesError::Column("volume"))
    );
    for (second, column) in [
        ("noon,1,2,1,1,1", "time"),
        ("120,1,x,1,1,1", "high"),
        ("120,1,2,1,1", "volume"),
        ("120,1,2,1,NaN,1", "close"),
    ] {
        let error = two(second);
        let is_it =
            matches!(&error, CandlesError::Figure { row: 2, column: told, .. } if *told == column);
        assert!(is_it, "{second}: {error}");
    }
    for (second, part) in [
        ("60,1,2,1,1,1", "distance"),
        ("120,1,2,1.5,1,1", "between low and high"),
        ("120,3,2,1,1,1", "between low and high"),
        ("120,0,2,0,1,1", "above 0"),
        ("120,1,2,1,1,-1", "volume"),
        ("190,1,2,1,1,1", "multiple"),
    ] {
        let error = two(second);
        match part {
            "distance" => assert_eq!(error, CandlesError::Interval(0)),
            _ => assert!(error.to_string().contains(part), "{second}: {error}"),
        }
    }
    assert_eq!(rows("60,1,2,1,1,1\n"), CandlesError::TooFew);
    let unsorted = "time,open,high,low,close,volume\n120,1,2,1,1,1\n60,1,2,1,1,1\n";
    let error = Candles::parse(unsorted, Some(MINUTE)).unwrap_err();
    assert!(
        matches!(error, CandlesError::Candle { row: 2, .. }),
        "{error}"
    );
    assert!(matches!(
        Candles::parse("{\"open\":", None),
        Err(CandlesError::Json { row: 1, .. })
    ));
}
