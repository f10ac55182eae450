//! A record that was taken from librdkafka, to be handled on another thread.

use std::sync::Arc;

use rdkafka::Timestamp;
use rdkafka::message::{BorrowedMessage, Message};

use super::slot::Slot;
use crate::header::PackedHeaders;

/// Few pieces of memory: rust-rdkafka's own copy of a record takes a dozen, most of them for headers.
#[derive(Debug)]
pub(super) struct Received {
    /// The assignment that it came by.
    pub(super) slot: Arc<Slot>,
    offset: i64,
    timestamp: Timestamp,
    /// The key, and behind it the value.
    bytes: Vec<u8>,
    /// Where the key ends, if there is one.
    key_end: Option<usize>,
    has_value: bool,
    headers: PackedHeaders,
}

impl Received {
    pub(super) fn of(message: &BorrowedMessage<'_>, slot: Arc<Slot>) -> Self {
        let (key, value) = (message.key(), message.payload());
        let bytes = [key.unwrap_or_default(), value.unwrap_or_default()].concat();
        Self {
            slot,
            offset: message.offset(),
            timestamp: message.timestamp(),
            bytes,
            key_end: key.map(<[u8]>::len),
            has_value: value.is_some(),
            headers: PackedHeaders::of(message),
        }
    }
}

impl Message for Received {
    type Headers = PackedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.key_end.and_then(|end| self.bytes.get(..end))
    }

    fn payload(&self) -> Option<&[u8]> {
        let value = self.bytes.get(self.key_end.unwrap_or_default()..);
        value.filter(|_| self.has_value)
    }

    #[allow(unsafe_code, reason = "the trait's own; nothing unsafe is done")]
    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]> {
        let value = self.bytes.get_mut(self.key_end.unwrap_or_default()..);
        value.filter(|_| self.has_value)
    }

    fn topic(&self) -> &str {
        &self.slot.topic
    }

    fn partition(&self) -> i32 {
        self.slot.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    fn headers(&self) -> Option<&PackedHeaders> {
        Some(&self.headers)
    }
}
