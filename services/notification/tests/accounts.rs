//! Signing in with a password, staying signed in, API tokens, and what operators do with accounts:
//! over HTTP, on a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Ground, TestApp};
use serde_json::{Value, json};
use sqlx::PgPool;

const OPERATORS: &str = "a first password to change";
const ALICES: &str = "correct horse battery";

/// A browser: it keeps its cookie, as it was told to.
#[derive(Default)]
struct Browser {
    cookie: Option<String>,
    set_cookie: String,
}

impl Browser {
    async fn post(&mut self, app: &TestApp, path: &str, body: &Value) -> (u16, Value) {
        self.send(app.http.post(app.url(path)).json(body)).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let mut request = request.header("sec-fetch-site", "same-origin");
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.set_cookie = set.to_str().unwrap().to_owned();
            let pair = self.set_cookie.split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then_some(pair);
        }
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Signs in and gives the token.
    async fn sign_in(&mut self, app: &TestApp, user: &str, password: &str) -> String {
        let body = json!({"user_id": user, "password": password});
        let (status, answer) = self.post(app, "/v1/auth/sign-in", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }
}

/// A service with the first operator, whose token is told.
async fn start() -> (TestApp, String) {
    let mut ground = Ground::prepare().await;
    ground.settings.auth.operator_password = Some(OPERATORS.to_owned().into());
    let app = TestApp::on(ground).await;
    app.ready().await;
    let operator = Browser::default()
        .sign_in(&app, "operator", OPERATORS)
        .await;
    (app, operator)
}

async fn with_token(
    app: &TestApp,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let method = method.parse().unwrap();
    let mut request = app.http.request(method, app.url(path)).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn make_alice(app: &TestApp, operator: &str) {
    let body = json!({"user_id": "alice", "password": ALICES});
    let path = "/v1/auth/accounts";
    let (status, made) = with_token(app, operator, "POST", path, Some(body)).await;
    assert_eq!((status, &made["role"]), (201, &json!("user")), "{made}");
}

#[tokio::test]
async fn a_browser_signs_in_stays_signed_in_and_signs_out() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let mut browser = Browser::default();
    let token = browser.sign_in(&app, "alice", ALICES).await;
    assert!(browser.set_cookie.contains("HttpOnly; SameSite=Strict"));
    assert!(
        !browser.set_cookie.contains(&token),
        "the token is no cookie"
    );

    let (status, me) = app.get("/v1/auth/me", Some(&token)).await;
    assert_eq!((status, &me["user_id"]), (200, &json!("alice")));
    assert_eq!(
        (&me["role"], &me["operator"]),
        (&json!("user"), &json!(false))
    );

    // The page is loaded anew: only the cookie is left.
    let (status, again) = browser.post(&app, "/v1/auth/refresh", &json!({})).await;
    assert_eq!((status, &again["user_id"]), (200, &json!("alice")));

    let (_, browsers) = app.get("/v1/auth/browsers", Some(&token)).await;
    assert_eq!(browsers.as_array().unwrap().len(), 1);

    let kept = browser.cookie.clone();
    let (status, _) = browser.post(&app, "/v1/auth/sign-out", &json!({})).await;
    assert_eq!(
        (status, &browser.cookie),
        (204, &None),
        "the browser forgets it"
    );
    browser.cookie = kept;
    let (status, problem) = browser.post(&app, "/v1/auth/refresh", &json!({})).await;
    assert_eq!(
        (status, &problem["code"]),
        (401, &json!("signed_out")),
        "so do we"
    );
    app.stop().await;
}

#[tokio::test]
async fn another_sites_page_gets_nothing_by_the_cookie() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let mut browser = Browser::default();
    browser.sign_in(&app, "alice", ALICES).await;
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let request = app
            .http
            .post(app.url("/v1/auth/refresh"))
            .header("cookie", browser.cookie.clone().unwrap())
            .header(header, value);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{header}");
    }
    app.stop().await;
}

#[tokio::test]
async fn guessing_is_locked_out_and_tells_nothing_about_names() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let mut answers = Vec::new();
    for user in ["alice", "nobody-of-this-name"] {
        let mut seen = Vec::new();
        for attempt in 0..6 {
            let body = json!({"user_id": user, "password": format!("a wrong password {attempt}")});
            let (status, problem) = app.post_json("/v1/auth/sign-in", &body).await;
            seen.push((status, problem["code"].clone(), problem["detail"].clone()));
        }
        assert!(
            seen[..5].iter().all(|(status, ..)| *status == 401),
            "{seen:?}"
        );
        assert_eq!(seen[5].0, 429, "{seen:?}");
        answers.push(seen);
    }
    assert_eq!(
        answers[0], answers[1],
        "names that exist answer as others do"
    );

    // Not even the right password opens a locked account.
    let body = json!({"user_id": "alice", "password": ALICES});
    let (status, problem) = app.post_json("/v1/auth/sign-in", &body).await;
    assert_eq!((status, &problem["code"]), (429, &json!("locked")));
    assert!(problem["retry_after_seconds"].as_i64().unwrap() > 0);

    // When the time is over it does, and all is forgotten.
    let pool = PgPool::connect(&app.own.database_url).await.unwrap();
    sqlx::query("UPDATE notification.sign_in_attempts SET locked_until = now()")
        .execute(&pool)
        .await
        .unwrap();
    Browser::default().sign_in(&app, "alice", ALICES).await;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM notification.sign_in_attempts WHERE who LIKE $1")
            .bind("account alice")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(left, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_hundred_guesses_at_once_count_as_a_hundred() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let guesses = (0..100).map(|n| {
        let body = json!({"user_id": "alice", "password": format!("a wrong password {n}")});
        let request = app.http.post(app.url("/v1/auth/sign-in")).json(&body);
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let statuses = futures_util::future::join_all(guesses).await;
    let checked = statuses.iter().filter(|status| **status == 401).count();
    assert!(checked <= 5, "{checked} of 100 were checked: {statuses:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_new_password_signs_the_other_browsers_out() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let (mut here, mut elsewhere) = (Browser::default(), Browser::default());
    let token = here.sign_in(&app, "alice", ALICES).await;
    elsewhere.sign_in(&app, "alice", ALICES).await;

    let path = "/v1/auth/password";
    for (current, new, status, field) in [
        ("a wrong password", "another good password", 401, "current"),
        (ALICES, "short", 422, "new"),
        (ALICES, "alice and her dog", 422, "new"),
    ] {
        let body = json!({"current": current, "new": new});
        let request = app.http.post(app.url(path)).bearer_auth(&token).json(&body);
        let (found, problem) = here.send(request).await;
        assert_eq!(
            (found, &problem["field"]),
            (status, &json!(field)),
            "{problem}"
        );
    }
    let body = json!({"current": ALICES, "new": "another good password"});
    let request = app.http.post(app.url(path)).bearer_auth(&token).json(&body);
    assert_eq!(here.send(request).await.0, 204);

    let nothing = json!({});
    assert_eq!(here.post(&app, "/v1/auth/refresh", &nothing).await.0, 200);
    assert_eq!(
        elsewhere.post(&app, "/v1/auth/refresh", &nothing).await.0,
        401
    );
    Browser::default()
        .sign_in(&app, "alice", "another good password")
        .await;
    app.stop().await;
}

#[tokio::test]
async fn api_tokens_do_what_their_scope_says_until_they_are_revoked() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let token = Browser::default().sign_in(&app, "alice", ALICES).await;
    let path = "/v1/auth/tokens";
    for (body, field) in [
        (json!({"name": "", "scope": "read"}), "name"),
        (json!({"name": "x", "scope": "read", "days": 0}), "days"),
        (json!({"name": "x", "scope": "everything"}), "scope"),
    ] {
        let (status, problem) = with_token(&app, &token, "POST", path, Some(body)).await;
        assert_eq!(
            (status, &problem["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    let body = json!({"name": "notebook", "scope": "read"});
    let (status, made) = with_token(&app, &token, "POST", path, Some(body.clone())).await;
    assert_eq!(status, 201, "{made}");
    let (status, problem) = with_token(&app, &token, "POST", path, Some(body)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("token_exists")));

    let secret = made["api_token"].as_str().unwrap();
    let exchange = json!({"api_token": secret});
    let (status, access) = app.post_json("/v1/auth/token", &exchange).await;
    assert_eq!((status, &access["user_id"]), (200, &json!("alice")));
    let access = access["token"].as_str().unwrap();
    assert_eq!(app.get("/v1/notifications", Some(access)).await.0, 200);
    let more = json!({"name": "more", "scope": "trade"});
    let (status, problem) = with_token(&app, access, "POST", path, Some(more)).await;
    assert_eq!((status, &problem["code"]), (403, &json!("read_only_token")));

    let (_, listed) = app.get(path, Some(&token)).await;
    assert_eq!(listed[0]["name"], "notebook");
    assert!(!listed.to_string().contains(secret), "told once");
    let id = made["id"].as_str().unwrap();
    let others = app.token("bob");
    let one = format!("{path}/{id}");
    assert_eq!(with_token(&app, &others, "DELETE", &one, None).await.0, 404);
    assert_eq!(with_token(&app, &token, "DELETE", &one, None).await.0, 204);
    let (status, problem) = app.post_json("/v1/auth/token", &exchange).await;
    assert_eq!(
        (status, &problem["code"]),
        (401, &json!("invalid_api_token"))
    );
    app.stop().await;
}

#[tokio::test]
async fn only_operators_keep_accounts_and_one_always_can() {
    let (app, operator) = start().await;
    make_alice(&app, &operator).await;
    let alice = Browser::default().sign_in(&app, "alice", ALICES).await;
    let path = "/v1/auth/accounts";
    let (status, problem) = with_token(&app, &alice, "GET", path, None).await;
    assert_eq!((status, &problem["code"]), (403, &json!("operators_only")));
    for (body, status, field) in [
        (
            json!({"user_id": "alice", "password": ALICES}),
            409,
            "user_id",
        ),
        (
            json!({"user_id": "Alice", "password": ALICES}),
            422,
            "user_id",
        ),
        (
            json!({"user_id": "guest", "password": ALICES}),
            422,
            "user_id",
        ),
        (
            json!({"user_id": "bob", "password": "bob"}),
            422,
            "password",
        ),
        (
            json!({"user_id": "bob", "password": ALICES, "role": "service"}),
            422,
            "role",
        ),
    ] {
        let (found, problem) = with_token(&app, &operator, "POST", path, Some(body)).await;
        assert_eq!(
            (found, &problem["field"]),
            (status, &json!(field)),
            "{problem}"
        );
    }
    let (_, page) = with_token(&app, &operator, "GET", "/v1/auth/accounts?limit=1", None).await;
    assert_eq!(page["items"][0]["user_id"], "alice");
    assert!(!page.to_string().contains("argon2"), "{page}");
    let next = format!("{path}?cursor={}", page["next_cursor"].as_str().unwrap());
    let (_, page) = with_token(&app, &operator, "GET", &next, None).await;
    assert_eq!(page["items"][0]["user_id"], "operator");

    let first = "/v1/auth/accounts/operator";
    for body in [json!({"disabled": true}), json!({"role": "user"})] {
        let (status, problem) = with_token(&app, &operator, "PATCH", first, Some(body)).await;
        assert_eq!((status, &problem["code"]), (409, &json!("last_operator")));
    }
    assert_eq!(
        with_token(&app, &operator, "DELETE", first, None).await.0,
        409
    );

    // Disabled, alice can neither sign in nor stay signed in.
    let mut browser = Browser::default();
    browser.sign_in(&app, "alice", ALICES).await;
    let hers = "/v1/auth/accounts/alice";
    let body = json!({"disabled": true});
    let (status, changed) = with_token(&app, &operator, "PATCH", hers, Some(body)).await;
    assert_eq!((status, &changed["disabled"]), (200, &json!(true)));
    assert_eq!(
        browser.post(&app, "/v1/auth/refresh", &json!({})).await.0,
        401
    );
    let body = json!({"user_id": "alice", "password": ALICES});
    assert_eq!(app.post_json("/v1/auth/sign-in", &body).await.0, 401);
    assert_eq!(
        with_token(&app, &operator, "DELETE", hers, None).await.0,
        204
    );
    assert_eq!(
        with_token(&app, &operator, "DELETE", hers, None).await.0,
        404
    );

    // Who did what waits for the audit log.
    let pool = PgPool::connect(&app.own.database_url).await.unwrap();
    let audit: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT actor, action, subject FROM notification.audit_outbox
         WHERE subject = 'alice' ORDER BY id",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let expected = ["account.create", "account.disable", "account.delete"]
        .map(|action| ("operator".to_owned(), action.to_owned(), "alice".to_owned()));
    assert_eq!(audit, expected);
    app.stop().await;
}
