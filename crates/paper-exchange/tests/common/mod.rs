//! Shared by the integration tests; each uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod oracle;
pub mod random;
pub mod trading;

use chrono::{DateTime, Utc};
use paper_exchange::{Account, Action, MarketTrade, OrderRequest, Output, QuantityType};
use paper_exchange::{Execution, SessionTerms};
use rust_decimal::Decimal;
use uuid::Uuid;

/// What a session lives through.
#[derive(Debug, Clone)]
pub enum Event {
    Trade(MarketTrade),
    Order(OrderRequest),
    Stop(DateTime<Utc>),
    Fail(DateTime<Utc>),
}

/// Seconds after 2025-11-25T04:00:00Z.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_043_200 + seconds, 0).unwrap()
}

pub fn trade(price: Decimal, seconds: i64) -> MarketTrade {
    MarketTrade {
        price,
        volume: Decimal::ONE,
        time: at(seconds),
    }
}

pub fn order(action: Action, quantity: Decimal, quantity_type: QuantityType) -> OrderRequest {
    OrderRequest {
        signal_id: Uuid::from_u128(1),
        action,
        quantity,
        quantity_type,
        reason: "why".into(),
        time: at(0),
    }
}

pub fn started(balance: Decimal, fee_rate: Decimal) -> Account {
    let mut account = Account::new(SessionTerms::new(balance, fee_rate).unwrap());
    account.start(at(0), &mut Vec::new());
    account
}

/// Applies events; trades that the exchange refuses are skipped, as a caller may.
pub fn apply(account: &mut Account, events: &[Event]) -> Vec<Output> {
    let mut out = Vec::new();
    for event in events {
        match event {
            Event::Trade(trade) => {
                // The state is unchanged after an error, so going on is well defined.
                let _ = account.on_trade(trade, &mut out);
            }
            Event::Order(order) => {
                let _ = account.on_signal(order.clone(), &mut out);
            }
            Event::Stop(time) => account.stop(*time, &mut out),
            Event::Fail(time) => account.fail(*time, &mut out),
        }
    }
    out
}

pub fn executions(outputs: &[Output]) -> Vec<&Execution> {
    let mut found = Vec::new();
    for output in outputs {
        if let Output::Execution(execution) = output {
            found.push(execution);
        }
    }
    found
}
