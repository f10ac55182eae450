//! What must hold whatever happens to a session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Event, apply, at, executions, started};
use paper_exchange::{
    Account, Action, ExecutionStatus, LedgerHasher, MarketTrade, OrderRequest, Output, QuantityType,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

/// An amount in units of 1e-16: the finest that a ledger with prices and quantities of 8 decimals
/// can hold. Integers, so that the checks don't lean on the arithmetic under test.
fn grains(value: Decimal) -> i128 {
    let value = value.normalize();
    value.mantissa() * 10_i128.pow(16 - value.scale())
}

/// Of position (8 decimals) times price (8 decimals).
fn worth(position: Decimal, price: Decimal) -> i128 {
    let steps = |value: Decimal| grains(value) / 100_000_000;
    steps(position) * steps(price)
}

fn decimal(
    digits: std::ops::Range<i128>,
    scales: std::ops::RangeInclusive<u32>,
) -> impl Strategy<Value = Decimal> {
    (digits, scales).prop_map(|(m, scale)| Decimal::from_i128_with_scale(m, scale))
}

fn quantity_type() -> impl Strategy<Value = QuantityType> {
    prop_oneof![
        Just(QuantityType::Units),
        Just(QuantityType::CashAmount),
        Just(QuantityType::PercentOfCash),
        Just(QuantityType::PercentOfPosition),
    ]
}

fn event(
    price: impl Strategy<Value = Decimal> + 'static,
    quantity: impl Strategy<Value = Decimal> + 'static,
) -> impl Strategy<Value = Event> {
    let seconds = 0_i64..1000;
    let trade = (price, seconds.clone()).prop_map(|(price, seconds)| {
        Event::Trade(MarketTrade {
            price,
            volume: Decimal::ONE,
            time: at(seconds),
        })
    });
    let action = prop_oneof![Just(Action::Buy), Just(Action::Sell)];
    let order = (
        action,
        quantity,
        quantity_type(),
        any::<u128>(),
        seconds.clone(),
    )
        .prop_map(|(action, quantity, quantity_type, id, seconds)| {
            Event::Order(OrderRequest {
                signal_id: Uuid::from_u128(id),
                action,
                quantity,
                quantity_type,
                reason: "why".into(),
                time: at(seconds),
            })
        });
    prop_oneof![
        60 => trade,
        40 => order,
        1 => seconds.prop_map(|seconds| Event::Stop(at(seconds))),
    ]
}

/// Orders of sizes that often fit.
fn ordinary() -> impl Strategy<Value = Event> {
    event(
        decimal(1..10_000_000, 0..=8),
        prop_oneof![
            decimal(1..10_000, 0..=8),
            decimal(1..10_001, 2..=2),
            Just(Decimal::ONE_HUNDRED),
        ],
    )
}

/// Any number that the type can hold.
fn hostile() -> impl Strategy<Value = Event> {
    let any = || {
        (any::<i128>(), 0_u32..127, 0_u32..=28).prop_map(|(m, shift, scale)| {
            Decimal::from_i128_with_scale((m >> shift) % (1 << 96), scale)
        })
    };
    event(any(), any())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_after_every_event(
        events in vec(ordinary(), 1..80),
        balance in decimal(1..1_000_000_000, 0..=4),
        fee in decimal(0..10_000_000, 8..=8),
    ) {
        let mut account = started(balance, fee);
        let (mut fees, mut realized) = (0, 0);
        let mut current: Option<&MarketTrade> = None;
        let mut accepted_since_trade = 0;
        for event in &events {
            let waiting = account.pending().len();
            let before = account.clone();
            let out = apply(&mut account, std::slice::from_ref(event));
            let taken = account.counts().trades > before.counts().trades;
            if let Event::Trade(trade) = event {
                // A trade at which the position can't be valued is refused and changes nothing.
                if taken {
                    (current, accepted_since_trade) = (Some(trade), 0);
                }
            } else if let Event::Stop(_) = event {
                accepted_since_trade = 0;
            } else if account.pending().len() > waiting {
                accepted_since_trade += 1;
            }
            prop_assert_eq!(account.pending().len(), accepted_since_trade);

            let mut ledger = (grains(before.cash()), before.position());
            for execution in executions(&out) {
                let Some(trade) = current else { continue };
                fees += grains(execution.fee);
                realized += grains(execution.realized_pnl);
                prop_assert!(execution.cash >= Decimal::ZERO);
                prop_assert!(execution.position >= Decimal::ZERO);
                if execution.status == ExecutionStatus::Filled {
                    // Only a trade fills, at its own price: never at one from before the signal.
                    prop_assert!(matches!(event, Event::Trade(_)));
                    prop_assert_eq!((execution.price, execution.time), (trade.price, trade.time));
                }
                let after = (grains(execution.cash), execution.position);
                prop_assert_eq!(
                    ledger.0 + worth(ledger.1, execution.price),
                    after.0 + worth(after.1, execution.price) + grains(execution.fee),
                    "cash + position value + fees changed"
                );
                ledger = after;
            }
            let price = account.last_price().unwrap_or_default();
            let equity = grains(account.cash()) + worth(account.position(), price);
            let unrealized = worth(account.position(), price) - grains(account.cost_basis());
            prop_assert_eq!(grains(account.equity()), equity);
            prop_assert_eq!(grains(account.fees()), fees);
            prop_assert_eq!(grains(account.realized_pnl()), realized);
            prop_assert_eq!(realized + unrealized, equity - grains(balance));
            if let Some(shown) = account.unrealized_pnl() {
                prop_assert_eq!(grains(shown), unrealized);
            }
            prop_assert!(account.cost_basis() >= Decimal::ZERO);
            prop_assert_eq!(account.audit(), Ok(()));
        }
    }

    #[test]
    fn every_output_has_the_next_sequence_number_and_every_order_its_answer(
        events in vec(ordinary(), 1..80),
    ) {
        let mut account = started(1000.into(), Decimal::ZERO);
        let mut out = apply(&mut account, &events);
        account.stop(at(2000), &mut out);
        for (output, expected) in out.iter().zip(2..) {
            prop_assert_eq!(output.sequence(), expected);
        }
        let stopped = out.iter().filter(|output| matches!(output, Output::Stopped(_))).count();
        prop_assert_eq!(stopped, 1);
        let counts = account.counts();
        prop_assert_eq!(counts.signals, counts.fills + counts.rejected);
        prop_assert_eq!(counts.signals, executions(&out).len() as u64);
    }

    #[test]
    fn a_snapshot_anywhere_changes_nothing(
        events in vec(prop_oneof![4 => ordinary(), 1 => hostile()], 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut whole = started(100_000.into(), Decimal::new(1, 3));
        let expected = apply(&mut whole, &events);

        let (first, second) = events.split_at(cut.index(events.len() + 1));
        let mut account = started(100_000.into(), Decimal::new(1, 3));
        let mut out = apply(&mut account, first);
        let snapshot = serde_json::to_vec(&account).unwrap();
        let mut restored: Account = serde_json::from_slice(&snapshot).unwrap();
        prop_assert_eq!(&restored, &account);
        out.extend(apply(&mut restored, second));

        prop_assert_eq!(&out, &expected);
        prop_assert_eq!(&restored, &whole);
        let bytes = serde_json::to_vec(&whole).unwrap();
        prop_assert_eq!(serde_json::to_vec(&restored).unwrap(), bytes);
        let hash = |outputs: &[Output]| {
            let mut hasher = LedgerHasher::new();
            executions(outputs).into_iter().for_each(|execution| hasher.push(execution));
            hasher.finish()
        };
        prop_assert_eq!(hash(&out), hash(&expected));
    }

    #[test]
    fn no_number_makes_it_panic_or_lend(
        events in vec(prop_oneof![hostile(), ordinary()], 1..80),
        balance in decimal(1..1_000_000_000_000, 0..=8),
    ) {
        let mut account = started(balance, Decimal::new(1, 1));
        for event in &events {
            apply(&mut account, std::slice::from_ref(event));
            prop_assert!(account.cash() >= Decimal::ZERO);
            prop_assert!(account.position() >= Decimal::ZERO);
            prop_assert_eq!(account.audit(), Ok(()));
            // For display only, but it must not panic either.
            let _ = (account.average_cost(), account.return_pct());
        }
    }
}
