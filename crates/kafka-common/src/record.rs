//! Records as handlers see them, and the headers that every record carries.

use chrono::{DateTime, Utc};
use rdkafka::message::{Header, Message, OwnedHeaders};
use uuid::Uuid;

use crate::trace::{self, TraceContext};

/// Where a record stands and what it carries besides its value.
#[derive(Debug, Clone)]
pub struct RecordMeta {
    /// The logical topic.
    pub topic: &'static str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The key, where it is text.
    pub key: Option<String>,
    /// The broker's timestamp of the record.
    pub timestamp: Option<DateTime<Utc>>,
    /// The trace that it belongs to, where its header `traceparent` tells one.
    pub trace: Option<TraceContext>,
}

/// A decoded record.
#[derive(Debug, Clone)]
pub struct Record<T> {
    /// Where it stands.
    pub meta: RecordMeta,
    /// The service that produced it.
    pub producer_service: String,
    /// When it was produced.
    pub produced_at: DateTime<Utc>,
    /// The payload.
    pub data: T,
}

/// The headers of a new record: the extra ones, and, where `standard` ones are wanted,
/// `content-type`, `schema-version`, `message-id` and `traceparent`.
#[must_use]
pub fn headers(standard: bool, message_id: Uuid, extra: &[(&str, &str)]) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(4 + extra.len());
    if standard {
        headers = with_standard(headers, message_id);
    }
    for (key, value) in extra {
        headers = headers.insert(Header {
            key,
            value: Some(*value),
        });
    }
    headers
}

fn with_standard(headers: OwnedHeaders, message_id: Uuid) -> OwnedHeaders {
    let mut id = Uuid::encode_buffer();
    let id: &str = message_id.hyphenated().encode_lower(&mut id);
    let traceparent = trace::of_message(message_id).to_string();
    headers
        .insert(Header {
            key: "content-type",
            value: Some("application/json"),
        })
        .insert(Header {
            key: "schema-version",
            value: Some("1"),
        })
        .insert(Header {
            key: "message-id",
            value: Some(id),
        })
        .insert(Header {
            key: trace::HEADER,
            value: Some(traceparent.as_str()),
        })
}

pub(crate) fn broker_timestamp<M: Message>(message: &M) -> Option<DateTime<Utc>> {
    message
        .timestamp()
        .to_millis()
        .and_then(DateTime::from_timestamp_millis)
}
