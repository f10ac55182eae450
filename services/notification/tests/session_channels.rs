//! `session:<id>`: one session of the user's own, and of nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use common::{Browser, Ground, SECRET, TestApp, auth};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

const FIRST: Uuid = Uuid::from_u128(0xa1);
const SECOND: Uuid = Uuid::from_u128(0xa2);
const BOBS: Uuid = Uuid::from_u128(0xb1);

/// What of forward-test is asked: a session, by the token of its user.
struct ForwardTest {
    url: String,
    away: Arc<AtomicBool>,
}

impl ForwardTest {
    async fn start() -> Self {
        async fn session(
            State(away): State<Arc<AtomicBool>>,
            Path(id): Path<Uuid>,
            headers: HeaderMap,
        ) -> StatusCode {
            if away.load(Ordering::SeqCst) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let token = headers["authorization"].to_str().unwrap();
            let identity = auth(SECRET, 60).check(token.strip_prefix("Bearer ").unwrap());
            let owner = match id {
                FIRST | SECOND => "alice",
                BOBS => "bob",
                _ => "nobody",
            };
            match identity.unwrap().user_id == owner {
                true => StatusCode::OK,
                false => StatusCode::NOT_FOUND,
            }
        }
        let away = Arc::new(AtomicBool::new(false));
        let router = Router::new()
            .route("/v1/sessions/{id}", get(session))
            .with_state(Arc::clone(&away));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, away }
    }
}

async fn start() -> (TestApp, ForwardTest) {
    let forward_test = ForwardTest::start().await;
    let mut ground = Ground::prepare().await;
    ground.settings.services.forward_test_url = forward_test.url.clone();
    (TestApp::on(ground).await, forward_test)
}

fn channel(session: Uuid) -> String {
    format!("session:{session}")
}

/// Sequences that came over a subscription, in the order of arrival.
fn sequences(browser: &Browser, client: &str, session: Uuid) -> Vec<u64> {
    let publications = browser.seen(client, "publication").into_iter();
    let over = publications.filter(|seen| seen["channel"] == channel(session));
    over.map(|seen| {
        let payload = &seen["data"]["payload"];
        assert_eq!(payload["session_id"], json!(session), "{seen}");
        payload["sequence"].as_u64().unwrap()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_ones_own_comes_alone_in_order_and_is_recovered() {
    let (app, _forward_test) = start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "connected", |_| true).await;
    browser.subscribe("alice", &channel(FIRST)).await;
    let own = |seen: &Value| seen["from"] == "client";
    browser.wait("alice", "subscribed", own).await;
    let produce = async |sequences: std::ops::RangeInclusive<u64>| {
        for sequence in sequences {
            app.produce_event(FIRST, "alice", sequence).await;
            app.produce_event(SECOND, "alice", sequence).await;
        }
    };
    let at = |number: u64| {
        move |seen: &Value| {
            seen["channel"] == channel(FIRST) && seen["data"]["payload"]["sequence"] == number
        }
    };
    produce(1..=12).await;
    browser.wait("alice", "publication", at(12)).await;

    // The network breaks, and events come meanwhile.
    browser.cut("alice").await;
    produce(13..=24).await;
    let recovering = |seen: &Value| seen["from"] == "client" && seen["wasRecovering"] == true;
    let again = browser.wait("alice", "subscribed", recovering).await;
    assert_eq!(again["recovered"], true);
    produce(25..=30).await;
    browser.wait("alice", "publication", at(30)).await;
    let all: Vec<u64> = (1..=30).collect();
    assert_eq!(sequences(&browser, "alice", FIRST), all);
    assert!(sequences(&browser, "alice", SECOND).is_empty());
    // The user's own channel has both sessions all the while.
    let last = |seen: &Value| {
        let payload = &seen["data"]["payload"];
        payload["session_id"] == json!(SECOND) && payload["sequence"] == 30
    };
    browser.wait("alice", "publication", last).await;
    let users = browser.seen("alice", "publication").into_iter();
    let users = users.filter(|seen| seen["channel"] == "user:alice");
    assert_eq!(users.count(), 60);
    let ask = json!({"do": "history", "client": "alice", "channel": channel(FIRST)});
    browser.say(&ask).await;
    let history = browser.wait("alice", "history", |_| true).await;
    assert_eq!(history["offsets"].as_array().unwrap().len(), 30);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_session_is_refused_and_nothing_of_it_comes() {
    let (app, forward_test) = start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "connected", |_| true).await;
    let nobodys = Uuid::from_u128(0xff);
    for (name, code) in [
        (channel(BOBS), 103),
        (channel(nobodys), 103),
        ("session:x".to_owned(), 102),
        (
            channel(FIRST).to_uppercase().replace("SESSION", "session"),
            102,
        ),
    ] {
        browser.subscribe("alice", &name).await;
        let refused = browser
            .wait("alice", "unsubscribed", |seen| seen["channel"] == name)
            .await;
        assert_eq!(refused["code"], code, "{name}");
    }
    // Nor its history.
    let ask = json!({"do": "history", "client": "alice", "channel": channel(BOBS)});
    browser.say(&ask).await;
    browser.wait("alice", "failed", |_| true).await;

    // Where nobody knows whose it is, the client asks again until somebody does.
    forward_test.away.store(true, Ordering::SeqCst);
    browser.subscribe("alice", &channel(SECOND)).await;
    app.produce_event(BOBS, "bob", 1).await;
    app.produce_event(FIRST, "alice", 1).await;
    browser.wait("alice", "publication", |_| true).await;
    forward_test.away.store(false, Ordering::SeqCst);
    let second = |seen: &Value| seen["channel"] == channel(SECOND);
    browser.wait("alice", "subscribed", second).await;
    assert_eq!(browser.seen("alice", "publication").len(), 1);
    app.stop().await;
}
