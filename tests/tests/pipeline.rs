//! An hour of the market through the four services as processes, on real Kafka, Postgres and
//! Redis: what comes out equals what an independent oracle computes straight from the file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use end_to_end_tests::agreement::{
    assert_executions, assert_market_data_complete, assert_sequence_complete, assert_signals, line,
};
use end_to_end_tests::api::Api;
use end_to_end_tests::oracle;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_the_market_equals_the_oracle() {
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

    assert_eq!(
        assert_market_data_complete(&stack.kafka, &recording),
        trades
    );
    assert_signals(&stack.kafka, &recording, &session_id);
    let expected = oracle::ask(&recording, "BTC-USD", "signals").len();
    assert!(expected > 50, "the oracle finds {expected} signals");
    let executions = assert_executions(&stack.kafka, &recording, &session_id);
    assert_sequence_complete(&stack.kafka, &session_id);

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
