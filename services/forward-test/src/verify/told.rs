//! What a session's topics hold of it.

use std::collections::BTreeMap;

use super::difference::{Difference, What};
use super::{Outputs, Said, Topic};

/// The records of a session on its two topics.
#[derive(Debug, Default)]
pub struct Told {
    /// The first record of each sequence.
    pub(super) outputs: Outputs,
    /// What came again, with the same sequence.
    pub(super) again: Vec<(u64, Said)>,
    /// What couldn't be read.
    pub(super) unreadable: Vec<Difference>,
    /// Topics from which the oldest records have gone.
    pub(super) cut: BTreeMap<Topic, bool>,
}

impl Told {
    /// Adds the payload of a record (`data` of its envelope) that has the session's id as its key.
    pub fn add(&mut self, topic: Topic, payload: &str) {
        match Said::read(topic, payload) {
            Ok((sequence, said)) => match self.outputs.get(&sequence) {
                None => {
                    self.outputs.insert(sequence, said);
                }
                Some(_) => self.again.push((sequence, said)),
            },
            Err(error) => self.add_unreadable(topic, error),
        }
    }

    /// Adds a record that can't even be decoded.
    pub fn add_unreadable(&mut self, topic: Topic, error: String) {
        self.unreadable.push(Difference {
            place: topic.name(),
            sequence: None,
            what: What::Unreadable,
            field: None,
            expected: None,
            found: Some(error),
        });
    }

    /// Says that a topic no longer has its oldest records, perhaps some of the session.
    pub fn cut(&mut self, topic: Topic) {
        self.cut.insert(topic, true);
    }

    /// Whether a record may have gone because the topic keeps none that is so old: those of the
    /// topic that are kept are all younger.
    pub(super) fn may_have_expired(&self, topic: Topic, sequence: u64) -> bool {
        if !self.cut.contains_key(&topic) {
            return false;
        }
        let mut kept = self
            .outputs
            .iter()
            .filter(|(_, said)| said.topic() == topic);
        kept.next().is_none_or(|(first, _)| sequence < *first)
    }
}
