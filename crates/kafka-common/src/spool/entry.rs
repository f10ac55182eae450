//! A spooled message as bytes: length, checksum, content.

use rdkafka::message::{Header, Headers, OwnedHeaders};
use serde::{Deserialize, Serialize};

use crate::topics::CATALOGUE;

/// Length and checksum before each content.
pub(super) const FRAME: usize = 8;
/// Nothing longer is written; a longer length that is read is damage.
pub(super) const MAX_CONTENT: usize = 16 * 1024 * 1024;

/// A message as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Logical topic.
    pub(super) topic: String,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Entry {
    pub(super) fn new(topic: &str, key: &[u8], value: Vec<u8>, headers: &OwnedHeaders) -> Self {
        let headers = headers
            .iter()
            .map(|header| {
                let value = header.value.unwrap_or_default();
                (header.key.to_owned(), value.to_vec())
            })
            .collect();
        Self {
            topic: topic.to_owned(),
            key: key.to_vec(),
            value,
            headers,
        }
    }

    pub(super) fn kafka_headers(&self) -> OwnedHeaders {
        let empty = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers.iter().fold(empty, |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        })
    }

    /// The catalogue's own name of the topic.
    pub(super) fn known_topic(&self) -> Option<&'static str> {
        let mut names = CATALOGUE.iter().map(|spec| spec.name);
        names.find(|name| *name == self.topic)
    }

    /// The frame and the content.
    pub(super) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = postcard::to_extend(self, vec![0; FRAME])?;
        let (frame, content) = bytes.split_at_mut(FRAME);
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
        Ok(bytes)
    }
}

/// What stands at a place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A message, and the bytes that it takes.
    Entry(Box<Entry>, usize),
    /// Nothing: the place is the end.
    End,
    /// A message that was cut off, or isn't what was written.
    Damaged,
}

/// Reads the message at the beginning of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Found {
    if bytes.is_empty() {
        return Found::End;
    }
    let Some((frame, rest)) = bytes.split_at_checked(FRAME) else {
        return Found::Damaged;
    };
    let word =
        |at: usize| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    let (length, checksum) = (word(0) as usize, word(4));
    if length > MAX_CONTENT {
        return Found::Damaged;
    }
    let content = match rest.get(..length) {
        Some(content) if crc32fast::hash(content) == checksum => content,
        _ => return Found::Damaged,
    };
    match postcard::from_bytes(content) {
        Ok(entry) => Found::Entry(Box::new(entry), FRAME + length),
        Err(_) => Found::Damaged,
    }
}
