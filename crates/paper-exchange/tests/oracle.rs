//! The crate against `tests/oracle/`, the second implementation of its rules: every output of
//! thousands of random sessions, to the last digit and letter. Needs `python3`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use common::oracle::{event_line, oracle, output_line, summary, time_text};
use common::random::{MARKETS, Market, Random};
use common::{apply, at, executions};
use paper_exchange::{
    Account, Action, MarketTrade, OrderRequest, Output, QuantityType, SessionTerms,
};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

/// Sessions that a run compares, unless the environment variable `ORACLE_SESSIONS` says otherwise.
const SESSIONS: u64 = 2000;

fn begin(balance: Decimal, fee_rate: Decimal) -> (Account, Vec<Output>) {
    let mut account = Account::new(SessionTerms::new(balance, fee_rate).unwrap());
    let mut outputs = Vec::new();
    account.start(at(0), &mut outputs);
    (account, outputs)
}

#[test]
fn thousands_of_random_sessions_agree_to_the_last_digit() {
    let (mut input, mut expected) = (String::new(), Vec::new());
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let sessions = match std::env::var("ORACLE_SESSIONS") {
        Ok(number) => number.parse().expect("ORACLE_SESSIONS is a number"),
        Err(_) => SESSIONS,
    };
    for seed in 0..sessions {
        let mut random = Random::new(seed);
        // Mostly ordinary markets: the odd ones reject much.
        let market = if seed % 2 == 0 {
            Market::Ordinary
        } else {
            random.pick(&MARKETS)
        };
        let (balance, fee_rate) = market.terms(&mut random);
        let events = common::random::session(&mut random, market);
        let (mut account, mut outputs) = begin(balance, fee_rate);
        outputs.extend(apply(&mut account, &events));

        let (balance, fee_rate) = (balance.to_string(), fee_rate.to_string());
        let terms = json!({"session": {
            "initial_balance": balance, "fee_rate": fee_rate, "time": time_text(at(0)),
        }});
        writeln!(input, "{terms}").unwrap();
        for event in &events {
            writeln!(input, "{}", event_line(event)).unwrap();
        }
        for execution in executions(&outputs) {
            let what = match execution.reason.split_once(": ") {
                Some((code, _)) => code,
                None => execution.action.as_str(),
            };
            *seen.entry(what.to_string()).or_default() += 1;
        }
        expected.extend(outputs.iter().map(|output| (seed, output_line(output))));
        expected.push((seed, summary(&account, &outputs)));
    }

    let found = oracle("random.orders", &input, &["--what", "outputs", "--orders"]);
    for ((seed, ours), theirs) in expected.iter().zip(&found) {
        assert_eq!(ours, theirs, "session of seed {seed}");
    }
    assert_eq!(expected.len(), found.len());

    // The comparison is worth something only if it reached every rule.
    for what in [
        "BUY",
        "SELL",
        "too_many_orders",
        "quantity_not_positive",
        "quantity_too_precise",
        "percent_too_large",
        "quantity_too_large",
        "no_position",
        "insufficient_cash",
        "budget_too_large",
        "quantity_rounds_to_zero",
        "exceeds_position",
        "precision_exceeded",
        "session_stopped",
    ] {
        assert!(
            seen.get(what).is_some_and(|count| *count >= 20),
            "{what} is rare: {seen:?}"
        );
    }
}

/// Above 0 if the fast average of the last prices is above the slow one; in whole numbers.
fn fast_minus_slow(prices: &[i64], fast: usize, slow: usize) -> Option<i64> {
    let sum = |length: usize| {
        let from = prices.len().checked_sub(length)?;
        Some(prices[from..].iter().sum::<i64>())
    };
    Some(sum(fast)? * slow as i64 - sum(slow)? * fast as i64)
}

fn crossing(prices: &[i64], fast: usize, slow: usize) -> Option<Action> {
    let now = fast_minus_slow(prices, fast, slow)?;
    let before = fast_minus_slow(&prices[..prices.len() - 1], fast, slow)?;
    match (before, now) {
        (i64::MIN..=0, 1..) => Some(Action::Buy),
        (0.., i64::MIN..=-1) => Some(Action::Sell),
        _ => None,
    }
}

fn crossover_order(action: Action, time: DateTime<Utc>) -> OrderRequest {
    let (quantity, quantity_type) = match action {
        Action::Buy => (95, QuantityType::PercentOfCash),
        Action::Sell => (100, QuantityType::PercentOfPosition),
    };
    OrderRequest {
        signal_id: Uuid::nil(),
        action,
        quantity: quantity.into(),
        quantity_type,
        reason: "SMA crossover".into(),
        time,
    }
}

#[test]
fn an_sma_crossover_over_a_recording_has_the_oracles_ledger() {
    let (fast, slow) = (10, 30);
    let mut random = Random::new(7);
    let (mut account, mut outputs) = begin(100_000.into(), Decimal::new(1, 3));
    let (mut cents, mut prices, mut recording) = (8_778_604_i64, Vec::new(), String::new());
    for trade_id in 0..5000_i64 {
        // Often unchanged, so that averages also meet exactly.
        cents = (cents + random.pick(&[0, 0, 0, 1, -1, 25, -25, 900, -900])).max(1);
        prices.push(cents);
        let price = Decimal::new(cents, 2);
        let time = at(trade_id * 7 / 3);
        let trade = MarketTrade {
            price,
            volume: Decimal::ONE,
            time,
        };
        account.on_trade(&trade, &mut outputs).unwrap();
        if let Some(action) = crossing(&prices, fast, slow) {
            let _ = account.on_signal(crossover_order(action, time), &mut outputs);
        }
        let frame = json!({
            "type": "ticker", "product_id": "BTC-USD", "trade_id": trade_id,
            "price": price.to_string(), "last_size": "1", "time": time_text(time),
        });
        writeln!(recording, "{frame}").unwrap();
    }
    account.stop(at(4999 * 7 / 3), &mut outputs);

    let options = [
        "--product",
        "BTC-USD",
        "--stop",
        "last",
        "--what",
        "outputs",
    ];
    let found = oracle("outputs.ndjson", &recording, &options);
    let mut expected: Vec<_> = outputs.iter().map(output_line).collect();
    expected.push(summary(&account, &outputs));
    assert_eq!(expected, found);
    assert!(account.counts().fills > 100, "{:?}", account.counts());
}
