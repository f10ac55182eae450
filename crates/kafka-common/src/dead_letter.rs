//! Dead letters: the record as it was, with headers that tell where it came from and what failed.

use chrono::Utc;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};

use crate::error::ErrorClass;

/// Longest error text in a header: a longer one is cut, so that a record can't outgrow the
/// broker's limit by what went wrong with it.
const MAX_ERROR_TEXT: usize = 1_024;

/// Why a record is dead.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The class.
    pub class: ErrorClass,
    /// The text.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A dead letter's content, copied from the record.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The original headers and the origin's.
    pub headers: OwnedHeaders,
}

impl DeadLetter {
    /// Copies a record and says where it came from.
    #[must_use]
    pub fn of<M: Message>(message: &M, topic: &str, group: &str, failure: &Failure) -> Self {
        let mut headers = OwnedHeaders::new();
        if let Some(originals) = message.headers() {
            for header in originals
                .iter()
                .filter(|header| !header.key.starts_with("dlq-"))
            {
                headers = headers.insert(Header {
                    key: header.key,
                    value: header.value,
                });
            }
        }
        let mut end = failure.error.len().min(MAX_ERROR_TEXT);
        while !failure.error.is_char_boundary(end) {
            end -= 1;
        }
        let partition = message.partition().to_string();
        let offset = message.offset().to_string();
        let timestamp = message
            .timestamp()
            .to_millis()
            .unwrap_or_default()
            .to_string();
        let attempts = failure.attempts.to_string();
        let failed_at = Utc::now().to_rfc3339();
        for (key, value) in [
            ("dlq-original-topic", topic),
            ("dlq-original-partition", &partition),
            ("dlq-original-offset", &offset),
            ("dlq-original-timestamp", &timestamp),
            ("dlq-consumer-group", group),
            ("dlq-error-class", failure.class.as_str()),
            ("dlq-error", &failure.error[..end]),
            ("dlq-attempts", &attempts),
            ("dlq-failed-at", &failed_at),
        ] {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        Self {
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().unwrap_or_default().to_vec(),
            headers,
        }
    }
}
