//! Calls to the platform's own HTTP interface, as any client makes them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use kafka_common::messages::TradeExecution;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

/// A signed-in client.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What is needed of a session.
#[derive(Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) strategy_name: String,
    pub(crate) symbol: String,
    #[serde(with = "kafka_common::decimal::number")]
    pub(crate) equity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    pub(crate) return_pct: Decimal,
}

#[derive(Debug, Deserialize)]
struct Created {
    id: Uuid,
}

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// A session to be started.
#[derive(Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) strategy_id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) symbol: &'a str,
    pub(crate) cash: Decimal,
    pub(crate) fee: Decimal,
    pub(crate) key: &'a str,
    /// Further terms, as `POST /v1/sessions` takes them: JSON from a comma on, or nothing.
    pub(crate) terms: &'a str,
}

impl Api {
    pub(crate) fn new(http: reqwest::Client, url: String, token: String) -> Self {
        Self { http, url, token }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<T> {
        let response = request.bearer_auth(&self.token).send().await?;
        let status = response.status();
        // Read as bytes: prices are exact, and come from the text of the numbers.
        let body = response.bytes().await?;
        if !status.is_success() {
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = |name: &str| {
                problem
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            bail!(
                "{status}: {} {} {}",
                text("field"),
                text("detail"),
                text("hint")
            );
        }
        serde_json::from_slice(&body).context("reading an answer")
    }

    /// Saves a strategy and gives its id.
    pub(crate) async fn create_strategy(
        &self,
        name: &str,
        kind: &str,
        source: &Value,
    ) -> anyhow::Result<Uuid> {
        let body = json!({"name": name, "kind": kind, "source": source});
        let request = self
            .http
            .post(format!("{}/v1/strategies", self.url))
            .json(&body);
        let created: Created = self.send(request).await?;
        Ok(created.id)
    }

    /// Starts a session.
    pub(crate) async fn create_session(&self, new: &NewSession<'_>) -> anyhow::Result<Session> {
        let body = format!(
            r#"{{"strategy_id":"{}","name":{},"symbol":{},"timeframe":"tick",
                "initial_balance":{},"fee_rate":{}{}}}"#,
            new.strategy_id,
            json!(new.name),
            json!(new.symbol),
            new.cash,
            new.fee,
            new.terms
        );
        let request = self
            .http
            .post(format!("{}/v1/sessions", self.url))
            .header("content-type", "application/json")
            .header("idempotency-key", new.key)
            .body(body);
        self.send(request).await
    }

    /// How many sessions there are, up to 500.
    pub(crate) async fn count_sessions(&self) -> anyhow::Result<usize> {
        let request = self.http.get(format!("{}/v1/sessions?limit=500", self.url));
        let page: Page = self.send(request).await?;
        Ok(page.items.len())
    }

    pub(crate) async fn session(&self, id: Uuid) -> anyhow::Result<Session> {
        self.send(self.http.get(format!("{}/v1/sessions/{id}", self.url)))
            .await
    }

    pub(crate) async fn stop_session(&self, id: Uuid) -> anyhow::Result<Session> {
        self.send(
            self.http
                .post(format!("{}/v1/sessions/{id}/stop", self.url)),
        )
        .await
    }

    /// Waits until a session has a status.
    pub(crate) async fn wait_for(
        &self,
        id: Uuid,
        status: &str,
        within: Duration,
    ) -> anyhow::Result<Session> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let session = self.session(id).await?;
            if session.status == status {
                return Ok(session);
            }
            let ended = matches!(session.status.as_str(), "ERROR" | "STOPPED");
            if ended || tokio::time::Instant::now() >= deadline {
                bail!(
                    "session {id} is {} and not {status} ({})",
                    session.status,
                    session
                        .status_reason
                        .as_deref()
                        .unwrap_or("no reason given")
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All executions of a session, in their order.
    pub(crate) async fn executions(&self, id: Uuid) -> anyhow::Result<Vec<TradeExecution>> {
        let mut executions: Vec<TradeExecution> = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}/v1/sessions/{id}/trades?limit=500{cursor}", self.url);
            let page: Page = self.send(self.http.get(url)).await?;
            for item in &page.items {
                executions.push(serde_json::from_str(item.get())?);
            }
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        executions.reverse();
        Ok(executions)
    }
}
