//! A spool's file: no bytes bring it down, and what was written is what is read.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/kafka-common/src/spool/entry.rs"]
mod entry;
/// What the file above finds beside it.
mod topics {
    pub use kafka_common::topics::CATALOGUE;
}

use algotrade_fuzz::{sample, target};
use entry::{Entry, FRAME, Found, decode};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let headers = OwnedHeaders::new().insert(Header {
        key: "message-id",
        value: Some("7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11"),
    });
    let samples = sample::envelopes().into_iter();
    samples
        .map(|(topic, value)| {
            let name = topics::CATALOGUE[usize::from(topic)].name;
            let entry = Entry::new(name, b"BTCUSD", value, &headers);
            entry.encode().expect("an entry can be written")[FRAME..].to_vec()
        })
        .collect()
}

fn check(data: &[u8]) {
    look(data);
    // No fuzzer finds a checksum by chance: here the content is what is damaged.
    let length = u32::try_from(data.len()).expect("libFuzzer's inputs are short");
    let checksum = crc32fast::hash(data);
    let framed = [&length.to_le_bytes(), &checksum.to_le_bytes(), data].concat();
    look(&framed);
}

fn look(bytes: &[u8]) {
    let Found::Entry(entry, length) = decode(bytes) else {
        return;
    };
    assert!(length <= bytes.len());
    let _ = entry.known_topic();
    assert_eq!(entry.kafka_headers().count(), entry.headers.len());
    let written = entry.encode().expect("what was read can be written");
    let length = written.len();
    assert_eq!(decode(&written), Found::Entry(entry, length));
}
