//! A Centrifugo: the same clients, the messages over its HTTP API or through a topic that it reads.

use std::time::Duration;

use anyhow::Context as _;
use kafka_common::KafkaSettings;
use kafka_common::messages::TradeExecution;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use serde_json::{Value, json};
use service_kit::Auth;
use service_kit::settings::AuthSettings;

use super::Against;
use super::load::{Publisher, Target};

/// Tokens are good for the longest run.
const TOKEN_SECONDS: u64 = 7_200;
/// Between two attempts where the client's queue is full.
const FULL_STEP: Duration = Duration::from_millis(5);

/// A Centrifugo that runs.
pub(super) struct Peer {
    url: String,
    auth: Auth,
    entry: Entry,
    pid: Option<u32>,
}

enum Entry {
    Api(Api),
    Topic(Topic),
}

/// A topic with commands of its API.
pub(super) struct Topic {
    producer: ThreadedProducer<DefaultProducerContext>,
    name: String,
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
    pub(super) fn of(against: &Against, kafka: &str) -> anyhow::Result<Option<Self>> {
        let (Some(url), Some(secret)) = (&against.url, &against.secret) else {
            return Ok(None);
        };
        let entry = match (&against.topic, &against.key) {
            (Some(topic), _) => Entry::Topic(Topic::start(kafka, topic)?),
            (None, Some(key)) => Entry::Api(Api {
                http: reqwest::Client::new(),
                url: publish_url(url),
                key: key.clone(),
            }),
            (None, None) => anyhow::bail!(
                "how do messages get to the Centrifugo? Give --against-topic, or --against-key for \
                 its API"
            ),
        };
        Ok(Some(Self {
            url: url.clone(),
            auth: signer(secret),
            entry,
            pid: against.pid,
        }))
    }

    pub(super) fn target(&self) -> Target<'_> {
        Target {
            url: self.url.clone(),
            auth: self.auth.clone(),
            publisher: match &self.entry {
                Entry::Api(api) => Publisher::Api(api),
                Entry::Topic(topic) => Publisher::Topic(topic),
            },
            pid: self.pid,
        }
    }
}

/// What the API is told of a trade.
fn command(trade: &TradeExecution) -> Value {
    let user = trade.user_id.as_deref().unwrap_or_default();
    let data = json!({"event": "trade-execution", "payload": trade});
    json!({"channel": format!("user:{user}"), "data": data})
}

impl Topic {
    fn start(kafka: &str, name: &str) -> anyhow::Result<Self> {
        let settings = KafkaSettings {
            bootstrap_servers: kafka.to_owned(),
            // As for notification.
            linger_ms: 0,
            ..KafkaSettings::default()
        };
        Ok(Self {
            producer: settings.producer("bench").create()?,
            name: name.to_owned(),
        })
    }

    pub(super) async fn publish(&self, trade: &TradeExecution) -> anyhow::Result<()> {
        let key = trade.session_id.to_string();
        let value = json!({"method": "publish", "payload": command(trade)}).to_string();
        let mut record = BaseRecord::to(&self.name).key(&key).payload(&value);
        // That it arrives is seen by the clients.
        while let Err((error, refused)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            tokio::time::sleep(FULL_STEP).await;
            record = refused;
        }
        Ok(())
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
        let request = self.http.post(&self.url).header("x-api-key", &self.key);
        let sending = request
            .json(&command(trade))
            .timeout(Duration::from_secs(10))
            .send();
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
