//! A Centrifugo: the same clients, the messages through a topic that it reads.

use std::time::Duration;

use kafka_common::KafkaSettings;
use kafka_common::messages::TradeExecution;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use serde_json::json;
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
    topic: Topic,
    pid: Option<u32>,
}

/// A topic with commands of its server API.
pub(super) struct Topic {
    producer: ThreadedProducer<DefaultProducerContext>,
    name: String,
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
        let (Some(url), Some(secret), Some(topic)) =
            (&against.url, &against.secret, &against.topic)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            url: url.clone(),
            auth: signer(secret),
            topic: Topic::start(kafka, topic)?,
            pid: against.pid,
        }))
    }

    pub(super) fn target(&self) -> Target<'_> {
        Target {
            url: self.url.clone(),
            auth: self.auth.clone(),
            publisher: Publisher::Topic(&self.topic),
            pid: self.pid,
        }
    }
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
        let user = trade.user_id.as_deref().unwrap_or_default();
        let data = json!({"event": "trade-execution", "payload": trade});
        let command = json!({"channel": format!("user:{user}"), "data": data});
        let value = json!({"method": "publish", "payload": command}).to_string();
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
