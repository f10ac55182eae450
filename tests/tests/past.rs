//! Sessions that begin in the past, on real servers: each is the session that would have begun then,
//! whatever is killed while it catches up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::DateTime;
use end_to_end_tests::api::Api;
use end_to_end_tests::ledger::{at_least, lines};
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use end_to_end_tests::tool::Tool;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_begins_in_the_past_is_the_one_that_began_then() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 12_000);
    let mut stack = Stack::start(folder, &recording).await;
    let api = Api::new("alice");
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let body = |more: Value| {
        let mut body = json!({"strategy_id": strategy_id, "symbol": "BTCUSD",
            "latency": {"kind": "uniform", "min_ms": 10, "max_ms": 400, "seed": 3},
            "fees": {"preset": "coinbase"}});
        let fields = body.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        body
    };
    // Before there is any trade there is no past.
    let answer = api
        .post(
            &sessions,
            &body(json!({"starts_at": "2026-01-05T00:00:00Z"})),
        )
        .await;
    let refusal = (answer.status, answer.text("code"), answer.text("field"));
    assert_eq!(refusal, (422, "no_past", "starts_at"), "{}", answer.body);

    let answer = api.post(&sessions, &body(json!({}))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let early = format!("{sessions}/{}", answer.text("id"));
    api.wait_for(&early, "RUNNING").await;
    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;
    let expected = api.trades(&early).await;
    assert!(expected.len() > 50, "{} trades", expected.len());

    // The log has a beginning, and says where it is.
    for (start, code) in [
        ("2000-01-01T00:00:00Z", "starts_before_log"),
        ("9999-01-01T00:00:00Z", "starts_in_the_future"),
    ] {
        let answer = api
            .post(&sessions, &body(json!({"starts_at": start})))
            .await;
        let refusal = (answer.status, answer.text("code"), answer.text("field"));
        assert_eq!(refusal, (422, code, "starts_at"), "{}", answer.body);
    }
    let answer = api
        .post(
            &sessions,
            &body(json!({"starts_at": "2000-01-01T00:00:00Z"})),
        )
        .await;
    let hint = answer.text("hint").to_owned();
    let beginning = hint.split(' ').nth(1).expect("use <time> or later");

    let answer = api
        .post(&sessions, &body(json!({"starts_at": beginning})))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.body["terms"]["starts_at"], beginning);
    let late = format!("{sessions}/{}", answer.text("id"));
    for service in ["strategy", "forward-test", "strategy", "forward-test"] {
        stack.process(service).kill();
        stack.launch(service);
        stack.ready(service).await;
    }
    let found = at_least(&api, &late, expected.len()).await;
    assert_eq!(lines(&found), lines(&expected));
    let (late_now, early_now) = (api.get(&late).await, api.get(&early).await);
    assert_eq!(late_now["started_at"], beginning, "{late_now}");
    assert_eq!(late_now["equity"], early_now["equity"], "{late_now}");

    // A part of the past, with both of its ends.
    let (from, to) = ("2026-01-05T00:02:00Z", "2026-01-05T00:05:00Z");
    let answer = api
        .post(&sessions, &body(json!({"starts_at": from, "ends_at": to})))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let part = format!("{sessions}/{}", answer.text("id"));
    let ended = api.wait_for(&part, "STOPPED").await;
    assert_eq!(ended["started_at"], from, "{ended}");
    assert_eq!(ended["stopped_at"], to, "{ended}");
    let within = api.trades(&part).await;
    assert!(!within.is_empty(), "{ended}");
    let time = |text: &str| DateTime::parse_from_rfc3339(text).expect(text);
    for trade in &within {
        let at = time(trade["timestamp"].as_str().expect("a time"));
        assert!((time(from)..time(to)).contains(&at), "{trade}");
    }

    let tool = Tool::new(stack.servers());
    let database = &stack.servers().database_url;
    for session in [&early, &late, &part] {
        let answer = api.post(&format!("{session}/stop"), &json!({})).await;
        assert!(answer.status < 300, "{}", answer.body);
        api.wait_for(session, "STOPPED").await;
        let id = session.rsplit('/').next().unwrap();
        let outcome = tool.run(&["verify", id, "--database", database, "--json"]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
}
