//! A Centrifugo: the same clients, the messages over its HTTP API.

use std::time::Duration;

use anyhow::Context as _;
use kafka_common::messages::TradeExecution;
use serde_json::json;
use service_kit::Auth;
use service_kit::settings::AuthSettings;

use super::Against;
use super::load::{Publisher, Target};

/// Tokens are good for the longest run.
const TOKEN_SECONDS: u64 = 7_200;

/// A Centrifugo that runs.
pub(super) struct Peer {
    url: String,
    auth: Auth,
    api: Api,
    pid: Option<u32>,
}

/// Its HTTP API.
pub(super) struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// Who signs tokens with a secret.
pub(super) fn signer(secret: &str) -> Auth {
    Auth::new(&AuthSettings {
        secret: secret.to_owned().into(),
        guest: false,
        token_seconds: TOKEN_SECONDS,
        ..AuthSettings::default()
    })
}

impl Peer {
    pub(super) fn of(against: &Against) -> Option<Self> {
        let url = against.url.clone()?;
        Some(Self {
            auth: signer(against.secret.as_deref()?),
            api: Api {
                http: reqwest::Client::new(),
                url: publish_url(&url),
                key: against.key.clone()?,
            },
            url,
            pid: against.pid,
        })
    }

    pub(super) fn target(&self) -> Target<'_> {
        Target {
            url: self.url.clone(),
            auth: self.auth.clone(),
            publisher: Publisher::Api(&self.api),
            pid: self.pid,
        }
    }
}

/// `http://host:port/api/publish` of `ws://host:port/connection/websocket`.
fn publish_url(websocket: &str) -> String {
    let http = websocket.replacen("ws", "http", 1);
    let base = http.find("/connection").map_or(&*http, |at| &http[..at]);
    format!("{}/api/publish", base.trim_end_matches('/'))
}

impl Api {
    pub(super) async fn publish(&self, trade: &TradeExecution) -> anyhow::Result<()> {
        let user = trade.user_id.as_deref().unwrap_or_default();
        let data = json!({"event": "trade-execution", "payload": trade});
        let body = json!({"channel": format!("user:{user}"), "data": data});
        let request = self.http.post(&self.url).header("x-api-key", &self.key);
        let sending = request.json(&body).timeout(Duration::from_secs(10)).send();
        let answer = sending.await.context("the Centrifugo's API")?;
        let answer = answer.error_for_status()?.text().await?;
        // It answers 200 to what it refuses.
        anyhow::ensure!(
            !answer.contains("\"error\""),
            "the Centrifugo's API: {answer}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::publish_url;

    #[test]
    fn the_api_is_beside_the_websocket() {
        for (url, api) in [
            (
                "ws://h:8000/connection/websocket",
                "http://h:8000/api/publish",
            ),
            ("wss://h/connection/websocket", "https://h/api/publish"),
            ("ws://h:8000/", "http://h:8000/api/publish"),
        ] {
            assert_eq!(publish_url(url), api);
        }
    }
}
