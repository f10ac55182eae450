//! Stored accounts: one that is read and passes its audit can be stored again, and trades on.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/paper-exchange/tests/common/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../crates/paper-exchange/tests/common/trading.rs"]
mod trading;

use algotrade_fuzz::target;
use chrono::{DateTime, TimeDelta, Utc};
use paper_exchange::{Account, MarketTrade, OrderRequest};
use random::Random;
use rust_decimal::Decimal;
use trading::{apply, session_terms, steps};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut account = Account::new(session_terms(&mut random));
        account.start(at(0), &mut Vec::new());
        for step in steps(&mut random).iter().take(10 + 5 * seed as usize) {
            apply(&mut account, step, &mut Vec::new());
        }
        seeds.push(serde_json::to_vec(&account).expect("an account can be stored"));
    }
    seeds
}

fn check(data: &[u8]) {
    let Ok(mut account) = serde_json::from_slice::<Account>(data) else {
        return;
    };
    if account.audit().is_err() {
        return;
    }
    let stored = serde_json::to_vec(&account).expect("what was read can be stored");
    let again: Account = serde_json::from_slice(&stored).expect("what was stored can be read");
    assert_eq!(again, account);
    let mut out = Vec::new();
    for number in 0..4 {
        let trade = MarketTrade {
            price: Decimal::new(10_000 + 37 * number, 2),
            volume: Decimal::ONE,
            time: at(1_000_000) + TimeDelta::seconds(number),
        };
        // A refused trade leaves the account as it was.
        let _ = account.on_trade(&trade, &mut out);
    }
}

/// What the two files above find beside them.
mod oracle {
    use chrono::{DateTime, Utc};

    pub fn time_text(time: DateTime<Utc>) -> String {
        time.to_rfc3339()
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_043_200 + seconds, 0).expect("it is a time")
}

#[allow(dead_code)]
enum Event {
    Trade(MarketTrade),
    Order(OrderRequest),
    Stop(DateTime<Utc>),
    Fail(DateTime<Utc>),
}
