//! Sessions of one strategy on one symbol share their evaluator once their states are equal, and
//! nobody sees it: each has its own signals, and leaves by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use coinbase::simulator::Speed;
use end_to_end_tests::api::Api;
use end_to_end_tests::ledger::{at_least, backtest, before_the_end, lines};
use end_to_end_tests::log;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::{Plan, Stack};
use end_to_end_tests::tool::Tool;
use kafka_common::Topics;
use serde_json::json;

const TRADES: u64 = 10_000;

/// Action and reason of each signal of a session, by the offset of its cause.
type Signals = BTreeMap<i64, (String, String)>;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_share_an_evaluator_trade_as_if_each_were_alone() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), TRADES);
    let plan = Plan {
        recording,
        // Sessions come and go while the market goes on.
        speed: Speed::Times(20.0),
        servers: test_support::isolated().await,
        binaries: None,
        // Groups are made where a snapshot is taken.
        settings: vec![("KAFKA__SNAPSHOT_INTERVAL_MS".to_owned(), "300".to_owned())],
    };
    let mut stack = Stack::start_as(folder, plan).await;
    let api = Api::new("alice");
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD"});
    let mut started = Vec::new();
    for index in 0..3 {
        let answer = api.post(&sessions, &body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = answer.text("id").to_owned();
        let url = format!("{sessions}/{id}");
        api.wait_for(&url, "RUNNING").await;
        if index == 0 {
            stack.simulator.release();
        }
        at_least(&api, &url, 2).await;
        started.push((id, url));
    }
    shared(&stack, 3).await;
    let together = evaluated_up_to(&stack);

    // One leaves the others.
    let (_, leaving) = &started[2];
    at_least(&api, leaving, 8).await;
    let answer = api.post(&format!("{leaving}/stop"), &json!({})).await;
    assert!(answer.status < 300, "{}", answer.body);
    api.wait_for(leaving, "STOPPED").await;
    shared(&stack, 2).await;
    let apart = evaluated_up_to(&stack);
    // Each is restored by itself, and then they share again.
    stack.process("strategy").kill();
    stack.launch("strategy");
    stack.ready("strategy").await;
    shared(&stack, 2).await;

    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;
    let backtests = format!("{}/v1/backtests", stack.url("strategy"));
    let body = json!({"strategy_id": strategy_id, "version": 1, "symbol": "BTCUSD"});
    let back = before_the_end(&backtest(&api, &backtests, &body).await);
    let first = at_least(&api, &started[0].1, back.len()).await;
    assert_eq!(lines(&back), lines(&first));

    let expected = signals(&stack, &started[0].0);
    let later = signals(&stack, &started[1].0);
    let while_there = signals(&stack, &started[2].0);
    let since = |signals: &Signals| signals.clone().split_off(&together);
    assert_eq!(since(&later), since(&expected));
    let (begin, end) = (together, *while_there.keys().next_back().unwrap());
    let between = |signals: &Signals| -> Signals {
        let signals = signals.range(begin..=end);
        signals.map(|(at, signal)| (*at, signal.clone())).collect()
    };
    assert_eq!(between(&while_there), between(&expected));
    assert!(!between(&expected).is_empty(), "{begin} to {end}");
    assert!(end <= apart, "it went on after it stopped");
    assert!(
        since(&expected).len() > 10,
        "{} signals",
        since(&expected).len()
    );

    let tool = Tool::new(stack.servers());
    let database = &stack.servers().database_url;
    for (id, url) in &started {
        let answer = api.post(&format!("{url}/stop"), &json!({})).await;
        assert!(answer.status < 300, "{}", answer.body);
        api.wait_for(url, "STOPPED").await;
        let outcome = tool.run(&["verify", id, "--database", database, "--json"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}

/// Waits until so many sessions share an evaluator.
async fn shared(stack: &Stack, sessions: usize) {
    let url = format!("{}/metrics", stack.url("strategy"));
    let wanted = format!("strategy_shared_sessions {sessions}");
    let started = Instant::now();
    loop {
        let metrics = reqwest::get(&url).await.unwrap().text().await.unwrap();
        if metrics.lines().any(|line| line == wanted) {
            return;
        }
        let told = metrics
            .lines()
            .find(|line| line.starts_with("strategy_shared"));
        assert!(started.elapsed() < Duration::from_secs(60), "{told:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Behind every tick that has been evaluated.
fn evaluated_up_to(stack: &Stack) -> i64 {
    let records = log::read(&stack.kafka, Topics::STRATEGY_SIGNALS);
    let of_symbol = records.iter().filter(|record| record.key == "BTCUSD");
    let causes = of_symbol.filter_map(|record| record.data.cause);
    causes
        .map(|cause| cause.offset + 1)
        .max()
        .unwrap_or_default()
}

fn signals(stack: &Stack, session_id: &str) -> Signals {
    log::read(&stack.kafka, Topics::STRATEGY_SIGNALS)
        .into_iter()
        .filter(|record| record.kind.as_deref().is_none_or(|kind| kind == "signal"))
        .filter(|record| record.data.session_id.to_string() == session_id)
        .filter_map(|record| {
            let signal = record.data.signal;
            let offset = record.data.cause?.offset;
            Some((offset, (format!("{:?}", signal.action), signal.reason)))
        })
        .collect()
}
