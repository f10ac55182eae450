//! From Kafka to users' mailboxes, over a mail server of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/mail_server.rs"]
mod mail_server;

use common::{DELIVERIES, Ground, TARGETS, TestApp, newest};
use mail_server::{MailServer, Trouble};
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::settings::SmtpSecurity;

async fn start(server: &MailServer, security: SmtpSecurity) -> TestApp {
    let mut ground = Ground::prepare().await;
    ground.settings.notifications.smtp = server.settings(security);
    let app = TestApp::on(ground).await;
    app.ready().await;
    app
}

async fn notify(app: &TestApp, user: &str, title: &str) {
    let notification = json!({"user_id": user, "title": title, "message": "m <b>& \u{e9}",
        "severity": "error", "kind": "session_error", "timestamp": chrono::Utc::now()});
    app.produce("user-notifications", user, &notification).await;
}

async fn post(app: &TestApp, user: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    app.call(Method::POST, path, &app.token(user), body).await
}

/// Makes a target of a mailbox; the path of it.
async fn mailbox(app: &TestApp, user: &str, address: &str) -> String {
    let body = json!({"name": address, "form": "email", "email": address});
    let (status, made) = post(app, user, TARGETS, Some(&body)).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["confirmed"], false);
    assert_eq!(made["health"], "off");
    assert_eq!(made["address"], address);
    format!("{TARGETS}/{}", made["id"].as_str().unwrap())
}

/// The same, and whoever reads it enters the code.
async fn confirmed(app: &TestApp, server: &mut MailServer, user: &str, address: &str) -> String {
    let own = mailbox(app, user, address).await;
    let (status, sent) = post(app, user, &format!("{own}/code"), None).await;
    assert_eq!((status, &sent["delivered"]), (200, &json!(true)), "{sent}");
    let code = json!({"code": server.next().await.code()});
    let (status, answer) = post(app, user, &format!("{own}/confirm"), Some(&code)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["health"], "working");
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_told_after_its_reader_entered_the_code() {
    let mut server = MailServer::start().await;
    let app = start(&server, SmtpSecurity::Starttls).await;
    let (_, status) = app.get("/v1/status", None).await;
    assert_eq!(status["email"], true);
    let own = mailbox(&app, "alice", "alice@example.org").await;
    // Nothing goes there yet, whoever wants it.
    let (status, problem) = post(&app, "alice", &format!("{own}/test"), None).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_confirmed")));
    let (on, token) = (json!({"enabled": true}), app.token("alice"));
    let (status, problem) = app.call(Method::PATCH, &own, &token, Some(&on)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_confirmed")));
    // Nor does a version that knows no mailboxes get it there: it would switch it on.
    let pool = sqlx::PgPool::connect(&app.own.database_url).await.unwrap();
    let switched_on = "UPDATE notification.targets SET enabled = true, off_reason = NULL";
    sqlx::query(switched_on).execute(&pool).await.unwrap();
    notify(&app, "alice", "too early").await;
    let early = newest(&app, "alice", |item| item["state"] == "given_up").await;
    assert_eq!(early["reason"], "the address was not confirmed yet");

    let (code, confirm) = (format!("{own}/code"), format!("{own}/confirm"));
    let none = json!({"code": "00000000"});
    let (status, problem) = post(&app, "alice", &confirm, Some(&none)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("no_code")));
    let (status, sent) = post(&app, "alice", &code, None).await;
    assert_eq!((status, &sent["delivered"]), (200, &json!(true)), "{sent}");
    let letter = server.next().await;
    assert_eq!(letter.to, "alice@example.org");
    assert_eq!(letter.from, "algotrade@example.com");
    assert!(letter.encrypted && letter.signed_in);
    assert!(
        letter.text.contains("The user alice of AlgoTrade"),
        "{letter:?}"
    );
    for path in [&code, &confirm] {
        let (status, _) = post(&app, "bob", path, Some(&none)).await;
        assert_eq!(status, 404, "bob has nothing to do with {path}");
    }
    let (status, problem) = post(&app, "alice", &confirm, Some(&none)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("wrong_code")));
    // A reader may put a space into it.
    let (left, right) = (&letter.code()[..4], &letter.code()[4..]);
    let right_one = json!({"code": format!(" {left} {right}")});
    let (status, made) = post(&app, "alice", &confirm, Some(&right_one)).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(
        (&made["confirmed"], &made["enabled"]),
        (&json!(true), &json!(true))
    );
    for path in [&code, &confirm] {
        let (status, problem) = post(&app, "alice", path, Some(&right_one)).await;
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("confirmed_already"))
        );
    }

    notify(&app, "alice", "A session was halted").await;
    let letter = server.next().await;
    assert_eq!(letter.header("Subject"), "AlgoTrade: A session was halted");
    assert_eq!(letter.header("From"), "AlgoTrade <algotrade@example.com>");
    assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
    assert!(letter.text.contains("m <b>& =C3=A9"), "{}", letter.text);
    let delivery = newest(&app, "alice", |item| item["state"] == "delivered").await;
    let id = delivery["id"].as_str().unwrap();
    assert_eq!(letter.header("Message-ID"), format!("<{id}@example.com>"));

    let (status, tested) = post(&app, "alice", &format!("{own}/test"), None).await;
    assert_eq!(
        (status, &tested["delivered"]),
        (200, &json!(true)),
        "{tested}"
    );
    let letter = server.next().await;
    assert_eq!(letter.header("Subject"), "AlgoTrade: A test from AlgoTrade");
    // Another address is another target.
    let elsewhere = json!({"url": "https://example.com/hook"});
    let (status, problem) = app
        .call(Method::PATCH, &own, &token, Some(&elsewhere))
        .await;
    assert_eq!(
        (status, &problem["field"]),
        (422, &json!("url")),
        "{problem}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mail_server_refuses_is_tried_again_or_given_up() {
    let mut server = MailServer::start().await;
    let app = start(&server, SmtpSecurity::None).await;
    confirmed(&app, &mut server, "alice", "alice@example.org").await;
    // Not now, and gone in the middle of it: again, as the same mail.
    server.trouble(&[
        Trouble::at("RCPT", "451 4.3.0 busy"),
        Trouble::at("DATA", ""),
    ]);
    notify(&app, "alice", "first").await;
    let letter = server.next().await;
    assert!(!letter.encrypted && !letter.signed_in);
    let first = newest(&app, "alice", |item| item["state"] == "delivered").await;
    assert_eq!(first["attempts"], 3);
    let id = first["id"].as_str().unwrap();
    assert_eq!(letter.header("Message-ID"), format!("<{id}@example.com>"));

    // A mailbox that isn't there isn't there the next time, either; so with a text that is refused.
    for (trouble, reason) in [
        (
            Trouble::at("RCPT", "550 5.1.1 no such mailbox"),
            "the mail server answered 550 (5.1.1 no such mailbox)",
        ),
        (
            Trouble::at("END", "554 5.7.1 looks like spam"),
            "the mail server answered 554 (5.7.1 looks like spam)",
        ),
    ] {
        server.trouble(&[trouble]);
        notify(&app, "alice", trouble.at).await;
        let refused = newest(&app, "alice", |item| {
            item["title"] == trouble.at && item["state"] == "given_up"
        });
        let refused = refused.await;
        assert_eq!(refused["reason"], reason);
        let path = format!("{DELIVERIES}/{}/retry", refused["id"].as_str().unwrap());
        let (status, _) = post(&app, "alice", &path, None).await;
        assert_eq!(status, 200);
        assert_eq!(
            server.next().await.header("Subject"),
            format!("AlgoTrade: {}", trouble.at)
        );
    }
    newest(&app, "alice", |item| item["state"] == "delivered").await;

    // A server that says nothing any more once it has the mail: it isn't sent again.
    let (trouble, silent) = (
        Trouble {
            at: "QUIT",
            answer: None,
        },
        "silent at the end",
    );
    server.trouble(&[trouble]);
    notify(&app, "alice", silent).await;
    server.next().await;
    let delivered = |item: &Value| item["title"] == silent && item["state"] == "delivered";
    assert_eq!(newest(&app, "alice", delivered).await["attempts"], 1);
    assert!(server.came().is_none());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_is_the_operators_business() {
    let mut server = MailServer::start().await;
    let app = start(&server, SmtpSecurity::Starttls).await;
    confirmed(&app, &mut server, "alice", "alice@example.org").await;
    server.trouble(&[
        Trouble::at(
            "AUTH",
            "535 5.7.8 the password of relay.internal has changed",
        ),
        // Nor is anything sent in the clear.
        Trouble::at("STARTTLS", "454 4.7.0 no TLS today"),
    ]);
    notify(&app, "alice", "first").await;
    let tried = |item: &Value| item["state"] == "pending" && item["reason"].is_string();
    let waiting = newest(&app, "alice", tried).await;
    let reason = "the mail server can't be used now; the operator's log says why";
    assert_eq!(waiting["reason"], reason);
    let letter = server.next().await;
    assert!(letter.encrypted && letter.signed_in);
    let delivered = newest(&app, "alice", |item| item["state"] == "delivered").await;
    assert_eq!(delivered["attempts"], 3);
    let metrics = app.get("/metrics", None).await.1;
    let metrics = metrics.as_str().unwrap();
    assert!(
        metrics.contains("notification_mail_server_errors_total"),
        "{metrics}"
    );
    let failed = "notification_delivery_attempts_total{form=\"email\",outcome=\"failed\"}";
    assert!(metrics.contains(failed), "{metrics}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sends_mails_to_strangers_or_guesses_codes() {
    let mut server = MailServer::start().await;
    let app = start(&server, SmtpSecurity::None).await;
    let own = mailbox(&app, "alice", "Victim@example.org").await;
    let (code, confirm) = (format!("{own}/code"), format!("{own}/confirm"));
    let mut last = String::new();
    for _ in 0..5 {
        let (status, sent) = post(&app, "alice", &code, None).await;
        assert_eq!((status, &sent["delivered"]), (200, &json!(true)), "{sent}");
        last = server.next().await.code();
    }
    let refused = |status: u16, problem: &Value| {
        assert_eq!((status, &problem["code"]), (429, &json!("too_many_codes")));
    };
    let (status, problem) = post(&app, "alice", &code, None).await;
    refused(status, &problem);
    // Five wrong ones, and the right one is no good, either.
    for _ in 0..5 {
        let wrong = json!({"code": if last == "11111111" { "22222222" } else { "11111111" }});
        let (status, problem) = post(&app, "alice", &confirm, Some(&wrong)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("wrong_code")));
    }
    let right = json!({"code": last});
    let (status, problem) = post(&app, "alice", &confirm, Some(&right)).await;
    assert_eq!((status, &problem["code"]), (422, &json!("no_code")));
    // A target anew, another address, or another user: none is a way round.
    let token = app.token("alice");
    let (status, _) = app.call(Method::DELETE, &own, &token, None).await;
    assert_eq!(status, 204);
    for (user, address) in [
        ("alice", "Victim@example.org"),
        ("alice", "other@example.org"),
        ("bob", "victim@example.org"),
    ] {
        let own = mailbox(&app, user, address).await;
        let (status, problem) = post(&app, user, &format!("{own}/code"), None).await;
        refused(status, &problem);
    }
    assert!(server.came().is_none());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_nobody_is_promised_mail() {
    let app = TestApp::start().await;
    app.ready().await;
    let (_, status) = app.get("/v1/status", None).await;
    assert_eq!(status["email"], false);
    let body = json!({"name": "n", "form": "email", "email": "alice@example.org"});
    let (status, problem) = post(&app, "alice", TARGETS, Some(&body)).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("no_mail_server")),
        "{problem}"
    );
    app.stop().await;
}
