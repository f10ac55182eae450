//! Writes dead letters, and knows when the broker has them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::OnceCell;

use super::received::Received;
use crate::dead_letter::{Failure, origin_headers};
use crate::error::ClientError;
use crate::matrix::dead_letter_topic;
use crate::settings::KafkaSettings;
use crate::telemetry::LoggedContext;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct DeadLetters {
    /// Made for the first one: most consumers never have any, and a client has threads and
    /// connections.
    producer: Arc<OnceCell<FutureProducer<LoggedContext>>>,
    settings: KafkaSettings,
    service: &'static str,
    group: &'static str,
}

impl DeadLetters {
    pub(super) fn new(
        settings: &KafkaSettings,
        service: &'static str,
        group: &'static str,
    ) -> Self {
        Self {
            producer: Arc::default(),
            settings: settings.clone(),
            service,
            group,
        }
    }

    async fn producer(&self) -> Result<&FutureProducer<LoggedContext>, ClientError> {
        let start = async || {
            let config = self.settings.producer(self.service);
            config
                .create_with_context(LoggedContext)
                .map_err(ClientError::kafka("creating the producer of dead letters"))
        };
        self.producer.get_or_try_init(start).await
    }

    /// Copies the record, key and value byte for byte, into the dead-letter topic of its logical
    /// topic, and waits for the delivery report. The key decides about the partition: the
    /// dead-letter topic may have fewer than the source.
    pub(super) async fn write(
        &self,
        message: &Received,
        topic: &'static str,
        failure: &Failure,
        first_failed_at: DateTime<Utc>,
    ) -> Result<(), ClientError> {
        let physical = self.settings.topic(&dead_letter_topic(topic, self.group));
        let headers = origin_headers(message, topic, self.group, failure, first_failed_at);
        let mut record = FutureRecord::<[u8], [u8]>::to(&physical).headers(headers);
        if let Some(key) = message.key() {
            record = record.key(key);
        }
        if let Some(value) = message.payload() {
            record = record.payload(value);
        }
        let room = Duration::from_millis(u64::from(self.settings.queue_full_wait_ms));
        match self.producer().await?.send(record, room).await {
            Ok(_) => Ok(()),
            Err((source, _)) => Err(ClientError::Kafka {
                action: "writing a dead letter",
                source,
            }),
        }
    }
}
