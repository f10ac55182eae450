//! What can go wrong between an operator and a broker.

use rdkafka::error::KafkaError;
use thiserror::Error;

use super::schema::InvalidMessage;
use crate::error::ClientError;

/// An operator's request couldn't be carried out.
#[derive(Debug, Error)]
pub enum InspectError {
    /// Nobody answers, or not to us.
    #[error(
        "no broker answers at {servers} (kafka.bootstrap_servers): {reason}; is it running, and \
         reachable from here?"
    )]
    Unreachable {
        /// Where it was asked.
        servers: String,
        /// What the client says.
        reason: String,
    },
    /// The client failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A topic that isn't on the broker.
    #[error("there is no topic `{topic}` on the broker{hint}")]
    UnknownTopic {
        /// The name that was asked for.
        topic: String,
        /// What may have been meant, or be missing.
        hint: String,
    },
    /// A partition that the topic doesn't have.
    #[error("topic `{topic}` has no partition {partition}: it has 0 to {last}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition that was asked for.
        partition: i32,
        /// Its last one.
        last: i32,
    },
    /// A group that the broker doesn't know.
    #[error("there is no consumer group `{group}` on the broker{hint}")]
    UnknownGroup {
        /// The name that was asked for.
        group: String,
        /// What may have been meant.
        hint: String,
    },
    /// Offsets under a running consumer would be overwritten by its next commit.
    #[error(
        "consumer group `{group}` is active ({state}, {members} member(s)): stop its consumers \
         first, and wait up to their session timeout if they were killed"
    )]
    GroupActive {
        /// The group.
        group: String,
        /// Its state, in the broker's words.
        state: String,
        /// How many members it has.
        members: usize,
    },
    /// A shift has nothing to start from.
    #[error(
        "group `{group}` has committed nothing for `{topic}` partition {partition}: a shift needs a committed offset"
    )]
    NothingToShift {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A group without committed offsets, and no topic to give it some for.
    #[error("group `{0}` has committed offsets for no topic: name one with --topic")]
    NoOffsets(String),
    /// A message that the topic's readers would refuse.
    #[error("{place}: {invalid}")]
    Invalid {
        /// Which message.
        place: String,
        /// Why.
        invalid: InvalidMessage,
    },
    /// The key can't be derived.
    #[error(
        "{place}: the key of `{topic}` is the {key}, which the message doesn't have: give one with --key"
    )]
    NoKey {
        /// Which message.
        place: String,
        /// The topic.
        topic: &'static str,
        /// What the key holds.
        key: &'static str,
    },
    /// A topic whose message type isn't known.
    #[error(
        "`{topic}` is not a topic of the catalogue, so messages for it can't be validated{hint}"
    )]
    NotCatalogued {
        /// The name that was asked for.
        topic: String,
        /// What may have been meant.
        hint: String,
    },
    /// A topic that isn't for dead letters.
    #[error("`{topic}` is not a dead-letter topic: those are named <topic>.<group>.dlq{hint}")]
    NotDeadLetters {
        /// The name that was asked for.
        topic: String,
        /// What may have been meant.
        hint: String,
    },
    /// Changes are recorded, and there is nowhere to.
    #[error("topic `{0}` is missing, in which this change must be recorded: run `algotrade setup`")]
    NoAuditLog(String),
    /// Another redrive of the same topic has begun.
    #[error(
        "another redrive of `{0}` has begun and fenced this one off; what this one had committed is redriven"
    )]
    Fenced(String),
    /// The broker stopped answering in the middle.
    #[error(
        "the broker sent nothing of `{topic}` for {seconds} s; {left} partition(s) are not read to their end"
    )]
    Stalled {
        /// The topic.
        topic: String,
        /// How long it was waited for.
        seconds: u64,
        /// Partitions that aren't done.
        left: usize,
    },
    /// Messages of the input that weren't delivered.
    #[error("message {index} was not delivered: {source}")]
    NotDelivered {
        /// Position in the input, from 1.
        index: usize,
        /// The client's error.
        source: KafkaError,
    },
}

impl InspectError {
    pub(super) fn kafka(action: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Client(ClientError::Kafka { action, source })
    }
}
