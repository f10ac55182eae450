//! From Kafka to users' webhooks: what is told, what is tried again, what is given up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/receiver.rs"]
mod receiver;

use std::collections::HashSet;
use std::time::Duration;

use common::{DELIVERIES, Ground, TARGETS, TestApp, newest};
use receiver::Receiver;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn start() -> TestApp {
    let mut ground = Ground::prepare().await;
    // The receivers of these tests are on this machine.
    ground.settings.notifications.allow_private_targets = true;
    let app = TestApp::on(ground).await;
    app.ready().await;
    app
}

async fn notify(app: &TestApp, user: &str, kind: Option<&str>, severity: &str, title: &str) {
    let mut notification = json!({"user_id": user, "title": title, "message": "m <b>&",
        "severity": severity, "timestamp": chrono::Utc::now()});
    if let Some(kind) = kind {
        notification["kind"] = kind.into();
    }
    app.produce("user-notifications", user, &notification).await;
}

async fn target(app: &TestApp, user: &str, body: &Value) -> Value {
    let token = app.token(user);
    let (status, target) = app.call(Method::POST, TARGETS, &token, Some(body)).await;
    assert_eq!(status, 201, "{target}");
    target
}

fn webhook(name: &str, receiver: &Receiver) -> Value {
    json!({"name": name, "form": "webhook", "url": format!("{}/{name}", receiver.url)})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_what_its_user_is_told_signed_and_nobody_elses() {
    let app = start().await;
    let mut receiver = Receiver::start().await;
    let made = target(&app, "alice", &webhook("hook", &receiver)).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(made["address"], receiver.url);
    notify(&app, "bob", None, "error", "of bob").await;
    notify(&app, "alice", Some("session_error"), "error", "first").await;
    let call = receiver.next().await;
    assert_eq!(call.path, "/hook");
    assert_eq!(call.header("content-type"), "application/json");
    assert!(call.is_signed_with(&secret));
    let body = call.json();
    assert_eq!(body["type"], "notification.session_error");
    assert_eq!(body["data"]["title"], "first");
    assert_eq!(body["data"]["message"], "m <b>&");
    let delivery = newest(&app, "alice", |item| item["state"] == "delivered").await;
    assert_eq!(delivery["id"], call.header("webhook-id"));
    assert_eq!(delivery["attempts"], 1);

    // Another secret: for a day both sign.
    let path = format!("{TARGETS}/{}/secret", made["id"].as_str().unwrap());
    let token = app.token("alice");
    let (_, changed) = app.call(Method::POST, &path, &token, None).await;
    let new = changed["secret"].as_str().unwrap();
    assert_ne!(new, secret);
    notify(&app, "alice", None, "info", "second").await;
    let call = receiver.next().await;
    assert!(call.is_signed_with(new) && call.is_signed_with(&secret));
    assert_eq!(call.json()["type"], "notification.other");

    // Neither secret nor URL is shown again, and bob sees and changes nothing of it.
    let (_, list) = app.get(TARGETS, Some(&token)).await;
    let shown = list.to_string();
    assert!(
        !shown.contains("whsec_") && !shown.contains("/hook"),
        "{shown}"
    );
    let bob = app.token("bob");
    let (_, list) = app.get(TARGETS, Some(&bob)).await;
    assert_eq!(list["items"], json!([]));
    let (_, list) = app.get(DELIVERIES, Some(&bob)).await;
    assert_eq!(list["items"], json!([]));
    let own = format!("{TARGETS}/{}", made["id"].as_str().unwrap());
    let retry = format!("{DELIVERIES}/{}/retry", delivery["id"].as_str().unwrap());
    for (method, path) in [
        (Method::DELETE, own.clone()),
        (Method::PATCH, own.clone()),
        (Method::POST, format!("{own}/test")),
        (Method::POST, format!("{own}/secret")),
        (Method::POST, retry),
    ] {
        let body = json!({});
        let (status, answer) = app.call(method.clone(), &path, &bob, Some(&body)).await;
        assert_eq!(status, 404, "{method} {path}: {answer}");
    }
    assert!(receiver.came().is_none());
    let (status, _) = app.call(Method::DELETE, &own, &token, None).await;
    assert_eq!(status, 204);
    // For the audit log: what the user did, not what the workers noted.
    let pool = sqlx::PgPool::connect(&app.own.database_url).await.unwrap();
    let rows = "SELECT actor || ' ' || action FROM notification.audit_outbox ORDER BY id";
    let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&pool).await.unwrap();
    assert_eq!(
        rows,
        [
            "alice target.create",
            "alice target.secret",
            "alice target.delete"
        ]
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_speaks_as_its_service_wants_it() {
    let app = start().await;
    let mut receiver = Receiver::start().await;
    for (form, chat) in [("slack", None), ("discord", None), ("telegram", Some("-7"))] {
        let url = format!("{}/{form}", receiver.url);
        let mut body = json!({"name": form, "form": form, "url": url});
        if let Some(chat) = chat {
            body["chat_id"] = chat.into();
        }
        let made = target(&app, "alice", &body).await;
        assert_eq!(made.get("secret"), None, "only webhooks are signed");
    }
    notify(&app, "alice", None, "info", "hello <!here>").await;
    let mut texts = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let call = receiver.next().await;
        assert!(call.headers.get("webhook-signature").is_none());
        texts.insert(call.path.clone(), call.json());
    }
    assert_eq!(
        texts["/slack"]["text"],
        "hello &lt;!here&gt;\nm &lt;b&gt;&amp;"
    );
    assert_eq!(texts["/discord"]["content"], "hello <!here>\nm <b>&");
    assert_eq!(texts["/telegram"]["chat_id"], "-7");
    assert_eq!(texts["/telegram"]["text"], "hello <!here>\nm <b>&");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_under_the_same_id_and_in_order() {
    let app = start().await;
    let mut receiver = Receiver::start().await;
    target(&app, "alice", &webhook("hook", &receiver)).await;
    receiver.answer(&[503, 429]);
    notify(&app, "alice", None, "error", "first").await;
    notify(&app, "alice", None, "error", "second").await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(receiver.next().await);
    }
    let titles: Vec<Value> = calls
        .iter()
        .map(|c| c.json()["data"]["title"].clone())
        .collect();
    assert_eq!(titles, ["first", "first", "first", "second"]);
    let ids: Vec<&str> = calls.iter().map(|call| call.header("webhook-id")).collect();
    assert!(
        ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3],
        "{ids:?}"
    );
    let second = |item: &Value| item["title"] == "second" && item["state"] == "delivered";
    newest(&app, "alice", second).await;
    let (_, page) = app.get(DELIVERIES, Some(&app.token("alice"))).await;
    assert_eq!(page["items"][1]["attempts"], 3, "{page}");
    let (_, list) = app.get(TARGETS, Some(&app.token("alice"))).await;
    assert_eq!(list["items"][0]["health"], "working", "{list}");
    assert_eq!(list["items"][0]["failures"], 0);
    let metrics = app.get("/metrics", None).await.1;
    let metrics = metrics.as_str().unwrap();
    let failed = "notification_delivery_attempts_total{form=\"webhook\",outcome=\"failed\"} ";
    assert!(metrics.contains(failed), "{metrics}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_given_up_seen_and_sent_on_request() {
    let app = start().await;
    let mut receiver = Receiver::start().await;
    let made = target(&app, "alice", &webhook("hook", &receiver)).await;
    let token = app.token("alice");
    // A redirect isn't followed: it could lead anywhere.
    receiver.answer(&[302]);
    notify(&app, "alice", None, "error", "moved").await;
    assert_eq!(receiver.next().await.path, "/hook");
    let delivery = newest(&app, "alice", |item| item["state"] == "given_up").await;
    assert_eq!(delivery["reason"], "the target answered 302 (Found)");
    let path = format!("{DELIVERIES}?state=given_up");
    let (_, page) = app.get(&path, Some(&token)).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);

    let retry = format!("{DELIVERIES}/{}/retry", delivery["id"].as_str().unwrap());
    let (status, retried) = app.call(Method::POST, &retry, &token, None).await;
    assert_eq!((status, &retried["state"]), (200, &json!("pending")));
    let call = receiver.next().await;
    assert_eq!(
        (call.path.as_str(), call.header("webhook-id")),
        ("/hook", delivery["id"].as_str().unwrap())
    );
    newest(&app, "alice", |item| item["state"] == "delivered").await;
    // What was delivered isn't sent again.
    let (status, _) = app.call(Method::POST, &retry, &token, None).await;
    assert_eq!(status, 404);

    // Gone for good: it is switched off, and what comes then doesn't wait for it.
    receiver.answer(&[410]);
    notify(&app, "alice", None, "error", "gone").await;
    receiver.next().await;
    newest(&app, "alice", |item| {
        item["title"] == "gone" && item["state"] == "given_up"
    })
    .await;
    let (_, list) = app.get(TARGETS, Some(&token)).await;
    assert_eq!(list["items"][0]["health"], "off", "{list}");
    assert_eq!(
        list["items"][0]["off_reason"],
        "the target answered 410 (Gone)"
    );
    let own = format!("{TARGETS}/{}", made["id"].as_str().unwrap());
    let on = json!({"enabled": true});
    let (_, changed) = app.call(Method::PATCH, &own, &token, Some(&on)).await;
    assert_eq!(
        (&changed["health"], &changed["off_reason"]),
        (&json!("working"), &Value::Null)
    );
    notify(&app, "alice", None, "error", "back").await;
    assert_eq!(receiver.next().await.json()["data"]["title"], "back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_network_is_not_called_by_whatever_name() {
    let app = TestApp::start().await;
    app.ready().await;
    let token = app.token("alice");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for (url, code) in [
        (format!("https://127.0.0.1:{port}/"), "private_target"),
        (format!("https://2130706433:{port}/"), "private_target"),
        (format!("https://[::1]:{port}/"), "private_target"),
        (format!("http://example.com:{port}/"), "invalid_target"),
    ] {
        let body = json!({"name": "n", "form": "webhook", "url": url});
        let (status, problem) = app.call(Method::POST, TARGETS, &token, Some(&body)).await;
        let refused = (status, problem["code"].as_str(), problem["field"].as_str());
        assert_eq!(refused, (422, Some(code), Some("url")), "{problem}");
    }
    // A name is found to lead there only when it is called.
    let url = format!("https://localhost:{port}/");
    let body = json!({"name": "n", "form": "webhook", "url": url});
    let made = target(&app, "alice", &body).await;
    let test = format!("{TARGETS}/{}/test", made["id"].as_str().unwrap());
    let (status, answer) = app.call(Method::POST, &test, &token, None).await;
    assert_eq!((status, &answer["delivered"]), (200, &json!(false)));
    let reason = "the address is not on the public internet";
    assert_eq!(answer["reason"], reason);
    let (status, problem) = app.call(Method::POST, &test, &token, None).await;
    assert_eq!((status, &problem["code"]), (429, &json!("too_many_tests")));
    notify(&app, "alice", None, "error", "t").await;
    let delivery = newest(&app, "alice", |item| item["state"] == "given_up").await;
    assert_eq!(delivery["reason"], reason);
    let connected = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
    assert!(connected.is_err(), "somebody connected");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_told_what_they_want_when_they_want_it() {
    const PREFERENCES: &str = "/v1/notifications/preferences";
    let app = start().await;
    let mut receiver = Receiver::start().await;
    target(&app, "alice", &webhook("hook", &receiver)).await;
    let token = app.token("alice");
    let (_, defaults) = app.get(PREFERENCES, Some(&token)).await;
    assert_eq!(defaults["preferences"]["min_severity"], "info");
    assert_eq!(defaults["preferences"]["quiet_hours"], Value::Null);

    let prefer = |body: Value| {
        let (app, token) = (&app, &token);
        async move { app.call(Method::PUT, PREFERENCES, token, Some(&body)).await }
    };
    let (status, problem) = prefer(json!({"per_hour": 0, "quiet_hours":
        {"from": "x", "until": "07:00", "time_zone": "Mars"}}))
    .await;
    assert_eq!(status, 422);
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        ["per_hour", "quiet_hours.from", "quiet_hours.time_zone"]
    );

    // By kind and by severity; a notification after them shows that they were passed over.
    let body = json!({"kinds": {"daily_summary": false}, "min_severity": "warning"});
    assert_eq!(prefer(body).await.0, 200);
    notify(
        &app,
        "alice",
        Some("daily_summary"),
        "error",
        "unwanted kind",
    )
    .await;
    notify(&app, "alice", None, "info", "too little").await;
    notify(&app, "alice", None, "warning", "wanted").await;
    assert_eq!(receiver.next().await.json()["data"]["title"], "wanted");
    let (_, page) = app.get("/v1/notifications", Some(&token)).await;
    assert_eq!(
        page["items"].as_array().unwrap().len(),
        3,
        "the page has all of them"
    );

    // A limit an hour: "wanted" was the first of two.
    assert_eq!(prefer(json!({"per_hour": 2})).await.0, 200);
    for title in ["two", "three"] {
        notify(&app, "alice", None, "info", title).await;
    }
    assert_eq!(receiver.next().await.json()["data"]["title"], "two");
    let suppressed = newest(&app, "alice", |item| item["title"] == "three").await;
    assert_eq!(suppressed["state"], "suppressed");
    assert_eq!(suppressed["reason"], "more than 2 in an hour");

    // Hours around now are quiet: it waits, unless it is an error.
    let now = chrono::Utc::now();
    let clock = |hours| {
        (now + chrono::Duration::hours(hours))
            .format("%H:%M")
            .to_string()
    };
    let body = json!({"quiet_hours": {"from": clock(-2), "until": clock(2), "time_zone": "UTC"}});
    assert_eq!(prefer(body).await.0, 200);
    notify(&app, "alice", None, "info", "later").await;
    notify(&app, "alice", None, "error", "now").await;
    assert_eq!(receiver.next().await.json()["data"]["title"], "now");
    let now_is_done = |item: &Value| item["title"] == "now" && item["state"] == "delivered";
    newest(&app, "alice", now_is_done).await;
    let (_, page) = app
        .get(&format!("{DELIVERIES}?state=pending"), Some(&token))
        .await;
    assert_eq!(page["items"][0]["title"], "later", "{page}");
    let due: chrono::DateTime<chrono::Utc> = page["items"][0]["due_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(due.format("%H:%M").to_string(), clock(2));
    assert!(receiver.came().is_none());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_repeat_none_of_it() {
    const COUNT: usize = 60;
    let app = start().await;
    let replica = app.replica().await;
    let mut receivers = [Receiver::start().await, Receiver::start().await];
    for (name, receiver) in ["one", "two"].into_iter().zip(&receivers) {
        target(&app, "alice", &webhook(name, receiver)).await;
    }
    for number in 0..COUNT {
        notify(&app, "alice", None, "info", &format!("{number:03}")).await;
    }
    let mut ids = HashSet::new();
    for receiver in &mut receivers {
        let mut titles = Vec::new();
        for _ in 0..COUNT {
            let call = receiver.next().await;
            assert!(
                ids.insert(call.header("webhook-id").to_owned()),
                "came twice"
            );
            titles.push(call.json()["data"]["title"].as_str().unwrap().to_owned());
        }
        let expected: Vec<String> = (0..COUNT).map(|number| format!("{number:03}")).collect();
        assert_eq!(titles, expected, "each target's in order");
    }
    newest(&app, "alice", |item| item["state"] == "delivered").await;
    assert!(
        receivers
            .iter_mut()
            .all(|receiver| receiver.came().is_none())
    );
    replica.stop().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_a_bounded_number_of_targets_of_different_names() {
    let app = start().await;
    let receiver = Receiver::start().await;
    let token = app.token("alice");
    for number in 0..10 {
        target(&app, "alice", &webhook(&format!("hook{number}"), &receiver)).await;
    }
    let (_, list) = app.get(TARGETS, Some(&token)).await;
    let last = list["items"][9]["id"].as_str().unwrap();
    let refused = [
        (
            Method::POST,
            TARGETS.to_owned(),
            webhook("hook11", &receiver),
            "too_many_targets",
        ),
        (
            Method::PATCH,
            format!("{TARGETS}/{last}"),
            json!({"name": "hook1"}),
            "name_taken",
        ),
    ];
    for (method, path, body, code) in refused {
        let (status, problem) = app.call(method, &path, &token, Some(&body)).await;
        assert_eq!((status, &problem["code"]), (409, &json!(code)), "{problem}");
    }
    app.stop().await;
}
