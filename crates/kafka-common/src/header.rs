//! Reading headers, whatever their names are.
//!
//! rust-rdkafka panics at a header whose name isn't UTF-8, and whoever may write to a topic can send
//! one: it would end the consumer, again after each restart. So no header is read through it here.
#![allow(
    unsafe_code,
    reason = "rust-rdkafka reads no header whose name isn't UTF-8"
)]

use std::ffi::CStr;
use std::ops::Range;
use std::{ptr, slice};

use rdkafka::bindings as c;
use rdkafka::message::{BorrowedHeaders, Header, Headers, Message, OwnedHeaders};

/// A header's name and value.
pub type RawHeader<'a> = (&'a [u8], Option<&'a [u8]>);

/// Headers that can be read without a look at their names.
pub trait RawHeaders {
    /// The header at this place; `None` behind the last one.
    fn raw(&self, index: usize) -> Option<RawHeader<'_>>;
}

impl RawHeaders for BorrowedHeaders {
    fn raw(&self, index: usize) -> Option<RawHeader<'_>> {
        let headers = ptr::from_ref(self).cast::<c::rd_kafka_headers_t>();
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: a reference to `BorrowedHeaders` is librdkafka's pointer to headers and nothing
        // else. The places written to are this function's own, and what they point to afterwards
        // lives as long as the headers. A name ends with a zero.
        unsafe {
            let error =
                c::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size);
            if error != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast(), size));
            Some((CStr::from_ptr(name).to_bytes(), value))
        }
    }
}

impl RawHeaders for OwnedHeaders {
    fn raw(&self, index: usize) -> Option<RawHeader<'_>> {
        self.as_borrowed().raw(index)
    }
}

/// All headers of a record, in order.
pub fn raw_headers<M>(message: &M) -> impl Iterator<Item = RawHeader<'_>>
where
    M: Message<Headers: RawHeaders>,
{
    let headers = message.headers();
    (0..).map_while(move |index| headers.and_then(|headers| headers.raw(index)))
}

/// A header's text; the first of a name counts.
#[must_use]
pub fn header<'a, M>(message: &'a M, name: &str) -> Option<&'a str>
where
    M: Message<Headers: RawHeaders>,
{
    let mut found = raw_headers(message).filter(|(key, _)| *key == name.as_bytes());
    std::str::from_utf8(found.next()?.1?).ok()
}

/// Headers that outlive their record, in two pieces of memory. What isn't UTF-8 in a name is replaced.
#[derive(Debug, Default)]
pub(crate) struct PackedHeaders {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, Option<Range<usize>>)>,
}

impl PackedHeaders {
    pub(crate) fn of<M>(message: &M) -> Self
    where
        M: Message<Headers: RawHeaders>,
    {
        if message.headers().is_none() {
            return Self::default();
        }
        // Room for those that our own services write.
        let mut packed = Self {
            bytes: Vec::with_capacity(192),
            places: Vec::with_capacity(4),
        };
        for (name, value) in raw_headers(message) {
            let name = packed.add(String::from_utf8_lossy(name).as_bytes());
            let value = value.map(|value| packed.add(value));
            packed.places.push((name, value));
        }
        packed
    }

    fn add(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

impl RawHeaders for PackedHeaders {
    fn raw(&self, index: usize) -> Option<RawHeader<'_>> {
        let (name, value) = self.places.get(index)?;
        let value = value
            .as_ref()
            .and_then(|value| self.bytes.get(value.clone()));
        Some((self.bytes.get(name.clone())?, value))
    }
}

impl Headers for PackedHeaders {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
        let (name, value) = self.raw(index)?;
        // A name was made UTF-8 when it was packed.
        let key = std::str::from_utf8(name).unwrap_or_default();
        Some(Header { key, value })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;
    use test_support::with_unreadable_name;

    use super::*;

    fn message(headers: OwnedHeaders) -> OwnedMessage {
        let topic = "topic".to_owned();
        OwnedMessage::new(
            None,
            None,
            topic,
            Timestamp::NotAvailable,
            0,
            0,
            Some(headers),
        )
    }

    fn own() -> OwnedHeaders {
        OwnedHeaders::new().insert(Header {
            key: "message-id",
            value: Some("m-1"),
        })
    }

    #[test]
    fn no_name_is_a_reason_to_panic() {
        let message = message(with_unreadable_name(own()));
        assert_eq!(header(&message, "message-id"), Some("m-1"));
        assert_eq!(header(&message, "traceparent"), None);
        let all: Vec<_> = raw_headers(&message).collect();
        let expected: [RawHeader<'_>; 2] = [
            (b"message-id", Some(b"m-1")),
            (b"no\xfftext", Some(b"\xff")),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn packed_headers_are_the_same_with_names_that_can_be_read() {
        let nothing = Header::<&[u8]> {
            key: "nothing",
            value: None,
        };
        let message = message(with_unreadable_name(own().insert(nothing.clone())));
        let packed = PackedHeaders::of(&message);
        let all: Vec<_> = packed.iter().collect();
        let expected = [
            Header {
                key: "message-id",
                value: Some(&b"m-1"[..]),
            },
            nothing,
            Header {
                key: "no\u{fffd}text",
                value: Some(b"\xff"),
            },
        ];
        assert_eq!(all, expected);
        assert!(packed.try_get(3).is_none() && packed.raw(3).is_none());
    }

    #[test]
    fn the_first_of_a_name_counts_and_what_is_no_text_is_none() {
        let more = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = own()
            .insert(more("message-id", &b"m-2"[..]))
            .insert(more("bytes", b"\xff"));
        let message = message(headers);
        assert_eq!(header(&message, "message-id"), Some("m-1"));
        assert_eq!(header(&message, "bytes"), None);
    }
}
