//! Headers that rust-rdkafka can't make, and other programs can.
#![allow(unsafe_code, reason = "rust-rdkafka makes no name that isn't UTF-8")]

use std::ptr;

use rdkafka::bindings as c;
use rdkafka::message::OwnedHeaders;

/// Adds a header whose name isn't UTF-8: a program that takes names for text must not fall over it.
///
/// # Panics
/// librdkafka refuses it.
#[must_use]
pub fn with_unreadable_name(headers: OwnedHeaders) -> OwnedHeaders {
    const NAME: &[u8] = b"no\xfftext";
    let native = ptr::from_ref(headers.as_borrowed())
        .cast_mut()
        .cast::<c::rd_kafka_headers_t>();
    // SAFETY: a reference to `BorrowedHeaders` is librdkafka's pointer to headers and nothing else;
    // these are this function's own, and librdkafka copies name and value.
    let error = unsafe {
        c::rd_kafka_header_add(
            native,
            NAME.as_ptr().cast(),
            NAME.len() as isize,
            c"\xff".as_ptr().cast(),
            1,
        )
    };
    assert_eq!(error, c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    headers
}
