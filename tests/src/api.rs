//! The HTTP interface as a client sees it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::settings::AuthSettings;
use service_kit::{Auth, Role};

/// The secret of every stack under test.
pub const SECRET: &str = "the-secret-of-the-end-to-end-tests-0123456789";

/// One user's client.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, or null.
    pub body: Value,
}

impl Answer {
    /// A text of the body.
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

/// Signs tokens as the services do.
pub fn auth() -> Auth {
    Auth::new(&AuthSettings {
        secret: SECRET.to_owned().into(),
        ..AuthSettings::default()
    })
}

impl Api {
    /// A client for a user.
    pub fn new(user: &str) -> Self {
        Self::with_role(user, Role::User)
    }

    /// The same in another role.
    pub fn with_role(user: &str, role: Role) -> Self {
        service_kit::service::install_crypto_provider();
        let token = auth().issue(user, role).expect("a token").token;
        Self {
            http: reqwest::Client::new(),
            token,
        }
    }

    /// A request, with a body if there is one.
    pub async fn call(&self, method: Method, url: &str, body: Option<&str>) -> Answer {
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let response = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
        let status = response.status().as_u16();
        let body = response.json().await.unwrap_or(Value::Null);
        Answer { status, body }
    }

    /// GET, which must succeed.
    pub async fn get(&self, url: &str) -> Value {
        let answer = self.call(Method::GET, url, None).await;
        assert_eq!(
            answer.status,
            StatusCode::OK.as_u16(),
            "{url}: {}",
            answer.body
        );
        answer.body
    }

    /// A file, with its content type.
    pub async fn download(&self, url: &str) -> (String, Vec<u8>) {
        let request = self.http.get(url).bearer_auth(&self.token);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        let kind = answer.headers().get("content-type").expect("a type");
        let kind = kind.to_str().expect("text").to_owned();
        (kind, answer.bytes().await.expect("a file").to_vec())
    }

    /// POST of JSON.
    pub async fn post(&self, url: &str, body: &Value) -> Answer {
        self.call(Method::POST, url, Some(&body.to_string())).await
    }

    /// Saves the crossover of two averages of the price, and gives its id.
    pub async fn create_crossover(&self, strategy_url: &str) -> String {
        let template = strategy_engine::templates()
            .iter()
            .find(|template| template.key == "sma_crossover")
            .expect("the template");
        let body = json!({"name": "SMA 10/30", "kind": "graph", "source": template.source()});
        let answer = self
            .post(&format!("{strategy_url}/v1/strategies"), &body)
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.text("id").to_owned()
    }

    /// Waits until a session has a status.
    pub async fn wait_for(&self, session_url: &str, status: &str) -> Value {
        let started = Instant::now();
        loop {
            let session = self.get(session_url).await;
            if session["status"] == status {
                return session;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "not {status}: {session}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All trades of a session, in their order.
    pub async fn trades(&self, session_url: &str) -> Vec<Value> {
        let mut trades = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .get(&format!("{session_url}/trades?limit=500{cursor}"))
                .await;
            trades.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        trades.reverse();
        trades
    }
}
