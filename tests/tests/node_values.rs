//! What the nodes of a running session's strategy give, over HTTP, on the real services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use end_to_end_tests::api::Api;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// An output's value in an answer.
fn value<'a>(answer: &'a Value, node: &str, output: &str) -> &'a Value {
    let outputs = answer["outputs"].as_array().expect("outputs");
    let wanted = |found: &&Value| found["node"] == node && found["output"] == output;
    let found = outputs.iter().find(wanted);
    &found.unwrap_or_else(|| panic!("no {node}: {answer}"))["value"]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_what_each_node_gives() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 3_000);
    let mut stack = Stack::start(folder, &recording).await;
    let (alice, bob) = (Api::new("alice"), Api::new("bob"));
    let session_url = stack.start_session(&alice, "BTCUSD").await;
    let session = alice.get(&session_url).await;
    let (id, strategy) = (&session["id"], &session["strategy_id"]);
    let (id, strategy) = (id.as_str().unwrap(), strategy.as_str().unwrap());
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let url = format!("{strategies}/{strategy}/sessions/{id}/values");

    // Before the first trade every node is there, and none has a value.
    let before = alice.get(&url).await;
    assert_eq!(before["running"], true, "{before}");
    assert_eq!(before["strategy_version"], 1, "{before}");
    assert_eq!(before["evaluations"], 0, "{before}");
    let outputs = before["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 5, "{before}");
    for output in outputs {
        assert_eq!(output["value"], Value::Null, "{before}");
    }

    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    // The averages are those of the newest prices that market-data tells.
    let ticks = format!("{}/v1/ticks/BTCUSD?limit=30", stack.url("market-data"));
    let ticks = alice.get(&ticks).await;
    let mut ticks: Vec<Value> = ticks["items"].as_array().unwrap().clone();
    ticks.sort_by_key(|tick| std::cmp::Reverse(tick["trade_id"].as_u64()));
    let prices: Vec<f64> = ticks.iter().map(|t| t["price"].as_f64().unwrap()).collect();
    assert_eq!(prices.len(), 30);
    let mean = |count: usize| prices[..count].iter().sum::<f64>() / count as f64;
    let after = alice.get(&url).await;
    assert!(after["evaluations"].as_u64().unwrap() > 1_000, "{after}");
    for (node, output, expected) in [
        ("price", "price-out", prices[0]),
        ("sma-fast", "sma-out", mean(10)),
        ("sma-slow", "sma-out", mean(30)),
    ] {
        let found = value(&after, node, output).as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-6,
            "{node}: {found} {expected}"
        );
    }
    for node in ["cross-up", "cross-down"] {
        assert!(value(&after, node, "cross-out").is_boolean(), "{after}");
    }

    // Nobody else does, and nothing else is shown by this path.
    let other = format!("{strategies}/{}/sessions/{id}/values", Uuid::from_u128(1));
    let none = format!(
        "{strategies}/{strategy}/sessions/{}/values",
        Uuid::from_u128(1)
    );
    for (api, url) in [(&bob, &url), (&alice, &other), (&alice, &none)] {
        let answer = api.call(Method::GET, url, None).await;
        let told = (answer.status, answer.text("code"));
        assert_eq!(told, (404, "not_found"), "{url}: {}", answer.body);
    }
    let document = alice
        .get(&format!("{}/openapi.json", stack.url("strategy")))
        .await;
    let path = "/v1/strategies/{id}/sessions/{session_id}/values";
    assert!(document["paths"][path]["get"].is_object());

    // After its end it isn't evaluated.
    let stopped = alice.post(&format!("{session_url}/stop"), &json!({})).await;
    assert_eq!(stopped.status, 202, "{}", stopped.body);
    alice.wait_for(&session_url, "STOPPED").await;
    let ended = alice.get(&url).await;
    assert_eq!(ended["running"], false, "{ended}");
    assert_eq!(value(&ended, "sma-fast", "sma-out"), &Value::Null);
}
