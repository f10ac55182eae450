//! Reading parts of a topic, without a group and without committing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::Broker;
use super::error::InspectError;
use crate::error;

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);
/// Silence after which a reading with an end gives up.
const STALL: Duration = Duration::from_secs(30);

/// A part of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The partition.
    pub partition: i32,
    /// The first offset.
    pub from: i64,
    /// The offset after the last; `None` to go on with what comes.
    pub to: Option<i64>,
}

impl Span {
    fn is_empty(&self) -> bool {
        self.to.is_some_and(|to| self.from >= to)
    }
}

/// What to do after a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Read the next one.
    Next,
    /// Read no more of its partition.
    PartitionDone,
    /// Read no more.
    Stop,
}

impl Broker {
    /// Hands over the committed records of the spans, those of a partition in their order.
    ///
    /// # Errors
    /// `each` fails, the client fails for good, or nothing comes for 30 s of a span with an end.
    pub fn read<E: From<InspectError>>(
        &self,
        topic: &str,
        spans: &[Span],
        mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<Flow, E>,
    ) -> Result<(), E> {
        let mut open: BTreeMap<i32, Span> = spans
            .iter()
            .filter(|span| !span.is_empty())
            .map(|span| (span.partition, *span))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        self.assign(topic, &open)?;
        let outcome = self.read_open(topic, &mut open, &mut each);
        // Ends the fetching; the connection stays.
        self.client
            .unassign()
            .map_err(InspectError::kafka("ending a reading"))?;
        outcome
    }

    fn assign(&self, topic: &str, open: &BTreeMap<i32, Span>) -> Result<(), InspectError> {
        let mut list = TopicPartitionList::new();
        for span in open.values() {
            list.add_partition_offset(topic, span.partition, Offset::Offset(span.from))
                .map_err(InspectError::kafka("choosing what to read"))?;
        }
        self.client
            .assign(&list)
            .map_err(InspectError::kafka("choosing what to read"))
    }

    fn read_open<E: From<InspectError>>(
        &self,
        topic: &str,
        open: &mut BTreeMap<i32, Span>,
        each: &mut impl FnMut(&BorrowedMessage<'_>) -> Result<Flow, E>,
    ) -> Result<(), E> {
        let mut heard = Instant::now();
        while !open.is_empty() {
            let Some(polled) = self.client.poll(POLL) else {
                let bounded = open.values().any(|span| span.to.is_some());
                if bounded && heard.elapsed() >= STALL {
                    let topic = topic.to_owned();
                    let (seconds, left) = (STALL.as_secs(), open.len());
                    return Err(InspectError::Stalled {
                        topic,
                        seconds,
                        left,
                    }
                    .into());
                }
                continue;
            };
            match polled {
                Ok(message) => {
                    heard = Instant::now();
                    let Some(span) = open.get(&message.partition()).copied() else {
                        continue;
                    };
                    let last = span.to.map(|to| to - 1);
                    let within = last.is_none_or(|last| message.offset() <= last);
                    let flow = match within {
                        true => each(&message)?,
                        false => Flow::PartitionDone,
                    };
                    // What comes later may not be visible: the end is the last offset itself.
                    let ended = last.is_some_and(|last| message.offset() >= last);
                    match flow {
                        Flow::Stop => return Ok(()),
                        Flow::Next if !ended => {}
                        Flow::Next | Flow::PartitionDone => {
                            // It isn't paused: a pause would outlive the assignment. What is
                            // fetched of it until the others are done is dropped above.
                            open.remove(&span.partition);
                        }
                    }
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    heard = Instant::now();
                    if open.get(&partition).is_some_and(|span| span.to.is_some()) {
                        open.remove(&partition);
                    }
                }
                Err(source) if error::is_fatal(&source) => {
                    return Err(InspectError::kafka("reading")(source).into());
                }
                Err(source) => {
                    if is_refusal(&source) {
                        return Err(InspectError::kafka("reading")(source).into());
                    }
                    tracing::warn!(error = %source, topic, "reading, will go on");
                }
            }
        }
        Ok(())
    }
}

/// Whether the broker will go on refusing.
fn is_refusal(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::Authentication
        )
    )
}
