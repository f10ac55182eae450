//! Old and new version side by side, in the middle of a running session: forward, and back again.
//!
//! The old version's binaries are in the folder that ALGOTRADE_PREVIOUS_BINARIES names. Without it they
//! are this build's own: then the test shows that replacing processes loses and repeats nothing, but
//! says nothing about two versions; `compatibility.rs` does, from what the old one has written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use coinbase::simulator::Speed;
use end_to_end_tests::agreement::{
    assert_executions, assert_market_data_complete, assert_sequence_complete, assert_signals,
};
use end_to_end_tests::api::Api;
use end_to_end_tests::binaries;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::{Plan, Stack};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{Topic as _, admin};

const TRADES: u64 = 30_000;

async fn published(stack: &Stack) -> i64 {
    let topic = MarketDataUpdates::SPEC;
    let marks = admin::watermarks(&stack.kafka, topic.name, topic.partitions).await;
    marks.unwrap().iter().map(|(first, end)| end - first).sum()
}

/// strategy, forward-test and notification are replaced by a process that is ready before the old one
/// ends, market-data (one writer) by one that starts after. Gives how many trades came meanwhile.
async fn roll(stack: &mut Stack, to: &std::path::Path, instance: &str) -> i64 {
    let before = published(stack).await;
    for service in ["strategy", "forward-test", "notification"] {
        stack.replace_beside(service, to, instance).await;
    }
    let came = published(stack).await - before;
    stack.replace_after("market-data", to).await;
    came
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_replace_each_other_in_a_running_session() {
    let new = binaries::path("strategy").parent().unwrap().to_owned();
    let old = std::env::var_os("ALGOTRADE_PREVIOUS_BINARIES").map_or(new.clone(), PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), TRADES);
    let plan = Plan {
        recording: recording.clone(),
        // Slow enough for the market to go on while processes start: it takes most of a minute.
        speed: Speed::Times(25.0),
        servers: test_support::isolated().await,
        binaries: Some(old.clone()),
        settings: Vec::new(),
    };
    let mut stack = Stack::start_as(folder, plan).await;
    let api = Api::new("alice");
    let session_url = stack.start_session(&api, "BTCUSD").await;
    let session_id = session_url.rsplit('/').next().unwrap().to_owned();
    stack.simulator.release();
    let came = roll(&mut stack, &new, "1").await;
    assert!(
        came > 0,
        "the market stood still while services were replaced"
    );
    roll(&mut stack, &old, "0").await;
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    assert_eq!(
        assert_market_data_complete(&stack.kafka, &recording),
        trades
    );
    assert_signals(&stack.kafka, &recording, &session_id);
    let executions = assert_executions(&stack.kafka, &recording, &session_id);
    assert_sequence_complete(&stack.kafka, &session_id);
    let url = format!("{}/v1/sessions/{session_id}", stack.url("forward-test"));
    assert_eq!(api.trades(&url).await.len(), executions.len());
    // The last ones take commands as the first ones did.
    let stopped = api
        .post(&format!("{url}/stop"), &serde_json::json!({}))
        .await;
    assert_eq!(stopped.status, 202, "{}", stopped.body);
    api.wait_for(&url, "STOPPED").await;
}
