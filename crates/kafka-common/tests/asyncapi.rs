//! The AsyncAPI document, judged by the official parser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use kafka_common::KafkaSettings;
use kafka_common::asyncapi::document;
use serde_json::{Value, json};

/// What the parser says of a document.
fn judge(document: &Value) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/asyncapi");
    let mut node = Command::new("node")
        .arg("validate.mjs")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed: see scripts/install-test-tools.sh");
    let mut input = node.stdin.take().unwrap();
    input.write_all(document.to_string().as_bytes()).unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the parser did not run; install it with `make test` or `npm ci` in {folder}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_official_parser_finds_nothing_to_object_to() {
    let verdict = judge(&document(&KafkaSettings::default()));
    assert_eq!(verdict["problems"], json!([]));
    assert_eq!(verdict["version"], "3.0.0");
    assert_eq!(verdict["channels"], 11);
    assert_eq!(verdict["operations"], 13);
    assert_eq!(verdict["messages"], 11);
}

/// The test above can fail.
#[test]
fn the_official_parser_objects_to_what_is_no_operation() {
    let mut document = document(&KafkaSettings::default());
    let name = "market-data.send.market-data-updates";
    document["operations"][name]["action"] = json!("shout");
    let problems = judge(&document)["problems"].to_string();
    assert!(problems.contains(name), "{problems}");
}
