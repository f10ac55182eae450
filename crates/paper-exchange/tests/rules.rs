//! The rules of the front page, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Event, apply, at, executions, order, started, trade};
use paper_exchange::{
    Account, Action, Counts, Disposition, ExecutionStatus, LedgerError, MAX_PENDING_ORDERS, Output,
    QuantityType, SessionState,
};
use rust_decimal::Decimal;
use rust_decimal_macros::dec;

fn buy(quantity: Decimal, quantity_type: QuantityType) -> Event {
    Event::Order(order(Action::Buy, quantity, quantity_type))
}

fn sell(quantity: Decimal, quantity_type: QuantityType) -> Event {
    Event::Order(order(Action::Sell, quantity, quantity_type))
}

fn tick(price: Decimal, seconds: i64) -> Event {
    Event::Trade(trade(price, seconds))
}

#[test]
fn an_order_fills_at_the_trade_after_its_signal() {
    let mut account = started(dec!(1000), dec!(0.001));
    let out = apply(
        &mut account,
        &[
            tick(dec!(10), 1),
            buy(dec!(2), QuantityType::Units),
            tick(dec!(11), 2),
            tick(dec!(9), 3),
        ],
    );
    let [fill] = executions(&out)[..] else {
        panic!("{out:?}")
    };
    assert_eq!(
        (fill.price, fill.quantity, fill.fee),
        (dec!(11), dec!(2), dec!(0.022))
    );
    assert_eq!((fill.cash, fill.position), (dec!(977.978), dec!(2)));
    assert_eq!((fill.time, fill.realized_pnl), (at(2), dec!(-0.022)));
    assert_eq!(account.equity(), dec!(995.978), "valued at the last trade");
    assert_eq!(account.unrealized_pnl(), Some(dec!(-4)));
    assert_eq!(account.average_cost(), Some(dec!(11)));
    assert_eq!(account.return_pct(), dec!(-0.4022));
}

#[test]
fn pending_orders_fill_oldest_first_and_each_sees_what_the_one_before_left() {
    let mut account = started(dec!(100), dec!(0));
    let out = apply(
        &mut account,
        &[
            buy(dec!(50), QuantityType::PercentOfCash),
            buy(dec!(50), QuantityType::PercentOfCash),
            sell(dec!(100), QuantityType::PercentOfPosition),
            sell(dec!(1), QuantityType::Units),
            tick(dec!(10), 1),
        ],
    );
    let found = executions(&out);
    let quantities: Vec<_> = found.iter().map(|e| e.quantity).collect();
    assert_eq!(quantities, [dec!(5), dec!(2.5), dec!(7.5), dec!(1)]);
    assert_eq!(found[3].reason, "no_position: there is nothing to sell");
    let kinds: String = out
        .iter()
        .map(|o| {
            if matches!(o, Output::Equity(_)) {
                'e'
            } else {
                'x'
            }
        })
        .collect();
    assert_eq!(
        kinds, "xexexex",
        "one point a fill, which is also the minute's"
    );
}

#[test]
fn equity_is_noted_at_the_first_trade_of_a_minute() {
    let mut account = started(dec!(100), dec!(0));
    let seconds = [5, 59, 60, 61, 30, 119, 3600];
    let out = apply(&mut account, &seconds.map(|s| tick(dec!(10), s)));
    let noted: Vec<_> = out
        .iter()
        .map(|output| match output {
            Output::Equity(point) => point.time,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(noted, [at(5), at(60), at(3600)]);
}

#[test]
fn the_101st_waiting_order_is_refused() {
    let mut account = started(dec!(100), dec!(0));
    let orders = vec![buy(dec!(0.1), QuantityType::Units); MAX_PENDING_ORDERS + 1];
    let out = apply(&mut account, &orders);
    let [refused] = executions(&out)[..] else {
        panic!("{out:?}")
    };
    assert!(
        refused.reason.starts_with("too_many_orders"),
        "{}",
        refused.reason
    );
    assert_eq!(refused.price, dec!(0), "no trade yet");
    assert_eq!(account.pending().len(), MAX_PENDING_ORDERS);
}

#[test]
fn stopping_answers_every_order_and_then_nothing_more_comes() {
    let mut account = started(dec!(100), dec!(0));
    let out = apply(
        &mut account,
        &[
            tick(dec!(10), 1),
            buy(dec!(1), QuantityType::Units),
            Event::Stop(at(9)),
            Event::Stop(at(10)),
            Event::Fail(at(10)),
            tick(dec!(11), 11),
            buy(dec!(1), QuantityType::Units),
        ],
    );
    let [
        Output::Equity(_),
        Output::Execution(rejected),
        Output::Stopped(last),
    ] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!(rejected.status, ExecutionStatus::Rejected);
    assert!(rejected.reason.starts_with("session_stopped"));
    assert_eq!(
        (last.sequence, last.time, last.equity),
        (4, at(9), dec!(100))
    );
    assert_eq!(account.state(), SessionState::Stopped);
    assert_eq!(
        account.on_signal(
            order(Action::Buy, dec!(1), QuantityType::Units),
            &mut Vec::new()
        ),
        Disposition::NotRunning
    );
    let counts = Counts {
        trades: 1,
        signals: 1,
        fills: 0,
        rejected: 1,
        cancelled: 0,
    };
    assert_eq!(account.counts(), counts);
}

#[test]
fn a_trade_with_an_impossible_price_changes_nothing() {
    let mut account = started(dec!(100), dec!(0));
    apply(
        &mut account,
        &[tick(dec!(10), 1), buy(dec!(1), QuantityType::Units)],
    );
    let before = account.clone();
    for price in [
        dec!(0),
        dec!(-1),
        dec!(0.000000001),
        dec!(1000000000001),
        Decimal::MAX,
    ] {
        let mut out = Vec::new();
        let result = account.on_trade(&trade(price, 100), &mut out);
        assert_eq!(result, Err(LedgerError::InvalidTrade { price }));
        assert!(out.is_empty());
        assert_eq!(account, before);
    }
}

#[test]
fn a_position_that_cannot_be_valued_is_an_error_and_the_session_can_still_end() {
    let mut account = started(dec!(1000000000000), dec!(0));
    let events = [
        buy(dec!(100), QuantityType::PercentOfCash),
        tick(dec!(0.00000003), 1),
    ];
    apply(&mut account, &events);
    let before = account.clone();
    let mut out = Vec::new();
    let error = account
        .on_trade(&trade(dec!(999999999999.99999999), 2), &mut out)
        .unwrap_err();
    assert!(matches!(error, LedgerError::NotExact { .. }), "{error}");
    assert_eq!((&account, out.len()), (&before, 0));
    account.fail(at(3), &mut out);
    assert!(matches!(out[..], [Output::Failed(_)]));
}

#[test]
fn a_balance_of_a_trillion_buys_and_sells_at_the_smallest_price() {
    let mut account = started(dec!(1000000000000), dec!(0));
    let out = apply(
        &mut account,
        &[
            buy(dec!(100), QuantityType::PercentOfCash),
            tick(dec!(0.00000001), 1),
            sell(dec!(100), QuantityType::PercentOfPosition),
            tick(dec!(0.00000001), 2),
        ],
    );
    let found = executions(&out);
    assert_eq!(found[0].quantity, dec!(100000000000000000000));
    assert_eq!(
        (found[1].cash, found[1].position),
        (dec!(1000000000000), dec!(0))
    );
    assert_eq!(account.cost_basis(), dec!(0));
}

#[test]
fn a_reason_is_bounded_and_stays_on_one_line() {
    let mut account = started(dec!(100), dec!(0));
    let mut long = order(Action::Buy, dec!(1), QuantityType::Units);
    long.reason = format!("a\nb|c\u{85}{}", "é".repeat(1000));
    let out = apply(&mut account, &[Event::Order(long), tick(dec!(10), 1)]);
    let reason = &executions(&out)[0].reason;
    assert_eq!(*reason, format!("a b|c {}", "é".repeat(250)));
}

#[test]
fn wins_losses_and_drawdown_are_counted() {
    let mut account = started(dec!(100), dec!(0));
    let all = |action| match action {
        Action::Buy => buy(dec!(100), QuantityType::PercentOfCash),
        Action::Sell => sell(dec!(100), QuantityType::PercentOfPosition),
    };
    let (b, s) = (all(Action::Buy), all(Action::Sell));
    let prices = [10, 20, 20, 5, 10, 10];
    let orders = [&b, &s, &b, &s, &b, &s];
    for (i, (price, next)) in prices.into_iter().zip(orders).enumerate() {
        apply(&mut account, &[next.clone(), tick(price.into(), i as i64)]);
    }
    let metrics = account.metrics();
    assert_eq!((metrics.wins, metrics.losses), (1, 1));
    assert_eq!(metrics.peak_equity, dec!(200));
    assert_eq!(
        (metrics.max_drawdown, metrics.max_drawdown_pct),
        (dec!(150), dec!(75))
    );
    assert_eq!(account.return_pct(), dec!(-50));
}

#[test]
fn a_snapshot_of_another_version_or_with_damage_is_refused() {
    let mut account = started(dec!(100), dec!(0));
    apply(
        &mut account,
        &[buy(dec!(1), QuantityType::Units), tick(dec!(10), 1)],
    );
    let snapshot = serde_json::to_string(&account).unwrap();
    assert!(
        snapshot.contains(r#""cash":"90""#),
        "decimals are strings: {snapshot}"
    );

    let newer = snapshot.replace(r#""version":2"#, r#""version":3"#);
    let error = serde_json::from_str::<Account>(&newer)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("version 3") && error.contains("replay"),
        "{error}"
    );

    let damaged = snapshot.replace(r#""cash":"90""#, r#""cash":"91""#);
    let damaged: Account = serde_json::from_str(&damaged).unwrap();
    assert!(matches!(
        damaged.audit(),
        Err(LedgerError::Unexplained { .. })
    ));
    assert_eq!(account.audit(), Ok(()));
}

/// As a build wrote it that knew market orders only: it goes on, with the order that waited.
#[test]
fn a_snapshot_of_version_1_is_read() {
    let snapshot = r#"{"version":1,"terms":{"initial_balance":"100","fee_rate":"0"},
        "state":"RUNNING","sequence":3,"ledger":{"cash":"90","position":"1","cost_basis":"10",
        "realized_pnl":"0","fees":"0"},"pending":[{
            "signal_id":"00000000-0000-0000-0000-000000000007","action":"SELL","quantity":"1",
            "quantity_type":"units","reason":"why","time":"2025-11-25T04:00:01Z"}],
        "last_price":"10","equity":"100","last_minute":29400720,
        "counts":{"trades":1,"signals":2,"fills":1,"rejected":0},
        "metrics":{"peak_equity":"100","max_drawdown":"0","max_drawdown_pct":"0","wins":0,
        "losses":0}}"#;
    let mut account: Account = serde_json::from_str(snapshot).unwrap();
    let out = apply(&mut account, &[tick(dec!(12), 2)]);
    let [fill] = executions(&out)[..] else {
        panic!("{out:?}")
    };
    assert_eq!((fill.sequence, fill.cash), (4, dec!(102)));
    assert_eq!(account.position(), dec!(0));
}
