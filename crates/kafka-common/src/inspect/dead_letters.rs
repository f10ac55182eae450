//! The dead-letter topics, what lies in them, and what of it was sent back.
//!
//! What was sent back is remembered in the dead-letter topic itself: after each batch stands a
//! *note*, a record without key and value whose header `dlq-redriven` lists the offsets. It is kept
//! as long as the letters that it is about. A consumer group's offsets are not: a broker forgets
//! those of a group without members after a week (`offsets.retention.minutes`), and they can't tell
//! which of the letters a filter left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rdkafka::message::Message;

use super::broker::Broker;
use super::error::InspectError;
use super::letter::{Letter, LetterFilter};
use super::ranges::Ranges;
use super::read::{Flow, Span};
use super::suggest::did_you_mean;
use crate::header::header;

/// The header of a note.
pub(super) const REDRIVEN: &str = "dlq-redriven";

/// A group's dead letters of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterTopic {
    /// Its name on the broker.
    pub name: String,
    /// Its partitions.
    pub partitions: i32,
    /// The logical topic that the letters came from.
    pub source: String,
    /// The logical group that gave them up.
    pub group: String,
}

/// Dead letters of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// Where they lie.
    pub topic: DeadLetterTopic,
    /// Their class.
    pub class: String,
    /// How many there are.
    pub letters: u64,
    /// How many of them were never sent back.
    pub pending: u64,
    /// When the first failed.
    pub oldest: Option<DateTime<Utc>>,
    /// When the last failed.
    pub newest: Option<DateTime<Utc>>,
}

/// Source and group of a logical dead-letter topic, `<topic>.<group>.dlq`.
pub(super) fn source_and_group(topic: &str) -> Option<(&str, &str)> {
    let (source, group) = topic.strip_suffix(".dlq")?.rsplit_once('.')?;
    (!source.is_empty() && !group.is_empty()).then_some((source, group))
}

impl Broker {
    /// The deployment's dead-letter topics.
    ///
    /// # Errors
    /// The broker doesn't answer.
    pub fn dead_letter_topics(&self) -> Result<Vec<DeadLetterTopic>, InspectError> {
        let shapes = self.shapes()?;
        let ours = |name: &&String| name.starts_with(&self.settings.topic_prefix);
        Ok(shapes
            .keys()
            .filter(ours)
            .filter_map(|name| {
                let (source, group) = source_and_group(self.logical(name))?;
                Some(DeadLetterTopic {
                    name: name.clone(),
                    partitions: shapes.get(name)?.partitions,
                    source: source.to_owned(),
                    group: group.to_owned(),
                })
            })
            .collect())
    }

    /// A dead-letter topic by its name, with or without the deployment's prefix.
    ///
    /// # Errors
    /// There is none of this name; the error suggests the nearest.
    pub fn find_dead_letters(&self, name: &str) -> Result<DeadLetterTopic, InspectError> {
        let mut topics = self.dead_letter_topics()?;
        let is_it =
            |topic: &DeadLetterTopic| topic.name == name || self.logical(&topic.name) == name;
        if let Some(position) = topics.iter().position(is_it) {
            return Ok(topics.swap_remove(position));
        }
        let hint = did_you_mean(name, topics.iter().map(|topic| self.logical(&topic.name)));
        let topic = name.to_owned();
        Err(match source_and_group(name) {
            Some(_) => InspectError::UnknownTopic { topic, hint },
            None => InspectError::NotDeadLetters { topic, hint },
        })
    }

    /// Counts the letters of a topic by their class. Reads all of it.
    ///
    /// # Errors
    /// The broker doesn't answer or refuses.
    pub fn count_dead_letters(
        &self,
        topic: &DeadLetterTopic,
    ) -> Result<Vec<DeadLetterCount>, InspectError> {
        let redriven = self.redriven(topic)?;
        let mut counts: BTreeMap<String, DeadLetterCount> = BTreeMap::new();
        self.letters(topic, &LetterFilter::default(), |letter| {
            let count =
                counts
                    .entry(letter.class().to_owned())
                    .or_insert_with(|| DeadLetterCount {
                        topic: topic.clone(),
                        class: letter.class().to_owned(),
                        letters: 0,
                        pending: 0,
                        oldest: None,
                        newest: None,
                    });
            count.letters += 1;
            count.pending += u64::from(!is_redriven(&redriven, &letter));
            let time = letter.timestamp;
            count.oldest = count.oldest.into_iter().chain(time).min();
            count.newest = count.newest.into_iter().chain(time).max();
            Ok::<_, InspectError>(Flow::Next)
        })?;
        Ok(counts.into_values().collect())
    }

    /// Hands over the letters that a filter wants, those of a partition in their order.
    ///
    /// # Errors
    /// `each` fails, or the broker doesn't answer or refuses.
    pub fn letters<E: From<InspectError>>(
        &self,
        topic: &DeadLetterTopic,
        filter: &LetterFilter,
        mut each: impl FnMut(Letter) -> Result<Flow, E>,
    ) -> Result<(), E> {
        let spans = self.spans(topic)?;
        self.read(&topic.name, &spans, |message| {
            if header(message, REDRIVEN).is_some() {
                return Ok(Flow::Next);
            }
            let letter = Letter::of(message);
            match filter.wants(&letter) {
                true => each(letter),
                false => Ok(Flow::Next),
            }
        })
    }

    /// The offsets that were sent back, by partition.
    pub(super) fn redriven(
        &self,
        topic: &DeadLetterTopic,
    ) -> Result<BTreeMap<i32, Ranges>, InspectError> {
        let mut redriven: BTreeMap<i32, Ranges> = BTreeMap::new();
        let spans = self.spans(topic)?;
        self.read(&topic.name, &spans, |message| {
            if let Some(note) = header(message, REDRIVEN) {
                match note.parse::<Ranges>() {
                    Ok(offsets) => redriven
                        .entry(message.partition())
                        .or_default()
                        .extend(&offsets),
                    // Not ours: nobody else writes this header.
                    Err(error) => tracing::warn!(topic = topic.name, error, "note not read"),
                }
            }
            Ok::<_, InspectError>(Flow::Next)
        })?;
        Ok(redriven)
    }

    fn spans(&self, topic: &DeadLetterTopic) -> Result<Vec<Span>, InspectError> {
        let bounds = self.bounds(&topic.name, topic.partitions)?;
        Ok(bounds
            .iter()
            .map(|bounds| Span {
                partition: bounds.partition,
                from: bounds.first,
                to: Some(bounds.end),
            })
            .collect())
    }
}

pub(super) fn is_redriven(redriven: &BTreeMap<i32, Ranges>, letter: &Letter) -> bool {
    let offsets = redriven.get(&letter.partition);
    offsets.is_some_and(|offsets| offsets.contains(letter.offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_source_and_group() {
        for (name, parts) in [
            (
                "trade-executions.notification-service.dlq",
                Some(("trade-executions", "notification-service")),
            ),
            ("t1.trades.group.dlq", Some(("t1.trades", "group"))),
            ("trade-executions", None),
            ("trade-executions.dlq", None),
            (".group.dlq", None),
        ] {
            assert_eq!(source_and_group(name), parts, "{name}");
        }
    }
}
