//! A record's headers: the trace, the dead letter's, and the operator's view of them. A record that
//! dies again keeps its origin, whatever it carries.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/kafka-common/src/dead_letter.rs"]
mod dead_letter;
/// What the file above finds beside it.
mod error {
    pub use kafka_common::ErrorClass;
}
mod header {
    pub use kafka_common::{RawHeaders, header, raw_headers};
}

use algotrade_fuzz::target;
use chrono::Utc;
use dead_letter::{DeadLetter, Failure, origin_headers};
use kafka_common::inspect::{Letter, View};
use kafka_common::trace::{self, TraceContext};
use kafka_common::{header, raw_headers};
use rdkafka::Timestamp;
use rdkafka::bindings as c;
use rdkafka::message::{Message as _, OwnedHeaders, OwnedMessage};

target!(seeds, check);

const TOPIC: &str = "trade-executions";

/// Each header is a line `name=value`; what follows the first empty line is the record's value.
fn parse(data: &[u8]) -> OwnedMessage {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (lines, value) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let mut headers = OwnedHeaders::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        headers = add(headers, name, value);
    }
    message(Some(value.to_vec()), headers)
}

/// With any name: rust-rdkafka itself adds only such as are UTF-8, and other programs don't.
fn add(headers: OwnedHeaders, name: &[u8], value: Option<&[u8]>) -> OwnedHeaders {
    let native = std::ptr::from_ref(headers.as_borrowed())
        .cast_mut()
        .cast::<c::rd_kafka_headers_t>();
    let (value, size) = value.map_or((std::ptr::null(), -1), |value| {
        (value.as_ptr(), value.len() as isize)
    });
    // SAFETY: the headers are this function's own, and librdkafka copies name and value.
    let error = unsafe {
        c::rd_kafka_header_add(
            native,
            name.as_ptr().cast(),
            name.len() as isize,
            value.cast(),
            size,
        )
    };
    assert_eq!(error, c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    headers
}

fn message(value: Option<Vec<u8>>, headers: OwnedHeaders) -> OwnedMessage {
    let time = Timestamp::CreateTime(1_767_571_200_000);
    let topic = TOPIC.to_owned();
    OwnedMessage::new(value, None, topic, time, 3, 42, Some(headers))
}

fn seeds() -> Vec<Vec<u8>> {
    let failure = failure("no database");
    let fresh = parse(b"message-id=7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11\nrecord-kind=signal\n\ntraceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n\n{}");
    let dead = origin_headers(&fresh, TOPIC, "notification-service", &failure, Utc::now());
    let mut lines =
        b"dlq-redrives=2\ntraceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .to_vec();
    let dead = message(None, dead);
    for (name, value) in raw_headers(&dead) {
        lines.push(b'\n');
        lines.extend_from_slice(name);
        lines.push(b'=');
        lines.extend_from_slice(value.unwrap_or_default());
    }
    lines.extend_from_slice(b"\n\n{\"timestamp\":\"2026-01-05T00:00:00Z\"}");
    vec![lines, b"dlq-attempts=4294967295\n\n".to_vec()]
}

fn failure(error: &str) -> Failure {
    Failure {
        class: kafka_common::ErrorClass::Transient,
        error: error.to_owned(),
        attempts: 5,
    }
}

fn check(data: &[u8]) {
    let record = parse(data);
    if let Some(context) = trace::of_record(&record) {
        assert_eq!(context.to_string().parse::<TraceContext>(), Ok(context));
    }
    let _ = View::of(&record, TOPIC);
    look(&letter(&record));
    let error = String::from_utf8_lossy(data);
    let group = "notification-service";
    let first = DeadLetter::of(&record, TOPIC, group, &failure(&error));
    let first = message(record.payload().map(<[u8]>::to_vec), first.headers);
    let again = DeadLetter::of(&first, "another-topic", group, &failure(&error));
    let again = message(None, again.headers);
    for name in [
        "dlq-original-topic",
        "dlq-original-offset",
        "dlq-original-partition",
    ] {
        let origin = header(&first, name);
        assert!(origin.is_some(), "{name}");
        assert_eq!(origin, header(&again, name), "{name}");
    }
    look(&letter(&again));
}

fn letter(record: &OwnedMessage) -> Letter {
    let owned = raw_headers(record).map(|(name, value)| {
        let name = String::from_utf8_lossy(name).into_owned();
        (name, value.map(<[u8]>::to_vec))
    });
    Letter {
        partition: record.partition(),
        offset: record.offset(),
        timestamp: None,
        key: None,
        value: record.payload().map(<[u8]>::to_vec),
        headers: owned.collect(),
    }
}

fn look(letter: &Letter) {
    let _ = (letter.class(), letter.error(), letter.original_topic());
    let _ = (letter.original_partition(), letter.original_offset());
    let _ = (letter.attempts(), letter.redrives());
}
