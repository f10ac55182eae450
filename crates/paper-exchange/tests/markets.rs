//! Every kind of order in every kind of market: against the second implementation of the rules in
//! Python, to the last digit and letter, and for what must hold whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use common::at;
use common::oracle::{oracle, output_line, summary, time_text};
use common::random::Random;
use common::trading::{Step, apply, line, session_terms, steps};
use paper_exchange::{Account, ExecutionStatus, OrderStatus, Output, SessionTerms};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

/// Sessions that a run compares, unless the environment variable `ORACLE_SESSIONS` says otherwise.
const SESSIONS: u64 = 250;

fn sessions() -> u64 {
    match std::env::var("ORACLE_SESSIONS") {
        Ok(number) => number.parse().expect("ORACLE_SESSIONS is a number"),
        Err(_) => SESSIONS,
    }
}

fn random_session(seed: u64) -> (SessionTerms, Vec<Step>) {
    let mut random = Random::new(seed ^ 0x5eed);
    let terms = session_terms(&mut random);
    (terms, steps(&mut random))
}

fn run(terms: &SessionTerms, steps: &[Step]) -> (Account, Vec<Output>) {
    let mut account = Account::new(terms.clone());
    let mut out = Vec::new();
    account.start(at(0), &mut out);
    for step in steps {
        apply(&mut account, step, &mut out);
    }
    (account, out)
}

#[test]
fn every_order_in_every_market_agrees_to_the_last_digit() {
    let (mut input, mut expected) = (String::new(), Vec::new());
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..sessions() {
        let (terms, steps) = random_session(seed);
        let (account, outputs) = run(&terms, &steps);
        let session = json!({"session": {
            "initial_balance": terms.initial_balance().to_string(),
            "fee_rate": terms.fee_rate().to_string(),
            "terms": serde_json::to_value(&terms).unwrap(), "time": time_text(at(0)),
        }});
        writeln!(input, "{session}").unwrap();
        for step in &steps {
            writeln!(input, "{}", line(step)).unwrap();
        }
        for output in &outputs {
            let what = match output {
                Output::Execution(e) if e.status == ExecutionStatus::Filled => {
                    let side = e.liquidity.map_or("none", |side| side.as_str());
                    format!("{} {} {side}", e.leg.as_str(), e.kind.as_str())
                }
                Output::Execution(e) => e.reason.split(':').next().unwrap().to_owned(),
                Output::Order(e) if e.status == OrderStatus::Open => "open".to_owned(),
                Output::Order(e) => {
                    let why = e.reason.split(':').next().unwrap();
                    format!("{} {why}", e.status.as_str())
                }
                Output::Risk(hit) => format!("halted {}", hit.halted),
                _ => continue,
            };
            *seen.entry(what).or_default() += 1;
        }
        expected.extend(outputs.iter().map(|output| (seed, output_line(output))));
        expected.push((seed, summary(&account, &outputs)));
    }

    let found = oracle("markets.orders", &input, &["--what", "outputs", "--orders"]);
    // Session by session, so that one that differs doesn't hide the others.
    let theirs: Vec<&[Value]> = found
        .split_inclusive(|line| line["kind"] == "summary")
        .collect();
    let ours: Vec<&[(u64, Value)]> = expected
        .split_inclusive(|(_, line)| line["kind"] == "summary")
        .collect();
    assert_eq!(ours.len(), theirs.len());
    let mut wrong = String::new();
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let lines = ours.iter().zip(theirs);
        if let Some(((seed, mine), other)) = lines.into_iter().find(|(a, b)| a.1 != **b) {
            writeln!(wrong, "seed {seed}\n  {mine}\n  {other}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");

    // The comparison is worth something only if it reached every rule.
    for what in [
        "entry market taker",
        "entry limit taker",
        "entry limit maker",
        "entry stop taker",
        "entry stop_limit maker",
        "entry stop_limit taker",
        "entry trailing_stop taker",
        "entry take_profit taker",
        "stop_loss stop taker",
        "stop_loss trailing_stop taker",
        "take_profit limit maker",
        "take_profit limit taker",
        "open",
        "halted false",
        "halted true",
        "CANCELLED ioc",
        "CANCELLED fok",
        "CANCELLED oco",
        "CANCELLED bracket",
        "CANCELLED position_closed",
        "CANCELLED cancelled",
        "CANCELLED closing",
        "EXPIRED gtd",
        "EXPIRED day",
        "session_paused",
        "session_closing",
        "risk_max_order",
        "risk_max_position",
        "risk_max_orders_per_minute",
        "risk_max_daily_loss",
        "risk_max_drawdown",
        "invalid_order",
        "quantity_increment",
        "price_increment",
        "below_min_quantity",
        "below_min_notional",
        "post_only",
        "no_quote",
        "stale_quote",
        "market_gap",
        "no_position",
        "insufficient_cash",
        "exceeds_position",
    ] {
        let count = seen.get(what).copied().unwrap_or_default();
        assert!(count >= 5, "{what} is rare ({count}): {seen:#?}");
    }
}

/// What is known of an order from the outputs alone.
#[derive(Default)]
struct Known {
    filled: Decimal,
    ended: bool,
}

#[test]
fn an_order_ends_once_and_its_units_add_up() {
    for seed in 0..sessions() {
        let (terms, steps) = random_session(seed);
        let (account, outputs) = run(&terms, &steps);
        let mut orders: HashMap<Uuid, Known> = HashMap::new();
        for (output, sequence) in outputs.iter().zip(1..) {
            assert_eq!(output.sequence(), sequence);
            let (id, filled, ends) = match output {
                Output::Execution(e) => {
                    assert!(e.cash >= Decimal::ZERO && e.position >= Decimal::ZERO);
                    match e.status {
                        ExecutionStatus::Filled => {
                            (e.order_id(), e.quantity, e.remaining.is_zero())
                        }
                        ExecutionStatus::Rejected => (e.order_id(), Decimal::ZERO, true),
                    }
                }
                Output::Order(e) => {
                    let open = matches!(e.status, OrderStatus::Open | OrderStatus::Triggered);
                    let known = orders.entry(e.order_id()).or_default();
                    assert_eq!(known.filled, e.filled, "seed {seed}");
                    if let Some(quantity) = e.quantity {
                        assert!(e.filled <= quantity, "seed {seed}: {e:?}");
                    }
                    (e.order_id(), Decimal::ZERO, !open)
                }
                _ => continue,
            };
            let known = orders.entry(id).or_default();
            assert!(
                !known.ended,
                "seed {seed}: {output:?} after the end of its order"
            );
            known.filled += filled;
            known.ended = ends;
        }
        // What has not ended is open, with what is filled.
        for order in account.open_orders() {
            let known = orders.remove(&order.id()).unwrap_or_default();
            assert!(!known.ended, "seed {seed}");
            assert_eq!(known.filled, order.filled(), "seed {seed}");
        }
        assert!(orders.values().all(|known| known.ended), "seed {seed}");
        assert_eq!(account.audit(), Ok(()));
    }
}

#[test]
fn a_snapshot_anywhere_changes_nothing_in_any_market() {
    for seed in 0..sessions() {
        let (terms, steps) = random_session(seed);
        let (whole, expected) = run(&terms, &steps);
        let cut = (seed as usize * 7) % (steps.len() + 1);
        let (first, second) = steps.split_at(cut);
        let (account, mut out) = run(&terms, first);
        let snapshot = serde_json::to_vec(&account).unwrap();
        let mut restored: Account = serde_json::from_slice(&snapshot).unwrap();
        assert_eq!(restored, account, "seed {seed}");
        for step in second {
            apply(&mut restored, step, &mut out);
        }
        assert_eq!(out, expected, "seed {seed}");
        assert_eq!(restored, whole, "seed {seed}");
    }
}
