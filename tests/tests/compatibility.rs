//! What releases before this one have written is read by this one, and goes on where it stopped.
//!
//! `tests/compatibility/VERSION` holds what a release left behind: the market that was played, the
//! log, the groups' offsets, the tables with their snapshots, and the AsyncAPI document. A release
//! writes its own with
//!
//! ```sh
//! test-servers run -- cargo test --test compatibility -- --ignored record_this_release
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::process::Command;

use coinbase::market::{self, MarketConfig, Until};
use coinbase::simulator::Speed;
use end_to_end_tests::agreement::{
    assert_executions, assert_market_data_complete, assert_sequence_complete, assert_signals,
};
use end_to_end_tests::api::Api;
use end_to_end_tests::fixture::{self, RawRecord};
use end_to_end_tests::process::Process;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::{Plan, Stack, kafka_of};
use end_to_end_tests::{binaries, schemas, tool};
use kafka_common::topics::{self, CATALOGUE, TopicVisitor};
use kafka_common::{Topic, admin, envelope};
use serde_json::{Value, json};

/// Trades of the market that a fixture is made of, and of the part that the release has seen.
const TRADES: u64 = 1_500;
const SEEN: u64 = 900;

fn market(path: &std::path::Path, trades: u64) {
    let config = MarketConfig {
        seed: 11,
        start: Some("2026-01-05T00:00:00Z".parse().unwrap()),
        ..MarketConfig::default()
    };
    market::record(&config, Until::Trades(trades), path).expect("a recording");
}

fn asyncapi() -> Value {
    let mut command = Command::new(binaries::path("algotrade"));
    let output = command.arg("asyncapi").output().expect("algotrade runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A message, decoded as this version does and written again.
struct Rewritten<'a>(&'a RawRecord);

impl TopicVisitor for Rewritten<'_> {
    type Output = Value;

    fn visit<T: Topic>(self, _topic: T) -> Value {
        let bytes = self.0.value.get().as_bytes();
        let decoded = envelope::decode::<T::Message>(Some(bytes));
        let decoded = decoded.unwrap_or_else(|error| panic!("{:?}: {error}", self.0));
        serde_json::to_value(decoded.data).expect("JSON")
    }
}

/// Everything of the old value is in the new one; a null is as good as nothing.
fn assert_kept(old: &Value, new: &Value, path: &str) {
    match old {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                assert_kept(value, &new[name], &format!("{path}.{name}"));
            }
        }
        Value::Array(items) => {
            assert_eq!(items.len(), new.as_array().map_or(0, Vec::len), "{path}");
            for (number, value) in items.iter().enumerate() {
                assert_kept(value, &new[number], &format!("{path}[{number}]"));
            }
        }
        Value::Number(number) => {
            let decimal = |text: &str| kafka_common::decimal::parse(text).ok();
            let here = new.to_string();
            let here = decimal(here.trim_matches('"'));
            let then = decimal(&number.to_string());
            assert!(
                then.is_some() && here == then,
                "{path}: was {old}, is {new}"
            );
        }
        Value::String(text) => {
            let time = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().ok();
            let same_time = time(text).is_some() && new.as_str().and_then(time) == time(text);
            assert!(same_time || old == new, "{path}: was {old}, is {new}");
        }
        Value::Bool(_) => assert_eq!(old, new, "{path}"),
    }
}

#[test]
fn messages_of_every_release_are_read() {
    for release in fixture::releases() {
        let mut read: BTreeMap<String, u32> = BTreeMap::new();
        for record in fixture::records(&fixture::folder(&release)) {
            let old: Value = serde_json::from_str(record.value.get()).unwrap();
            let new = topics::visit(&record.topic, Rewritten(&record)).expect("a topic");
            assert_kept(&old["data"], &new, &format!("{release} {}", record.topic));
            *read.entry(record.topic).or_default() += 1;
        }
        for spec in CATALOGUE {
            let count = read.get(spec.name).copied().unwrap_or_default();
            assert!(count > 0, "{release} has no message of {}", spec.name);
        }
    }
}

#[test]
fn messages_only_grow() {
    let now = asyncapi();
    for release in fixture::releases() {
        let file = fixture::folder(&release).join("asyncapi.json");
        let then: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert!(then["components"]["messages"].as_object().unwrap().len() >= 11);
        let breaks = schemas::breaks(&then, &now);
        assert!(breaks.is_empty(), "since {release}:\n{}", breaks.join("\n"));
    }
}

/// The release was stopped in the middle of a session; this version takes over its tables, snapshots
/// and log, and the ledger is what the oracle computes of the whole market.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_an_upgrade() {
    for release in fixture::releases() {
        let fixture = fixture::folder(&release);
        let servers = test_support::isolated().await;
        let kafka = kafka_of(&servers);
        fixture::restore(&kafka, &servers.database_url, &fixture).await;
        fixture::migrated_by_a_later_version(&servers.database_url);
        let path = fixture.join("market.ndjson.zst");
        let recording = Recording::whole(&path);
        let plan = Plan {
            recording: recording.clone(),
            speed: Speed::AsFastAsClientReads,
            servers,
            binaries: None,
            settings: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let mut stack = Stack::start_as(folder, plan).await;
        let api = Api::new("alice");
        let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
        let found = api.get(&sessions).await;
        let [session] = found["items"].as_array().unwrap().as_slice() else {
            panic!("{release}: {found}");
        };
        assert_eq!(session["status"], "RUNNING", "{release}");
        let session_id = session["id"].as_str().unwrap().to_owned();
        let before = api.trades(&format!("{sessions}/{session_id}")).await.len();
        assert!(before > 0, "{release}: nothing was traded");

        stack.simulator.release();
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
        assert!(
            executions.len() > before,
            "{release}: nothing was traded after the upgrade"
        );
        let shown = api.trades(&format!("{sessions}/{session_id}")).await;
        assert_eq!(shown.len(), executions.len());
    }
}

/// Writes the fixture of this version. Not a test: a release runs it once (docs/release.md).
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes tests/compatibility/VERSION"]
async fn record_this_release() {
    let fixture = fixture::folder(env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(&fixture).unwrap();
    market(&fixture.join("market.ndjson.zst"), TRADES);
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen.ndjson.zst");
    market(&seen, SEEN);
    let plan = Plan {
        recording: Recording::whole(&seen),
        speed: Speed::AsFastAsClientReads,
        servers: test_support::isolated().await,
        binaries: None,
        settings: Vec::new(),
    };
    let mut stack = Stack::start_as(folder, plan).await;
    let api = Api::new("alice");
    let logs = tempfile::tempdir().unwrap();
    let mut operations = Command::new(binaries::path("algotrade"));
    let port = test_support::free_port().unwrap();
    operations
        .arg("ops")
        .envs(stack.environment())
        .env("ALGOTRADE__HTTP__LISTEN", format!("127.0.0.1:{port}"));
    let mut operations = Process::start("ops", operations, logs.path());
    stack.start_session(&api, "BTCUSD").await;
    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;
    let tool = tool::Tool::new(stack.servers());
    tool.run(&["notify", "alice", "--title", "Hello", "--message", "World"]);
    every_topic_has_records(&stack).await;
    operations.terminate(std::time::Duration::from_secs(15));
    stack.terminate();
    fixture::record(&stack.kafka, &stack.servers().database_url, &fixture).await;
    let mut document = asyncapi();
    // The examples and the servers are not what a reader depends on.
    document["servers"] = json!({});
    let text = serde_json::to_string_pretty(&document).unwrap();
    std::fs::write(fixture.join("asyncapi.json"), text + "\n").unwrap();
}

async fn every_topic_has_records(stack: &Stack) {
    let started = std::time::Instant::now();
    loop {
        let mut empty = Vec::new();
        for spec in CATALOGUE {
            let marks = admin::watermarks(&stack.kafka, spec.name, spec.partitions).await;
            if marks.unwrap().iter().all(|(_, end)| *end == 0) {
                empty.push(spec.name);
            }
        }
        if empty.is_empty() {
            return;
        }
        let waited = started.elapsed();
        assert!(
            waited < std::time::Duration::from_secs(60),
            "nothing in {empty:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
