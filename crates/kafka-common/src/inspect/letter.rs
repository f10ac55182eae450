//! A dead letter, and which of them are wanted.

use chrono::{DateTime, Utc};
use rdkafka::message::{Header, Message, OwnedHeaders};

use crate::dead_letter::REDRIVES;
use crate::header::{RawHeaders, raw_headers};
use crate::record::broker_timestamp;

/// What describes one failure: it doesn't go back to the source topic. Where the record came from
/// does, so that a reader can tell that it is an old one sent again.
const OF_THE_FAILURE: [&str; 5] = [
    "dlq-error-class",
    "dlq-error",
    "dlq-attempts",
    "dlq-failed-at",
    REDRIVES,
];

/// A record of a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its partition in the dead-letter topic.
    pub partition: i32,
    /// Its offset in the dead-letter topic.
    pub offset: i64,
    /// When it was put there.
    pub timestamp: Option<DateTime<Utc>>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
    /// Its headers, the record's own first.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Letter {
    pub(super) fn of<M>(message: &M) -> Self
    where
        M: Message<Headers: RawHeaders>,
    {
        let headers = raw_headers(message);
        let text = |name| String::from_utf8_lossy(name).into_owned();
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: broker_timestamp(message),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|(name, value)| (text(name), value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }

    /// A header's text; the last of a name counts.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().rev().filter(|(key, _)| key == name);
        std::str::from_utf8(found.next()?.1.as_deref()?).ok()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.parse().ok()
    }

    /// The class of its failure; `unknown` if it doesn't say.
    #[must_use]
    pub fn class(&self) -> &str {
        self.header("dlq-error-class").unwrap_or("unknown")
    }

    /// Why its consumer gave it up.
    #[must_use]
    pub fn error(&self) -> &str {
        self.header("dlq-error").unwrap_or_default()
    }

    /// The topic that it came from, as its consumer names it.
    #[must_use]
    pub fn original_topic(&self) -> Option<&str> {
        self.header("dlq-original-topic")
    }

    /// The partition that it came from.
    #[must_use]
    pub fn original_partition(&self) -> Option<i32> {
        self.number("dlq-original-partition")
            .and_then(|partition| i32::try_from(partition).ok())
    }

    /// The offset that it came from.
    #[must_use]
    pub fn original_offset(&self) -> Option<i64> {
        self.number("dlq-original-offset")
    }

    /// How often its consumer tried it.
    #[must_use]
    pub fn attempts(&self) -> Option<i64> {
        self.number("dlq-attempts")
    }

    /// How often it has been sent back before.
    #[must_use]
    pub fn redrives(&self) -> u32 {
        self.number(REDRIVES)
            .and_then(|redrives| u32::try_from(redrives).ok())
            .unwrap_or_default()
    }

    /// The headers under which it goes back.
    pub(super) fn redriven_headers(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len() + 1);
        let kept = |name: &str| !OF_THE_FAILURE.contains(&name);
        for (key, value) in self.headers.iter().filter(|(key, _)| kept(key)) {
            let value = value.as_deref();
            headers = headers.insert(Header { key, value });
        }
        let redrives = self.redrives().saturating_add(1).to_string();
        headers.insert(Header {
            key: REDRIVES,
            value: Some(redrives.as_str()),
        })
    }
}

/// Which dead letters are wanted; an empty filter wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Those of this class.
    pub class: Option<String>,
    /// Those under this key.
    pub key: Option<String>,
    /// Those that failed at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Those that failed before this time.
    pub until: Option<DateTime<Utc>>,
    /// Those in this partition of the dead-letter topic.
    pub partition: Option<i32>,
    /// Those at this offset of the dead-letter topic or later.
    pub from_offset: Option<i64>,
    /// Those at this offset of the dead-letter topic or earlier.
    pub to_offset: Option<i64>,
}

impl LetterFilter {
    /// Whether a letter is wanted.
    #[must_use]
    pub fn wants(&self, letter: &Letter) -> bool {
        let key = self.key.as_ref().map(String::as_bytes);
        let time = letter.timestamp;
        self.class
            .as_deref()
            .is_none_or(|class| class == letter.class())
            && key.is_none_or(|key| letter.key.as_deref() == Some(key))
            && self
                .since
                .is_none_or(|since| time.is_some_and(|time| time >= since))
            && self
                .until
                .is_none_or(|until| time.is_some_and(|time| time < until))
            && self
                .partition
                .is_none_or(|partition| partition == letter.partition)
            && self.from_offset.is_none_or(|from| letter.offset >= from)
            && self.to_offset.is_none_or(|to| letter.offset <= to)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rdkafka::message::Headers as _;

    use super::*;

    fn letter() -> Letter {
        let header = |key: &str, value: &str| (key.to_owned(), Some(value.as_bytes().to_vec()));
        Letter {
            partition: 0,
            offset: 7,
            timestamp: DateTime::from_timestamp_millis(1_000),
            key: Some(b"s1".to_vec()),
            value: Some(b"{}".to_vec()),
            headers: vec![
                header("message-id", "m"),
                ("empty".to_owned(), None),
                header("dlq-original-topic", "trade-executions"),
                header("dlq-original-offset", "41"),
                header("dlq-error-class", "transient"),
                header("dlq-error", "down"),
                header("dlq-redrives", "1"),
            ],
        }
    }

    #[test]
    fn what_goes_back_has_its_own_headers_its_origin_and_one_redrive_more() {
        let headers = letter().redriven_headers();
        let names: Vec<_> = headers.iter().map(|header| header.key.to_owned()).collect();
        let expected = [
            "message-id",
            "empty",
            "dlq-original-topic",
            "dlq-original-offset",
        ];
        assert_eq!(names, [&expected[..], &[REDRIVES]].concat());
        assert_eq!(headers.get_as::<str>(4).unwrap().value, Some("2"));
        assert_eq!(headers.get(1).value, None);
    }

    #[test]
    fn every_part_of_a_filter_can_refuse() {
        let at = |millis| DateTime::from_timestamp_millis(millis);
        let all = LetterFilter::default();
        assert!(all.wants(&letter()));
        for (filter, wanted) in [
            (
                LetterFilter {
                    class: Some("transient".into()),
                    ..all.clone()
                },
                true,
            ),
            (
                LetterFilter {
                    class: Some("poison".into()),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    key: Some("s1".into()),
                    ..all.clone()
                },
                true,
            ),
            (
                LetterFilter {
                    key: Some("s2".into()),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    since: at(1_000),
                    until: at(1_001),
                    ..all.clone()
                },
                true,
            ),
            (
                LetterFilter {
                    since: at(1_001),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    until: at(1_000),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    partition: Some(1),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    from_offset: Some(7),
                    to_offset: Some(7),
                    ..all.clone()
                },
                true,
            ),
            (
                LetterFilter {
                    from_offset: Some(8),
                    ..all.clone()
                },
                false,
            ),
            (
                LetterFilter {
                    to_offset: Some(6),
                    ..all
                },
                false,
            ),
        ] {
            assert_eq!(filter.wants(&letter()), wanted, "{filter:?}");
        }
    }
}
