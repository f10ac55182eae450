//! Bad input gets a 4xx that names the field and the fix, on the real services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use end_to_end_tests::api::{Answer, Api};
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};

fn assert_problem(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    let body = &answer.body;
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["field"].as_str(), field, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert!(!answer.text("detail").is_empty(), "{body}");
}

fn graph(nodes: Value, edges: Value) -> Value {
    json!({"name": "bad", "kind": "graph", "source": {"nodes": nodes, "edges": edges}})
}

fn edge(source: &str, from: &str, target: &str, to: &str) -> Value {
    json!({"id": format!("{source}-{target}-{to}"), "source": source, "sourceHandle": from,
           "target": target, "targetHandle": to})
}

fn codes(answer: &Answer) -> Vec<String> {
    let diagnostics = answer.body["diagnostics"].as_array().expect("diagnostics");
    diagnostics
        .iter()
        .map(|d| d["code"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 1_000);
    let stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategies = format!("{}/v1/strategies", stack.url("strategy"));
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;

    // malformed JSON, and no token
    let answer = api
        .call(Method::POST, &sessions, Some("{\"symbol\":"))
        .await;
    assert_problem(&answer, 400, "malformed_json", None);
    let unsigned = reqwest::Client::new().get(&sessions).send().await.unwrap();
    assert_eq!(unsigned.status(), 401);

    // an unknown symbol, with a name that is near
    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUDS"});
    let answer = api.post(&sessions, &body).await;
    assert_problem(&answer, 422, "unknown_symbol", Some("symbol"));
    assert!(answer.text("hint").contains("BTCUSD"), "{}", answer.body);

    // a negative balance, a fee of 200 % and a timeframe that isn't one: all at once
    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD", "initial_balance": -5,
                      "fee_rate": 2, "timeframe": "2d"});
    let answer = api.post(&sessions, &body).await;
    assert_eq!(answer.status, 422);
    let fields: Vec<&str> = answer.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["field"].as_str())
        .collect();
    for field in ["initial_balance", "fee_rate", "timeframe"] {
        assert!(fields.contains(&field), "{field} is not in {}", answer.body);
    }

    // wrong type, missing field, unknown field
    for (body, field) in [
        (
            json!({"strategy_id": "x", "symbol": "BTCUSD"}),
            "strategy_id",
        ),
        (json!({"strategy_id": strategy_id}), "symbol"),
        (
            json!({"strategy_id": strategy_id, "symbol": "BTCUSD", "leverage": 3}),
            "leverage",
        ),
        (
            json!({"strategy_id": strategy_id, "symbol": "BTCUSD", "fee_rate": []}),
            "fee_rate",
        ),
    ] {
        let answer = api.post(&sessions, &body).await;
        assert_problem(&answer, 422, "invalid_field", Some(field));
    }

    // a strategy of another user, to read and to run
    let other = Api::new("mallory");
    let answer = other
        .call(Method::GET, &format!("{strategies}/{strategy_id}"), None)
        .await;
    assert_problem(&answer, 404, "not_found", Some("id"));
    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD"});
    let answer = other.post(&sessions, &body).await;
    assert_problem(&answer, 404, "not_found", Some("strategy_id"));
    let listed = other.get(&sessions).await;
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(0),
        "a refused session is gone"
    );

    // a cycle
    let nodes = json!([
        {"id": "and-1", "type": "andNode", "data": {}}, {"id": "not-1", "type": "notNode"},
        {"id": "buy-1", "type": "buyNode", "data": {"quantity": 1, "sizeType": "units"}}]);
    let edges = json!([
        edge("and-1", "result-out", "not-1", "input-in"),
        edge("not-1", "result-out", "and-1", "input-a"),
        edge("and-1", "result-out", "buy-1", "trigger-in")
    ]);
    let answer = api.post(&strategies, &graph(nodes, edges)).await;
    assert_problem(&answer, 422, "strategy_invalid", Some("source"));
    assert!(
        codes(&answer).contains(&"cycle".to_owned()),
        "{}",
        answer.body
    );

    // a missing edge, and a number where a condition belongs
    let nodes = json!([
        {"id": "price-1", "type": "priceNode"}, {"id": "sma-1", "type": "smaNode"},
        {"id": "buy-1", "type": "buyNode", "data": {"quantity": 1, "sizeType": "units"}}]);
    let edges = json!([
        edge("price-1", "price-out", "buy-1", "trigger-in"),
        edge("sma-1", "sma-out", "buy-1", "trigger-in")
    ]);
    let answer = api.post(&strategies, &graph(nodes, edges)).await;
    let found = codes(&answer);
    for code in ["input_missing", "type_mismatch"] {
        assert!(
            found.contains(&code.to_owned()),
            "{code} is not in {found:?}"
        );
    }

    // the same key with other terms
    let body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD"}).to_string();
    let client = reqwest::Client::new();
    let token = end_to_end_tests::api::auth()
        .issue("alice", service_kit::Role::User)
        .unwrap();
    let mut ids = Vec::new();
    for (body, status) in [
        (body.clone(), 201),
        (body, 200),
        (
            json!({"strategy_id": strategy_id, "symbol": "ETHUSD"}).to_string(),
            409,
        ),
    ] {
        let response = client
            .post(&sessions)
            .bearer_auth(&token.token)
            .header("idempotency-key", "once")
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        ids.push(body["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);

    // a strategy that runs can't be deleted
    let answer = api
        .call(Method::DELETE, &format!("{strategies}/{strategy_id}"), None)
        .await;
    assert_problem(&answer, 409, "strategy_in_use", None);
}
