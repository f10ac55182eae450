//! From Kafka to the official Centrifuge client: each user's events, in order, once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{ALICE, BOB, Browser, TestApp, forged_token, traceparent, wait_for_first};
use kafka_common::trace;
use rdkafka::Message as _;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Headers as _;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn each_user_gets_exactly_their_own_events_in_order() {
    let app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    for user in ["alice", "bob"] {
        browser.open(user, &app.token(user)).await;
        browser.wait(user, "subscribed", |_| true).await;
    }
    app.produce_both(1..=60).await;
    for (user, session) in [("alice", ALICE), ("bob", BOB)] {
        browser
            .wait(user, "publication", |seen| seen["offset"] == 60)
            .await;
        let all: Vec<u64> = (1..=60).collect();
        assert_eq!(browser.sequences(user, session), all);
    }
    let trade = &browser.seen("alice", "publication")[2]["data"];
    assert_eq!(trade["event"], "trade-execution");

    // The network breaks; repeats and new events come while the browser is away.
    browser.cut("alice").await;
    app.produce_both(55..=90).await;
    browser
        .wait("alice", "subscribed", |seen| seen["wasRecovering"] == true)
        .await;
    let subscribed = browser.seen("alice", "subscribed");
    assert_eq!(subscribed[1]["recovered"], true, "{subscribed:?}");
    // Each pair comes in the wrong order: the later event is held back, and goes out by the earlier.
    for earlier in (91..=99).step_by(2) {
        app.produce_both(earlier + 1..=earlier + 1).await;
        app.produce_both(earlier..=earlier).await;
    }
    for (user, session) in [("alice", ALICE), ("bob", BOB)] {
        browser
            .wait(user, "publication", |seen| seen["offset"] == 100)
            .await;
        let all: Vec<u64> = (1..=100).collect();
        assert_eq!(browser.sequences(user, session), all, "{user}");
    }
    mirror_is_complete(&app).await;
    let metrics = app.get("/metrics", None).await.1;
    let metrics = metrics.as_str().unwrap();
    for name in [
        "notification_push_latency_seconds_count",
        "notification_repeats_dropped_total",
        "notification_recoveries_total{outcome=\"yes\"}",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_session_begins_with_its_first_event_however_late_that_comes() {
    let app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "subscribed", |_| true).await;
    // A trade, whose topic is ahead of the other: longer than a session under way is waited for.
    app.produce_event(ALICE, "alice", 3).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    app.produce_both(1..=4).await;
    browser
        .wait("alice", "publication", |seen| seen["offset"] == 4)
        .await;
    assert_eq!(browser.sequences("alice", ALICE), [1, 2, 3, 4]);
    app.stop().await;
}

/// `realtime-updates` has what was pushed, in each channel's order, each on the trace of its own event.
async fn mirror_is_complete(app: &TestApp) {
    let consumer: StreamConsumer = app
        .client()
        .set("group.id", app.own.group("reader"))
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    let topic = app.own.topic("realtime-updates");
    consumer.subscribe(&[&topic]).unwrap();
    let mut offsets: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    while offsets.iter().any(|offsets| offsets.len() < 100) {
        let record = tokio::time::timeout(Duration::from_secs(20), consumer.recv()).await;
        let record = record.expect("a record in time").unwrap();
        let value: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let data = &value["data"];
        let channel = data["channel"].as_str().unwrap();
        assert_eq!(record.key().unwrap(), channel.as_bytes());
        assert_eq!(value["producer_service"], "notification");
        let user = usize::from(channel == "user:bob");
        assert_eq!(data["payload"]["user_id"], ["alice", "bob"][user]);
        let offset = data["offset"].as_u64().unwrap();
        // The sequence is the offset: nothing else goes to these users.
        let event = traceparent([ALICE, BOB][user], offset);
        let headers = record.headers().unwrap();
        let mut headers = headers.iter();
        let pushed = headers.find(|header| header.key == trace::HEADER).unwrap();
        let pushed = std::str::from_utf8(pushed.value.unwrap()).unwrap();
        assert_eq!(pushed[..36], event[..36], "the trace of {user}'s {offset}");
        offsets[user].push(offset);
    }
    let all: Vec<u64> = (1..=100).collect();
    assert_eq!(offsets, [all.clone(), all]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_with_a_wrong_token_or_into_anothers_channel() {
    let app = TestApp::start().await;
    let expired = app.short_token("alice");
    let mut browser = Browser::start(&app.websocket()).await;

    browser.open("forger", &forged_token()).await;
    let gone = browser.wait("forger", "disconnected", |_| true).await;
    assert_eq!(gone["code"], 3500);

    browser.open("bob", &app.token("bob")).await;
    browser.wait("bob", "connected", |_| true).await;
    browser.subscribe("bob", "user:alice").await;
    let refused = browser.wait("bob", "unsubscribed", |_| true).await;
    assert_eq!(refused["code"], 103);
    browser.subscribe("bob", "news").await;
    let refused = browser
        .wait("bob", "unsubscribed", |seen| seen["channel"] == "news")
        .await;
    assert_eq!(refused["code"], 102);
    let calls = json!({"do": "calls", "client": "bob", "channel": "user:alice"});
    browser.say(&calls).await;
    browser.wait("bob", "failed", |_| true).await;

    // An own subscription beside the server's, and what clients ask for.
    browser.subscribe("bob", "user:bob").await;
    let own = |seen: &Value| seen["from"] == "client";
    browser.wait("bob", "subscribed", own).await;
    for sequence in 1..=3 {
        app.produce_event(BOB, "bob", sequence).await;
    }
    let last = |seen: &Value| seen["from"] == "client" && seen["offset"] == 3;
    browser.wait("bob", "publication", last).await;
    assert_eq!(browser.sequences("bob", BOB), [1, 2, 3]);
    let calls = json!({"do": "calls", "client": "bob", "channel": "user:bob"});
    browser.say(&calls).await;
    let answers = browser.wait("bob", "answers", |_| true).await;
    assert_eq!(
        (&answers["present"], &answers["offsets"]),
        (&json!(1), &json!([3, 2]))
    );

    // The token ended: the client asks for another one and gets in.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let open = json!({"do": "open", "client": "alice", "token": expired,
        "next": [app.token("alice")]});
    browser.say(&open).await;
    browser.wait("alice", "token-asked-for", |_| true).await;
    browser.wait("alice", "connected", |_| true).await;
    assert_eq!(browser.seen("alice", "error")[0]["code"], 109);
    assert!(browser.seen("alice", "publication").is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing() {
    let mut app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "subscribed", |_| true).await;
    app.produce_event(ALICE, "alice", 1).await;
    browser
        .wait("alice", "publication", |seen| seen["offset"] == 1)
        .await;
    app.restart().await;
    app.produce_event(ALICE, "alice", 1).await;
    app.produce_event(ALICE, "alice", 2).await;
    let again = browser
        .wait("alice", "subscribed", |seen| seen["wasRecovering"] == true)
        .await;
    assert_eq!(again["recovered"], true);
    let reasons = browser.seen("alice", "connecting");
    let shutdown = reasons.iter().any(|seen| seen["code"] == 3001);
    assert!(shutdown, "{reasons:?}");
    let second = |seen: &Value| seen["data"]["payload"]["sequence"] == 2;
    browser.wait("alice", "publication", second).await;
    assert_eq!(browser.sequences("alice", ALICE), [1, 2]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_shares_nothing_tells_that_it_was_restarted() {
    let mut app = TestApp::start_alone().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "subscribed", |_| true).await;
    app.produce_event(ALICE, "alice", 1).await;
    browser
        .wait("alice", "publication", |seen| seen["offset"] == 1)
        .await;
    app.restart().await;
    let again = browser
        .wait("alice", "subscribed", |seen| seen["wasRecovering"] == true)
        .await;
    // The page then loads its state anew.
    assert_eq!(again["recovered"], false);
    app.produce_event(ALICE, "alice", 2).await;
    let second = |seen: &Value| seen["data"]["payload"]["sequence"] == 2;
    browser.wait("alice", "publication", second).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_without_a_websocket_too() {
    let app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    let ways = ["sse", "http_stream"];
    for way in ways {
        browser.open_over(way, way, &app.token("alice")).await;
        browser.wait(way, "subscribed", |_| true).await;
    }
    for sequence in 1..=20 {
        app.produce_event(ALICE, "alice", sequence).await;
    }
    let all: Vec<u64> = (1..=20).collect();
    for way in ways {
        let last = |seen: &Value| seen["offset"] == 20;
        browser.wait(way, "publication", last).await;
        assert_eq!(browser.sequences(way, ALICE), all, "{way}");
        // What the client sends goes another way than what it gets.
        let history = json!({"do": "history", "client": way, "channel": "user:alice"});
        browser.say(&history).await;
        let answer = browser.wait(way, "history", |_| true).await;
        assert_eq!(answer["offsets"], json!(all), "{way}");
        browser.subscribe(way, "user:bob").await;
        let refused = browser.wait(way, "unsubscribed", |_| true).await;
        assert_eq!(refused["code"], 103, "{way}");
    }
    browser.open_over("sse", "forger", &forged_token()).await;
    let gone = browser.wait("forger", "disconnected", |_| true).await;
    assert_eq!(gone["code"], 3500);
    for (data, status) in [("{}".to_owned(), 404), (" ".repeat((64 << 10) + 1), 413)] {
        let body = json!({"session": "none", "node": "none", "data": data});
        assert_eq!(app.post_json("/emulation", &body).await.0, status);
    }
    assert_eq!(app.get("/connection/sse", None).await.0, 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_python_gets_the_same() {
    let app = TestApp::start().await;
    let mut python = Browser::python(&app.websocket()).await;
    for user in ["alice", "bob"] {
        python.open(user, &app.token(user)).await;
        python.wait(user, "subscribed", |_| true).await;
    }
    app.produce_both(1..=30).await;
    for user in ["alice", "bob"] {
        let last = |seen: &Value| seen["offset"] == 30;
        python.wait(user, "publication", last).await;
    }
    python.cut("alice").await;
    app.produce_both(25..=60).await;
    let recovered = |seen: &Value| seen["wasRecovering"] == true;
    let again = python.wait("alice", "subscribed", recovered).await;
    assert_eq!(again["recovered"], true);
    for (user, session) in [("alice", ALICE), ("bob", BOB)] {
        let last = |seen: &Value| seen["offset"] == 60;
        python.wait(user, "publication", last).await;
        let all: Vec<u64> = (1..=60).collect();
        assert_eq!(python.sequences(user, session), all, "{user}");
    }
    // An own subscription, and what clients ask for.
    python.subscribe("bob", "user:alice").await;
    let refused = python.wait("bob", "unsubscribed", |_| true).await;
    assert_eq!(refused["code"], 103);
    python.subscribe("bob", "user:bob").await;
    let own = |seen: &Value| seen["from"] == "client";
    python.wait("bob", "subscribed", own).await;
    let calls = json!({"do": "calls", "client": "bob", "channel": "user:bob"});
    python.say(&calls).await;
    let answers = python.wait("bob", "answers", |_| true).await;
    assert_eq!(
        (&answers["numClients"], &answers["offsets"]),
        (&json!(1), &json!([60, 59]))
    );
    python.open("forger", &forged_token()).await;
    let gone = python.wait("forger", "disconnected", |_| true).await;
    assert_eq!(gone["code"], 3500);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_pushed_and_the_latest_are_kept() {
    let app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "subscribed", |_| true).await;
    for number in 1..=205 {
        let notification = json!({"user_id": "alice", "title": format!("number {number}"),
            "message": "text", "severity": "warning", "timestamp": chrono::Utc::now()});
        app.produce("user-notifications", "alice", &notification)
            .await;
    }
    let last = |seen: &Value| seen["data"]["payload"]["title"] == "number 205";
    browser.wait("alice", "publication", last).await;
    assert_eq!(browser.seen("alice", "publication").len(), 205);

    let token = app.token("alice");
    wait_for_first(&app, &token, "/v1/notifications?limit=1", "number 205").await;
    let mut titles = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/notifications?limit=80{cursor}");
        let (status, page) = app.get(&path, Some(&token)).await;
        assert_eq!(status, 200);
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["severity"], "warning");
            titles.push(item["title"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (6..=205).rev().map(|n| format!("number {n}")).collect();
    assert_eq!(titles, expected);
    let bobs = app.get("/v1/notifications", Some(&app.token("bob"))).await;
    assert_eq!(bobs.1, json!({"items": [], "next_cursor": null}));
    for (query, code) in [("cursor=x", "invalid_cursor"), ("limit=x", "invalid_query")] {
        let (status, problem) = app
            .get(&format!("/v1/notifications?{query}"), Some(&token))
            .await;
        assert_eq!((status, &problem["code"]), (422, &json!(code)));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_status_and_page() {
    let app = TestApp::start().await;
    let (status, me) = app.get("/v1/auth/me", Some(&app.token("alice"))).await;
    assert_eq!(
        (status, me),
        (
            200,
            json!({"user_id": "alice", "role": "user", "operator": false, "scope": "trade"})
        )
    );
    assert_eq!(app.get("/v1/auth/me", None).await.0, 401);
    let (status, guest) = app.post("/v1/auth/guest").await;
    assert_eq!((status, &guest["user_id"]), (200, &json!("guest")));
    let token = guest["token"].as_str().unwrap();
    assert_eq!(app.get("/v1/auth/me", Some(token)).await.0, 200);
    let status = app.get("/v1/status", None).await.1;
    assert_eq!(
        status,
        json!({"version": env!("CARGO_PKG_VERSION"), "mode": "services", "feed": "simulator",
            "guest": true, "email": false})
    );
    app.ready().await;
    let document = app.get("/openapi.json", None).await.1;
    assert!(document["paths"]["/v1/notifications"]["get"].is_object());
    assert_eq!(app.get("/connection/websocket", None).await.0, 426);
    let page = app.get("/sessions/some-id", None).await;
    assert_eq!(page.0, 200);
    assert!(page.1.as_str().unwrap().starts_with("<!doctype html>"));
    app.stop().await;
}
