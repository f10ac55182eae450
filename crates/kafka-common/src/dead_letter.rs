//! Dead letters: the record as it was, with headers that tell where it came from and what failed.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::message::{Header, Message, OwnedHeaders};

use crate::error::ErrorClass;
use crate::header::{RawHeaders, header, raw_headers};

/// Longest error text in a header: a longer one is cut, so that a record can't outgrow the
/// broker's limit by what went wrong with it.
const MAX_ERROR_TEXT: usize = 1_024;
/// What all headers of this module begin with.
const PREFIX: &str = "dlq-";
const TOPIC: &str = "dlq-original-topic";
const PARTITION: &str = "dlq-original-partition";
const OFFSET: &str = "dlq-original-offset";
const TIMESTAMP: &str = "dlq-original-timestamp";
const ATTEMPTS: &str = "dlq-attempts";
const FIRST_FAILED_AT: &str = "dlq-first-failed-at";

/// How often a record was sent back from its dead letters. It outlives the next failure, so that a
/// record that fails each time doesn't go round for ever.
pub(crate) const REDRIVES: &str = "dlq-redrives";

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
    pub fn of<M>(message: &M, topic: &str, group: &str, failure: &Failure) -> Self
    where
        M: Message<Headers: RawHeaders>,
    {
        Self {
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: origin_headers(message, topic, group, failure, Utc::now()),
        }
    }
}

/// The record's own headers, and those that tell its origin and its failure. Of a record that was
/// dead before and put back, the origin and the first failure stay, and attempts are added up.
#[must_use]
pub fn origin_headers<M>(
    message: &M,
    topic: &str,
    group: &str,
    failure: &Failure,
    first_failed_at: DateTime<Utc>,
) -> OwnedHeaders
where
    M: Message<Headers: RawHeaders>,
{
    let mut headers = OwnedHeaders::new();
    for (name, value) in raw_headers(message) {
        // A name that isn't UTF-8 can't be written as it is.
        let key = &*String::from_utf8_lossy(name);
        if !key.starts_with(PREFIX) || key == REDRIVES {
            headers = headers.insert(Header { key, value });
        }
    }
    let kept = |name: &str, fresh: String| match header(message, name) {
        // All of the origin or nothing: it is one place.
        Some(text) if header(message, TOPIC).is_some() => text.to_owned(),
        _ => fresh,
    };
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let timestamp = message.timestamp().to_millis().unwrap_or_default();
    let attempted_before = header(message, ATTEMPTS)
        .and_then(|attempts| attempts.parse::<u32>().ok())
        .unwrap_or_default();
    let attempts = attempted_before.saturating_add(failure.attempts);
    for (key, value) in [
        (TOPIC, kept(TOPIC, topic.to_owned())),
        (PARTITION, kept(PARTITION, message.partition().to_string())),
        (OFFSET, kept(OFFSET, message.offset().to_string())),
        (TIMESTAMP, kept(TIMESTAMP, timestamp.to_string())),
        ("dlq-consumer-group", group.to_owned()),
        ("dlq-error-class", failure.class.as_str().to_owned()),
        ("dlq-error", cut(&failure.error).to_owned()),
        (ATTEMPTS, attempts.to_string()),
        (
            FIRST_FAILED_AT,
            kept(FIRST_FAILED_AT, time(first_failed_at)),
        ),
        ("dlq-failed-at", time(Utc::now())),
    ] {
        headers = headers.insert(Header {
            key,
            value: Some(&value),
        });
    }
    headers
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_ERROR_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rdkafka::Timestamp;
    use rdkafka::message::{Headers, OwnedMessage};

    use super::*;

    fn message(headers: Option<OwnedHeaders>) -> OwnedMessage {
        OwnedMessage::new(
            Some(b"value".to_vec()),
            None,
            "broker.name".to_owned(),
            Timestamp::CreateTime(1_700_000_000_000),
            3,
            42,
            headers,
        )
    }

    fn failure(error: &str) -> Failure {
        Failure {
            class: ErrorClass::Transient,
            error: error.to_owned(),
            attempts: 5,
        }
    }

    fn dead(message: &OwnedMessage, topic: &str, failure: &Failure) -> OwnedMessage {
        let headers = origin_headers(message, topic, "group", failure, Utc::now());
        self::message(Some(headers))
    }

    #[test]
    fn a_second_death_keeps_the_origin_and_adds_up_the_attempts() {
        let own = OwnedHeaders::new().insert(Header {
            key: "message-id",
            value: Some("m-1"),
        });
        let first = dead(&message(Some(own)), "first-topic", &failure("no database"));
        assert_eq!(header(&first, "dlq-original-topic"), Some("first-topic"));
        assert_eq!(header(&first, "dlq-original-offset"), Some("42"));
        assert_eq!(header(&first, "dlq-attempts"), Some("5"));
        let second = dead(&first, "second-topic", &failure("still none"));
        assert_eq!(header(&second, "message-id"), Some("m-1"));
        for name in [
            "dlq-original-topic",
            "dlq-original-partition",
            "dlq-original-timestamp",
            "dlq-first-failed-at",
        ] {
            assert_eq!(header(&second, name), header(&first, name), "{name}");
        }
        assert_eq!(header(&second, "dlq-error"), Some("still none"));
        assert_eq!(header(&second, "dlq-attempts"), Some("10"));
        let names: Vec<_> = second.headers().unwrap().iter().map(|h| h.key).collect();
        assert_eq!(names.len(), 11, "each once: {names:?}");
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let dead = dead(&message(None), "topic", &failure(&"ü€".repeat(1_000)));
        let text = header(&dead, "dlq-error").unwrap();
        assert!(text.len() <= MAX_ERROR_TEXT && text.len() > MAX_ERROR_TEXT - 4);
    }
}
