//! What services and oracle must agree on, to the last digit.

use std::collections::BTreeMap;

use kafka_common::messages::{ForwardTestEventKind, TradeExecution};
use kafka_common::{KafkaSettings, Topics};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::recording::Recording;
use crate::{log, oracle};

fn number(value: &Value) -> Decimal {
    let text = value
        .as_str()
        .map(str::to_owned)
        .unwrap_or_else(|| value.to_string());
    kafka_common::decimal::parse(&text)
        .expect("a number")
        .normalize()
}

/// An execution, as both tell it.
pub fn line(execution: &TradeExecution) -> String {
    let number = |value: Option<Decimal>| value.expect("present").normalize().to_string();
    format!(
        "{} {} {} {} {} {} {} {} {} {}",
        execution.sequence.expect("a sequence"),
        execution.action.as_str(),
        execution.status.as_str(),
        execution.quantity.normalize(),
        execution.price.normalize(),
        number(execution.fee),
        number(execution.realized_pnl),
        number(execution.cash),
        number(execution.position),
        execution.timestamp.timestamp_micros(),
    )
}

fn oracle_line(execution: &Value) -> String {
    let text = |name: &str| execution[name].as_str().expect("text").to_owned();
    let sequence = execution["sequence"].to_string().replace('"', "");
    let time: chrono::DateTime<chrono::Utc> = text("timestamp").parse().expect("a time");
    format!(
        "{} {} {} {} {} {} {} {} {} {}",
        sequence,
        text("action"),
        text("status"),
        number(&execution["quantity"]),
        number(&execution["price"]),
        number(&execution["fee"]),
        number(&execution["realized_pnl"]),
        number(&execution["cash"]),
        number(&execution["position"]),
        time.timestamp_micros(),
    )
}

/// What is in the log of market data equals the recording: product, trade id, price, size, order.
pub fn assert_market_data_complete(kafka: &KafkaSettings, recording: &Recording) -> u64 {
    let mut published: BTreeMap<String, Vec<(u64, Decimal, Decimal)>> = BTreeMap::new();
    for record in log::read(kafka, Topics::MARKET_DATA_UPDATES) {
        assert_eq!(record.key, record.data.symbol);
        assert_eq!(record.data.source, "simulator");
        let trade = (
            record.data.trade_id.expect("a trade id"),
            record.data.price.normalize(),
            record.data.volume.normalize(),
        );
        published.entry(record.data.symbol).or_default().push(trade);
    }
    let mut total = 0;
    for (symbol, trades) in &published {
        let product = format!(
            "{}-USD",
            symbol.strip_suffix("USD").expect("a dollar product")
        );
        let expected: Vec<(u64, Decimal, Decimal)> = oracle::ask(recording, &product, "trades")
            .iter()
            .map(|trade| {
                let id = trade["trade_id"]
                    .to_string()
                    .replace('"', "")
                    .parse()
                    .expect("an id");
                (id, number(&trade["price"]), number(&trade["volume"]))
            })
            .collect();
        assert_eq!(trades.len(), expected.len(), "{symbol}");
        assert!(
            trades == &expected,
            "{symbol}: another trade or another order"
        );
        total += expected.len() as u64;
    }
    assert!(published.len() >= 3, "three products are in the recording");
    total
}

/// The session's signals equal the oracle's.
pub fn assert_signals(kafka: &KafkaSettings, recording: &Recording, session_id: &str) {
    let signals: Vec<(u64, String, Decimal)> = log::read(kafka, Topics::STRATEGY_SIGNALS)
        .into_iter()
        .filter(|record| record.kind.as_deref() == Some("signal"))
        .filter(|record| record.data.session_id.to_string() == session_id)
        .map(|record| {
            let cause = record.data.cause.expect("a cause");
            let action = match record.data.signal.action {
                kafka_common::messages::SignalAction::Buy => "BUY",
                kafka_common::messages::SignalAction::Sell => "SELL",
                kafka_common::messages::SignalAction::Hold => "HOLD",
            };
            let price = record.data.market_data.price.normalize();
            (
                cause.trade_id.expect("a trade id"),
                action.to_owned(),
                price,
            )
        })
        .collect();
    let expected: Vec<(u64, String, Decimal)> = oracle::ask(recording, "BTC-USD", "signals")
        .iter()
        .map(|signal| {
            let id = signal["trade_id"]
                .to_string()
                .replace('"', "")
                .parse()
                .expect("an id");
            (
                id,
                signal["action"].as_str().expect("text").to_owned(),
                number(&signal["price"]),
            )
        })
        .collect();
    assert!(!expected.is_empty(), "the oracle finds no signals");
    assert_eq!(signals, expected);
}

/// The session's executions equal the oracle's; gives them.
pub fn assert_executions(
    kafka: &KafkaSettings,
    recording: &Recording,
    session_id: &str,
) -> Vec<String> {
    let executions: Vec<String> = log::read(kafka, Topics::TRADE_EXECUTIONS)
        .iter()
        .filter(|record| record.data.session_id.to_string() == session_id)
        .map(|record| line(&record.data))
        .collect();
    let expected: Vec<String> = oracle::ask(recording, "BTC-USD", "executions")
        .iter()
        .map(oracle_line)
        .collect();
    assert_eq!(executions.len(), expected.len());
    for (execution, expected) in executions.iter().zip(&expected) {
        assert_eq!(execution, expected);
    }
    executions
}

/// The outputs of a session are numbered without a gap or a repeat over both topics.
pub fn assert_sequence_complete(kafka: &KafkaSettings, session_id: &str) {
    let trades = log::read(kafka, Topics::TRADE_EXECUTIONS);
    let events = log::read(kafka, Topics::FORWARD_TEST_EVENTS);
    let mut sequence: Vec<u64> = trades
        .iter()
        .filter(|record| record.data.session_id.to_string() == session_id)
        .map(|record| record.data.sequence.expect("a sequence"))
        .chain(
            events
                .iter()
                .filter(|record| record.data.session_id.to_string() == session_id)
                .map(|record| record.data.sequence),
        )
        .collect();
    sequence.sort_unstable();
    let expected: Vec<u64> = (1..=sequence.len() as u64).collect();
    assert_eq!(sequence, expected);
    let kinds = |kind| {
        events
            .iter()
            .filter(|record| record.data.event == kind)
            .count()
    };
    assert_eq!(kinds(ForwardTestEventKind::SessionStarted), 1);
    assert_eq!(kinds(ForwardTestEventKind::SessionError), 0);
}
