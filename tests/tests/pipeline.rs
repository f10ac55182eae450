//! An hour of the market through the four services as processes, on real Kafka, Postgres and
//! Redis: what comes out equals what an independent oracle computes straight from the file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use end_to_end_tests::api::Api;
use end_to_end_tests::log;
use end_to_end_tests::oracle;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use kafka_common::Topics;
use kafka_common::messages::{ForwardTestEventKind, TradeExecution};
use rust_decimal::Decimal;
use serde_json::Value;

/// One stack at a time: two of them on a small machine measure each other's patience.
static ONE_STACK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn number(value: &Value) -> Decimal {
    let text = value
        .as_str()
        .map(str::to_owned)
        .unwrap_or_else(|| value.to_string());
    kafka_common::decimal::parse(&text)
        .expect("a number")
        .normalize()
}

/// What oracle and services must agree on, to the last digit.
fn line(execution: &TradeExecution) -> String {
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
fn assert_market_data_complete(stack: &Stack, recording: &Recording) -> u64 {
    let mut published: BTreeMap<String, Vec<(u64, Decimal, Decimal)>> = BTreeMap::new();
    for record in log::read(&stack.kafka, Topics::MARKET_DATA_UPDATES) {
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

fn assert_signals(stack: &Stack, recording: &Recording, session_id: &str) {
    let signals: Vec<(u64, String, Decimal)> = log::read(&stack.kafka, Topics::STRATEGY_SIGNALS)
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
    assert!(
        expected.len() > 50,
        "the oracle finds {} signals",
        expected.len()
    );
    assert_eq!(signals, expected);
}

fn assert_executions(stack: &Stack, recording: &Recording, session_id: &str) -> Vec<String> {
    let executions: Vec<String> = log::read(&stack.kafka, Topics::TRADE_EXECUTIONS)
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
fn assert_sequence_complete(stack: &Stack, session_id: &str) {
    let trades = log::read(&stack.kafka, Topics::TRADE_EXECUTIONS);
    let events = log::read(&stack.kafka, Topics::FORWARD_TEST_EVENTS);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_the_market_equals_the_oracle() {
    let _alone = ONE_STACK.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let session_url = stack.start_session(&api, "BTCUSD").await;
    let session_id = session_url.rsplit('/').next().unwrap().to_owned();

    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    assert_eq!(assert_market_data_complete(&stack, &recording), trades);
    assert_signals(&stack, &recording, &session_id);
    let executions = assert_executions(&stack, &recording, &session_id);
    assert_sequence_complete(&stack, &session_id);

    // The HTTP interface shows the same trades.
    let shown = api.trades(&session_url).await;
    let shown: Vec<String> = shown
        .iter()
        .map(|trade| line(&serde_json::from_str(&trade.to_string()).expect("a trade")))
        .collect();
    assert_eq!(shown.len(), executions.len());
    assert_eq!(shown.first(), executions.first());

    // Another user sees neither session nor strategy.
    let other = Api::new("mallory");
    let answer = other.call(reqwest::Method::GET, &session_url, None).await;
    assert_eq!(answer.status, 404);

    // Each service ends in time when it is asked to.
    for service in ["market-data", "strategy", "forward-test", "notification"] {
        let took = stack.process(service).terminate(Duration::from_secs(10));
        assert!(took < Duration::from_secs(8), "{service} took {took:?}");
    }
}

/// strategy and forward-test are killed in the middle, several times; the ledger is the same.
#[tokio::test(flavor = "multi_thread")]
async fn killed_services_lose_and_repeat_nothing() {
    let _alone = ONE_STACK.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::hour(folder.path());
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let session_url = stack.start_session(&api, "BTCUSD").await;
    let session_id = session_url.rsplit('/').next().unwrap().to_owned();

    stack.simulator.release();
    for (service, pause) in [
        ("forward-test", 300),
        ("strategy", 500),
        ("forward-test", 200),
        ("strategy", 100),
    ] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stack.process(service).kill();
        stack.launch(service);
        stack.ready(service).await;
    }
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    assert_signals(&stack, &recording, &session_id);
    assert_executions(&stack, &recording, &session_id);
    assert_sequence_complete(&stack, &session_id);
    let shown = api.trades(&session_url).await;
    let expected = oracle::ask(&recording, "BTC-USD", "executions");
    assert_eq!(shown.len(), expected.len());
}
