//! A record as an operator sees it: decoded if it can be, shown as it is if not.

use chrono::{DateTime, Utc};
use rdkafka::message::Message;
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema;
use crate::envelope;
use crate::header::{RawHeaders, raw_headers};
use crate::record::broker_timestamp;

/// Most of an undecodable value that is shown.
const SHOWN: usize = 1_024;

/// A record.
#[derive(Debug)]
pub struct View {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The log's time of it.
    pub timestamp: Option<DateTime<Utc>>,
    /// Its key, with what isn't text replaced.
    pub key: Option<String>,
    /// Its headers, with what isn't text replaced.
    pub headers: Vec<(String, String)>,
    /// Its value.
    pub content: Content,
}

/// A record's value.
#[derive(Debug)]
pub enum Content {
    /// An envelope around what the topic carries.
    Decoded {
        /// When it was produced.
        produced_at: DateTime<Utc>,
        /// By which service.
        producer_service: String,
        /// The payload on one line, its numbers as they were written.
        data: Box<RawValue>,
    },
    /// Something that the topic's readers refuse.
    Undecodable {
        /// Why they do.
        error: String,
        /// The value, with what isn't text replaced; cut after 1 KiB.
        value: String,
        /// Its length in bytes.
        bytes: usize,
    },
}

impl View {
    /// Decodes a record of a topic of this logical name.
    pub fn of<M>(message: &M, topic: &str) -> Self
    where
        M: Message<Headers: RawHeaders>,
    {
        let headers = raw_headers(message);
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: broker_timestamp(message),
            key: message.key().map(|key| lossy(Some(key))),
            headers: headers
                .map(|(name, value)| (lossy(Some(name)), lossy(value)))
                .collect(),
            content: Content::of(message.payload(), topic),
        }
    }
}

impl Content {
    /// Decodes a value of a topic of this logical name.
    #[must_use]
    pub fn of(value: Option<&[u8]>, topic: &str) -> Self {
        let decoded = envelope::decode::<Box<RawValue>>(value)
            .map_err(|error| error.to_string())
            .and_then(|envelope| {
                schema::check(topic, &envelope.data).map_err(|invalid| invalid.to_string())?;
                let data = one_line(&envelope.data).map_err(|error| error.to_string())?;
                Ok((envelope.timestamp, envelope.producer_service, data))
            });
        match decoded {
            Ok((produced_at, producer_service, data)) => Self::Decoded {
                produced_at,
                producer_service,
                data,
            },
            Err(error) => {
                let value = value.unwrap_or_default();
                Self::Undecodable {
                    error,
                    value: lossy(Some(&value[..value.len().min(SHOWN)])),
                    bytes: value.len(),
                }
            }
        }
    }
}

fn lossy(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// Line breaks in JSON stand only between its parts: in a text they are escaped.
fn one_line(data: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(data.get().replace(['\n', '\r', '\t'], " "))
}

/// Which records are wanted; an empty filter wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Those under this key.
    pub key: Option<String>,
    /// Those about this symbol.
    pub symbol: Option<String>,
    /// Those of this session.
    pub session: Option<String>,
}

impl RecordFilter {
    /// Whether a record is wanted. Of an undecodable one only the key is known.
    #[must_use]
    pub fn wants(&self, view: &View) -> bool {
        if self.key.is_some() && self.key != view.key {
            return false;
        }
        if self.symbol.is_none() && self.session.is_none() {
            return true;
        }
        let Content::Decoded { data, .. } = &view.content else {
            return false;
        };
        let data: Value = serde_json::from_str(data.get()).unwrap_or_default();
        let is = |wanted: &Option<String>, field: &str| {
            wanted.is_none() || *wanted == schema::text(&data, field)
        };
        is(&self.symbol, "symbol") && is(&self.session, "session_id")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn view(value: &[u8], topic: &str) -> View {
        View {
            partition: 0,
            offset: 0,
            timestamp: None,
            key: Some("BTCUSD".to_owned()),
            headers: Vec::new(),
            content: Content::of(Some(value), topic),
        }
    }

    #[test]
    fn numbers_stay_as_they_were_written_and_lines_are_one() {
        let value = b"{\"timestamp\":\"2024-01-01T12:00:00Z\",\"producer_service\":\"x\",\
            \"data\":{\n\t\"price\":50000.00,\"note\":\"a\\nb\"}}";
        let Content::Decoded { data, .. } = Content::of(Some(value), "foreign") else {
            panic!("it can be decoded")
        };
        assert!(data.get().contains("50000.00") && data.get().contains("a\\nb"));
        assert!(!data.get().contains('\n'));
    }

    #[test]
    fn what_readers_would_refuse_is_undecodable_and_says_why() {
        let cut = "é".repeat(2_000);
        for (value, why) in [
            (&b""[..], "no value"),
            (&[0xff, 0xfe][..], "not UTF-8"),
            (cut.as_bytes(), "topic's message"),
            (
                &br#"{"timestamp":"2024-01-01T12:00:00Z","producer_service":"x","data":{}}"#[..],
                "data.symbol: is missing",
            ),
        ] {
            let Content::Undecodable { error, bytes, .. } =
                Content::of(Some(value), "market-data-updates")
            else {
                panic!("it can't be decoded")
            };
            assert!(error.contains(why), "{error}");
            assert_eq!(bytes, value.len());
        }
    }

    #[test]
    fn filters_look_where_the_topic_has_the_field() {
        let signal = br#"{"timestamp":"2024-01-01T12:00:00Z","producer_service":"x",
            "data":{"session_id":"s1","market_data":{"symbol":"BTCUSD"}}}"#;
        let signal = view(signal, "foreign");
        let broken = view(b"{", "foreign");
        let filter =
            |key: Option<&str>, symbol: Option<&str>, session: Option<&str>| RecordFilter {
                key: key.map(str::to_owned),
                symbol: symbol.map(str::to_owned),
                session: session.map(str::to_owned),
            };
        assert!(filter(None, Some("BTCUSD"), Some("s1")).wants(&signal));
        assert!(!filter(None, Some("ETHUSD"), None).wants(&signal));
        assert!(!filter(None, None, Some("s2")).wants(&signal));
        assert!(!filter(Some("ETHUSD"), None, None).wants(&signal));
        assert!(filter(Some("BTCUSD"), None, None).wants(&broken));
        assert!(!filter(None, Some("BTCUSD"), None).wants(&broken));
    }
}
