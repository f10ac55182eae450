//! A record that was taken from librdkafka, to be handled on another thread.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rdkafka::Timestamp;
use rdkafka::message::{BorrowedMessage, Message};

use super::slot::Slot;
use crate::header::PackedHeaders;

/// Records share pieces of memory, because what one thread takes and another gives back is dear, and
/// rust-rdkafka's own copy of a record takes a dozen pieces, most of them for headers. A record that
/// waits keeps all of its piece: at worst 16 MB for the thousand records that wait by default.
#[derive(Debug)]
pub(super) struct Received {
    /// The assignment that it came by.
    pub(super) slot: Arc<Slot>,
    offset: i64,
    timestamp: Timestamp,
    /// The key, and behind it the value.
    bytes: Bytes,
    /// Where the key ends, if there is one.
    key_end: Option<usize>,
    has_value: bool,
    headers: PackedHeaders,
}

/// Where keys and values are copied to.
#[derive(Debug, Default)]
pub(super) struct Chunk(BytesMut);

impl Chunk {
    const SIZE: usize = 16 * 1024;

    /// A record larger than a chunk gets one of its own.
    fn copy(&mut self, key: &[u8], value: &[u8]) -> Bytes {
        let size = key.len() + value.len();
        if self.0.capacity() < size {
            self.0 = BytesMut::with_capacity(Self::SIZE.max(size));
        }
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value);
        self.0.split().freeze()
    }
}

impl Received {
    pub(super) fn of(message: &BorrowedMessage<'_>, slot: Arc<Slot>, chunk: &mut Chunk) -> Self {
        let (key, value) = (message.key(), message.payload());
        let bytes = chunk.copy(key.unwrap_or_default(), value.unwrap_or_default());
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
        // The bytes are shared.
        None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_keep_their_bytes_whatever_follows_them() {
        let mut chunk = Chunk::default();
        let sizes = [0, 1, 300, Chunk::SIZE - 1, Chunk::SIZE, 3 * Chunk::SIZE, 7];
        let copies: Vec<(Vec<u8>, Bytes)> = sizes
            .iter()
            .zip(b'a'..)
            .map(|(size, letter)| {
                let value = vec![letter; *size];
                let copy = chunk.copy(b"key", &value);
                ([b"key", &value[..]].concat(), copy)
            })
            .collect();
        for (expected, copy) in copies {
            assert_eq!(copy, expected);
        }
    }
}
