//! The account of a session whose strategy reads its position: the one that forward-test keeps, a
//! second time.
//!
//! All that moves it passes through here, in the one order: ticks, the session's own signals, and
//! users' commands. Both services apply them with the same code, so the two accounts are the same
//! after each of them, whenever either service is restarted.

use std::collections::BTreeSet;

use backtest::Openings;
use chrono::{DateTime, Utc};
use kafka_common::messages::{RecordKind, StrategySignal};
use paper_exchange::{Account, Output};
use serde::{Deserialize, Serialize};
use session_account::{MarketRecord, Met, Opening};
use strategy_engine::Holding;
use uuid::Uuid;

use crate::deployments::Deployment;

/// The account, and what else decides what happens to it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Book {
    account: Account,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<DateTime<Utc>>,
    openings: Openings,
    /// Position of the latest commands, and which were applied there: a command may come again as
    /// long as nothing lies between, and counts once, as it does at forward-test.
    commands: (i64, BTreeSet<Uuid>),
    /// Filled and emptied for each record; kept so that a tick allocates nothing.
    #[serde(skip)]
    outputs: Vec<Output>,
}

impl Book {
    /// Of a session that hasn't started.
    ///
    /// # Errors
    /// Its terms can't be read, in words.
    pub(super) fn new(deployment: &Deployment) -> Result<Self, String> {
        let terms = deployment.terms.as_ref().map(|terms| &terms.0);
        let Opening { account, ends_at } =
            Opening::of(deployment.initial_balance, deployment.fee_rate, terms)?;
        Ok(Self {
            account,
            ends_at,
            openings: Openings::default(),
            commands: (i64::MIN, BTreeSet::new()),
            outputs: Vec::new(),
        })
    }

    /// From a snapshot.
    ///
    /// # Errors
    /// It can't be read, or its books don't balance.
    pub(super) fn restore(bytes: &[u8]) -> Result<Self, String> {
        let book: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        book.account.audit().map_err(|error| error.to_string())?;
        Ok(book)
    }

    pub(super) fn snapshot(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    pub(super) fn start(&mut self, time: DateTime<Utc>) {
        self.account.start(time, &mut self.outputs);
        self.note();
    }

    /// Its orders meet a trade, or it hears of missing ones.
    pub(super) fn meet(&mut self, record: &MarketRecord) {
        let met = session_account::meet(&mut self.account, self.ends_at, record, &mut self.outputs);
        if let Met::Failed(error) = met {
            // forward-test comes to the same, and ends the session.
            tracing::error!(%error, "ledger check failed, the position is that of before");
        }
        self.note();
    }

    /// Applies a record that this service writes.
    pub(super) fn apply(&mut self, kind: RecordKind, message: &StrategySignal) {
        let Some(time) = message.cause.and_then(|cause| cause.timestamp) else {
            return;
        };
        // Whether it is an order that was taken, or of an order that is open, is forward-test's to
        // tell.
        match kind {
            RecordKind::Signal => {
                session_account::order(&mut self.account, message, time, &mut self.outputs);
            }
            _ => {
                let (account, outputs) = (&mut self.account, &mut self.outputs);
                session_account::command(account, kind, message, time, outputs);
            }
        }
        self.note();
    }

    /// As [`Self::apply`] for a user's command, the first time that it comes.
    pub(super) fn command(
        &mut self,
        position: i64,
        id: Uuid,
        kind: RecordKind,
        message: &StrategySignal,
    ) {
        if self.commands.0 != position {
            self.commands = (position, BTreeSet::new());
        }
        if self.commands.1.insert(id) {
            self.apply(kind, message);
        }
    }

    /// What the strategy reads.
    pub(super) fn holding(&self) -> Holding {
        self.openings.holding(&self.account)
    }

    fn note(&mut self) {
        self.openings.note(&self.outputs);
        self.outputs.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use kafka_common::messages::{OrderDetails, SignalAction};
    use paper_exchange::MarketTrade;
    use rust_decimal::Decimal;
    use serde_json::{Value, json};

    use super::*;

    fn deployment(terms: Option<Value>) -> Deployment {
        Deployment {
            session_id: Uuid::nil(),
            user_id: "alice".to_owned(),
            strategy_id: Uuid::nil(),
            strategy_name: String::new(),
            version: 1,
            kind: "script".to_owned(),
            source: sqlx::types::Json(Value::Null),
            symbol: "BTCUSD".to_owned(),
            unit: 0,
            timeframe: "tick".to_owned(),
            initial_balance: Decimal::from(10_000),
            fee_rate: Decimal::new(1, 3),
            terms: terms.map(sqlx::types::Json),
            start_offset: Some(0),
            stop_requested: false,
            stop_offset: None,
            history: None,
            starts_at: None,
            past_offset: None,
        }
    }

    fn at(offset: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_571_200 + offset, 0).unwrap()
    }

    fn trade(offset: i64, cents: i64) -> MarketRecord {
        MarketRecord {
            trade: MarketTrade {
                price: Decimal::new(cents, 2),
                volume: Decimal::ONE,
                time: at(offset),
            },
            quote: None,
            gap: false,
        }
    }

    /// An order of the user's.
    fn message(offset: i64, id: u128, action: SignalAction) -> StrategySignal {
        // As text: what holds numbers as they are written is read from nothing else.
        let text = json!({
            "session_id": Uuid::nil(), "strategy_id": Uuid::nil(), "user_id": "alice",
            "signal": {"action": "HOLD", "quantity": 1, "quantity_type": "units", "reason": ""},
            "market_data": {"symbol": "BTCUSD", "price": 100},
            "signal_id": Uuid::from_u128(id), "order_type": "market",
            "cause": {"partition": 0, "offset": offset, "timestamp": at(offset)},
        })
        .to_string();
        let mut message: StrategySignal = serde_json::from_str(&text).unwrap();
        message.signal.action = action;
        message.order = Some(Box::new(OrderDetails {
            manual: true,
            ..OrderDetails::default()
        }));
        message
    }

    fn units(book: &Book) -> Decimal {
        let position = book.holding().position;
        position.map_or(Decimal::ZERO, |position| position.units)
    }

    #[test]
    fn a_command_counts_once_however_often_it_comes() {
        let mut book = Book::new(&deployment(None)).unwrap();
        book.start(at(0));
        book.meet(&trade(0, 10_000));
        let buy = message(0, 7, SignalAction::Buy);
        let id = Uuid::from_u128(7);
        for _ in 0..3 {
            book.command(1, id, RecordKind::Signal, &buy);
            // As it comes again after a restart.
            book = Book::restore(&book.snapshot().unwrap()).unwrap();
        }
        book.meet(&trade(1, 10_100));
        assert_eq!(units(&book), Decimal::ONE);
        book.command(2, Uuid::from_u128(8), RecordKind::Signal, &buy);
        book.meet(&trade(2, 10_200));
        assert_eq!(units(&book), Decimal::TWO);
    }

    #[test]
    fn terms_are_those_of_the_session() {
        let ends = json!({"ends_at": at(2), "market": {"fees": {"maker": "0", "taker": "0"}}});
        let mut book = Book::new(&deployment(Some(ends))).unwrap();
        book.start(at(0));
        book.meet(&trade(0, 10_000));
        book.apply(RecordKind::Signal, &message(0, 1, SignalAction::Buy));
        book.meet(&trade(1, 10_000));
        assert_eq!(book.holding().realized, Decimal::ZERO, "no fee");
        book.apply(RecordKind::Signal, &message(1, 2, SignalAction::Sell));
        book.meet(&trade(2, 10_000));
        assert_eq!(units(&book), Decimal::ONE, "it has ended");
        let unknown = Book::new(&deployment(Some(json!({"moon": 1})))).unwrap_err();
        assert!(unknown.contains("moon"), "{unknown}");
    }

    /// Trades, orders and commands; restored after any of them it comes to the same.
    #[test]
    fn it_can_be_stopped_anywhere() {
        let terms = json!({
            "market": {"latency": {"kind": "uniform", "min_ms": 0, "max_ms": 3000, "seed": 5}},
            "cost_method": "fifo",
        });
        let step = |book: &mut Book, offset: i64| {
            book.meet(&trade(
                offset,
                10_000 + 37 * (offset % 11) - 29 * (offset % 7),
            ));
            let kind = match offset % 13 {
                2 | 5 => RecordKind::Signal,
                8 => RecordKind::Pause,
                9 => RecordKind::Resume,
                _ => return,
            };
            let action = match offset % 13 {
                2 => SignalAction::Buy,
                _ => SignalAction::Sell,
            };
            let message = message(offset, offset as u128, action);
            book.command(offset + 1, Uuid::from_u128(offset as u128), kind, &message);
        };
        let fresh = || {
            let mut book = Book::new(&deployment(Some(terms.clone()))).unwrap();
            book.start(at(0));
            book
        };
        let mut whole = fresh();
        (0..60).for_each(|offset| step(&mut whole, offset));
        let expected = whole.snapshot().unwrap();
        assert!(!whole.holding().realized.is_zero());
        for cut in 0..60 {
            let mut split = fresh();
            for offset in 0..60 {
                step(&mut split, offset);
                if offset == cut {
                    split = Book::restore(&split.snapshot().unwrap()).unwrap();
                }
            }
            assert_eq!(split.snapshot().unwrap(), expected, "{cut}");
        }
    }
}
