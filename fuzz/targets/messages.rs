//! Envelope and payload of every topic: what is read is the same when it is written and read again,
//! and the operator's view takes exactly what the topic's readers take.
#![no_main]

use algotrade_fuzz::{sample, target};
use kafka_common::inspect::Content;
use kafka_common::messages::{MarketDataUpdate, TickView};
use kafka_common::topics::{CATALOGUE, TopicVisitor, visit};
use kafka_common::{Topic, envelope};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let samples = sample::envelopes().into_iter();
    samples
        .map(|(topic, value)| [&[topic], &value[..]].concat())
        .collect()
}

/// The first byte says which topic it is.
fn check(data: &[u8]) {
    let Some((topic, value)) = data.split_first() else {
        return;
    };
    let name = CATALOGUE[usize::from(*topic) % CATALOGUE.len()].name;
    let is_read = visit(name, RoundTrip(value)).expect("it is in the catalogue");
    let is_shown = matches!(Content::of(Some(value), name), Content::Decoded { .. });
    assert_eq!(is_read, is_shown, "readers and operators see the same");
    let owned = envelope::decode::<MarketDataUpdate>(Some(value));
    let view = envelope::decode::<TickView<'_>>(Some(value));
    if let (Ok(owned), Ok(view)) = (owned, view) {
        assert_eq!(owned.data.symbol, view.data.symbol);
        assert_eq!(owned.data.price, view.data.price);
        assert_eq!(owned.data.volume, view.data.volume);
    }
}

struct RoundTrip<'a>(&'a [u8]);

impl TopicVisitor for RoundTrip<'_> {
    type Output = bool;

    fn visit<T: Topic>(self, _topic: T) -> bool {
        let Ok(read) = envelope::decode::<T::Message>(Some(self.0)) else {
            return false;
        };
        let write = |read: &envelope::Envelope<T::Message>| {
            envelope::encode(&read.producer_service, read.timestamp, &read.data)
                .expect("what was read can be written")
        };
        let written = write(&read);
        let again = envelope::decode::<T::Message>(Some(&written));
        let again = again.expect("what was written can be read");
        assert_eq!(written, write(&again));
        true
    }
}
