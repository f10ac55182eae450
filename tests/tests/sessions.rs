//! How sessions of one user live beside each other: a scheduled end, a comparison, a limit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use end_to_end_tests::api::Api;
use end_to_end_tests::recording::Recording;
use end_to_end_tests::stack::Stack;
use end_to_end_tests::tool::Tool;
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_they_shall_and_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::generated(folder.path(), 6_000);
    let limit = [("SESSIONS__MAX_PER_USER", "2")];
    let mut stack = Stack::start_with(folder, &recording, &limit).await;
    let api = Api::new("alice");
    let strategy_id = api.create_crossover(&stack.url("strategy")).await;
    let sessions = format!("{}/v1/sessions", stack.url("forward-test"));
    let plain = json!({"strategy_id": strategy_id, "symbol": "BTCUSD"});
    let end = "2026-01-05T00:03:00Z";
    let short = json!({"strategy_id": strategy_id, "symbol": "BTCUSD", "ends_at": end});
    let mut urls = Vec::new();
    for body in [&plain, &short] {
        let answer = api.post(&sessions, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let url = format!("{sessions}/{}", answer.text("id"));
        api.wait_for(&url, "RUNNING").await;
        urls.push(url);
    }
    let answer = api.post(&sessions, &plain).await;
    assert_eq!(
        (answer.status, answer.text("code")),
        (409, "too_many_sessions"),
        "{}",
        answer.body
    );
    // Others have places of their own.
    let other = Api::new("bob");
    let theirs = other.create_crossover(&stack.url("strategy")).await;
    let body = json!({"strategy_id": theirs, "symbol": "ETHUSD"});
    let answer = other.post(&sessions, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let foreign = answer.text("id").to_owned();

    stack.simulator.release();
    stack.simulator.finished().await;
    let trades = stack.simulator.summary().expect("a recording").trades();
    stack.caught_up(trades).await;

    let ended = api.wait_for(&urls[1], "STOPPED").await;
    assert_eq!(ended["status_reason"], "its scheduled end", "{ended}");
    assert_eq!(ended["stopped_at"], end, "{ended}");
    assert_eq!(ended["terms"]["ends_at"], end, "{ended}");
    let running = api.get(&urls[0]).await;
    assert_eq!(running["status"], "RUNNING", "{running}");
    assert!(
        running["trades"].as_u64() > ended["trades"].as_u64(),
        "{running}"
    );

    // The place of the one that ended is free again.
    let answer = api.post(&sessions, &plain).await;
    assert_eq!(answer.status, 201, "{}", answer.body);

    let ids: Vec<&str> = urls
        .iter()
        .map(|url| url.rsplit('/').next().unwrap())
        .collect();
    let compared = api
        .get(&format!("{sessions}/compare?ids={},{}", ids[1], ids[0]))
        .await;
    let items = compared["items"].as_array().expect("items");
    assert_eq!(items.len(), 2);
    for (item, id) in items.iter().zip([ids[1], ids[0]]) {
        assert_eq!(item["session"]["id"], id);
        assert_eq!(
            item["metrics"]["equity"], item["session"]["equity"],
            "{item}"
        );
        let curve = item["curve"].as_array().expect("a curve");
        assert!((2..=1_000).contains(&curve.len()), "{} points", curve.len());
    }
    // The last point of the one that has ended is its end.
    let last = items[0]["curve"].as_array().and_then(|curve| curve.last());
    let last = last.expect("a point");
    for figure in ["equity", "return_pct"] {
        assert_eq!(last[figure], items[0]["session"][figure], "{last}");
    }
    for (query, status) in [
        (ids[0].to_owned(), 422),
        (format!("{0},{0}", ids[0]), 422),
        (format!("{},{foreign}", ids[0]), 404),
    ] {
        let url = format!("{sessions}/compare?ids={query}");
        assert_eq!(
            api.call(Method::GET, &url, None).await.status,
            status,
            "{query}"
        );
    }

    // What ended by itself is proved like any other.
    let tool = Tool::new(stack.servers());
    let database = &stack.servers().database_url;
    let outcome = tool.run(&["verify", ids[1], "--database", database, "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}
