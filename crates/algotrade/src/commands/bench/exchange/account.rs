//! The account alone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{DateTime, TimeDelta, Utc};
use paper_exchange::{
    Account, Action, LedgerHasher, MarketTrade, OrderKind, OrderRequest, OrderTerms, Origin,
    Output, QuantityType, SessionTerms,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::commands::bench::figure::median;

/// Prices of a walk that neither rises nor falls far.
const PRICES: usize = 4_096;
const OPEN_ORDERS: u32 = 10;
/// Fills that are kept at a time.
const PART: usize = 10_000;

fn began() -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp(1_767_571_200, 0).context("a time of this century")
}

fn account(time: DateTime<Utc>) -> anyhow::Result<(Account, Vec<Output>)> {
    let terms = SessionTerms::new(Decimal::from(1_000_000), Decimal::new(1, 3));
    let terms = terms.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut account = Account::new(terms);
    let mut out = Vec::new();
    account.start(time, &mut out);
    Ok((account, out))
}

/// Around 87,000.00, by cents.
fn prices() -> Vec<Decimal> {
    let mut state = 7_u64;
    let mut cents = 8_700_000_i64;
    (0..PRICES)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let step = i64::try_from((state >> 33) % 201).unwrap_or_default() - 100;
            cents = (cents + step).clamp(8_600_000, 8_800_000);
            Decimal::new(cents, 2)
        })
        .collect()
}

fn order(number: u32, time: DateTime<Utc>) -> OrderRequest {
    OrderRequest {
        signal_id: Uuid::from_u128(u128::from(number)),
        action: Action::Buy,
        quantity: Decimal::new(1, 2),
        quantity_type: QuantityType::Units,
        reason: "bench".to_owned(),
        time,
    }
}

/// Trades a second that an account with 10 resting limit orders and a position takes; and what it
/// said, counted.
pub(super) fn resting(ticks: u64, rounds: u32) -> anyhow::Result<(f64, String)> {
    let (time, prices) = (began()?, prices());
    let (mut rates, mut said) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (mut account, mut out) = account(time)?;
        let trade = |price: Decimal, millis: u64| MarketTrade {
            price,
            volume: Decimal::new(15, 2),
            time: time + TimeDelta::milliseconds(i64::try_from(millis).unwrap_or_default()),
        };
        let first = prices.first().copied().context("a price")?;
        account.on_trade(&trade(first, 0), &mut out)?;
        let _ = account.on_signal(order(0, time), &mut out);
        account.on_trade(&trade(first, 0), &mut out)?;
        for number in 1..=OPEN_ORDERS {
            let terms = OrderTerms {
                kind: OrderKind::Limit {
                    limit: Decimal::from(70_000 + number),
                },
                ..OrderTerms::default()
            };
            let _ = account.on_order(order(number, time), terms, Origin::Strategy, &mut out);
        }
        let mut outputs = out.len();
        out.clear();
        let started = Instant::now();
        for (number, price) in (0..ticks).zip(prices.iter().cycle()) {
            account.on_trade(&trade(*price, number * 5), &mut out)?;
            if !out.is_empty() {
                outputs += out.len();
                out.clear();
            }
        }
        rates.push(ticks as f64 / started.elapsed().as_secs_f64());
        if account.open_orders().len() != OPEN_ORDERS as usize {
            bail!("{} orders are open, not 10", account.open_orders().len());
        }
        said.push(format!("{outputs}, equity {}", account.equity()));
    }
    Ok((median(&rates), agreed(said)?))
}

/// Fills a second, of market orders that fill at each trade; and their fingerprint.
pub(super) fn filling(fills: u64, rounds: u32) -> anyhow::Result<(f64, String)> {
    let (time, prices) = (began()?, prices());
    let (mut rates, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (mut account, mut out) = account(time)?;
        // Ids are not what is measured; neither are hashes, which are made between the parts, nor
        // the memory that the whole ledger would take.
        let mut ledger = Vec::with_capacity(PART);
        let mut hasher = LedgerHasher::new();
        let reason = String::new();
        let mut trading = Duration::ZERO;
        let mut orders = (0..fills).zip(prices.iter().cycle());
        loop {
            let started = Instant::now();
            for (number, price) in orders.by_ref().take(PART) {
                let millis = i64::try_from(number * 5).unwrap_or_default();
                let now = time + TimeDelta::milliseconds(millis);
                let request = OrderRequest {
                    signal_id: Uuid::from_u128(u128::from(number)),
                    action: match number % 2 {
                        0 => Action::Buy,
                        _ => Action::Sell,
                    },
                    quantity: Decimal::new(1, 2),
                    quantity_type: QuantityType::Units,
                    reason: reason.clone(),
                    time: now,
                };
                let _ = account.on_signal(request, &mut out);
                let trade = MarketTrade {
                    price: *price,
                    volume: Decimal::new(15, 2),
                    time: now,
                };
                account.on_trade(&trade, &mut out)?;
                for output in out.drain(..) {
                    if let Output::Execution(execution) = output {
                        ledger.push(execution);
                    }
                }
            }
            trading += started.elapsed();
            if ledger.is_empty() {
                break;
            }
            ledger
                .drain(..)
                .for_each(|execution| hasher.push(&execution));
        }
        rates.push(fills as f64 / trading.as_secs_f64());
        if account.counts().fills != fills {
            bail!("{} fills, not {fills}", account.counts().fills);
        }
        hashes.push(hasher.finish());
    }
    Ok((median(&rates), agreed(hashes)?))
}

/// What every round said.
pub(super) fn agreed(mut said: Vec<String>) -> anyhow::Result<String> {
    let first = said.pop().context("no round")?;
    match said.iter().all(|other| *other == first) {
        true => Ok(first),
        false => bail!("rounds differ: {first}, {said:?}"),
    }
}
