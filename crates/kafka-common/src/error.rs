//! The errors of this layer, one type for each thing that can fail.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::acl::Operation;
use crate::processor::StoreError;
use crate::security::{AccessDenied, ConnectFailure, SecuritySettings};

/// A record's value couldn't be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// No value at all.
    #[error("the record has no value")]
    Empty,
    /// Not UTF-8, in which JSON is written.
    #[error("the value is not UTF-8: {0}")]
    Utf8(std::str::Utf8Error),
    /// Not the JSON that the topic carries.
    #[error("the value is not the topic's message: {0}")]
    Json(serde_json::Error),
}

/// A message couldn't be produced.
#[derive(Debug, Error)]
pub enum ProduceError {
    /// The payload can't be written as JSON.
    #[error("the message for topic `{topic}` can't be written as JSON: {source}")]
    Encode {
        /// Logical topic.
        topic: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The local queue stayed full.
    #[error("the producer's queue for topic `{topic}` stayed full for {waited:?}")]
    QueueFull {
        /// Logical topic.
        topic: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The broker didn't take it.
    #[error("topic `{topic}`: not delivered{}: {source}", in_doubt(.maybe_in_log))]
    Delivery {
        /// Logical topic.
        topic: &'static str,
        /// The client's error.
        source: KafkaError,
        /// Whether the message may be in the log all the same: no answer came. Sending it again
        /// may then double it.
        maybe_in_log: bool,
    },
    /// Most messages of the last while failed; this one wasn't tried.
    #[error("topic `{topic}`: most messages to Kafka failed, the next try is in {retry_in:?}")]
    CircuitOpen {
        /// Logical topic.
        topic: &'static str,
        /// When it may be tried.
        retry_in: Duration,
    },
    /// The client broke down, and no new one could be made.
    #[error("topic `{topic}`: no new producer: {error}")]
    Client {
        /// Logical topic.
        topic: &'static str,
        /// Why.
        error: String,
    },
    /// The spool didn't keep it.
    #[error("topic `{topic}`: {source}")]
    Spool {
        /// Logical topic.
        topic: &'static str,
        /// Why.
        source: crate::spool::SpoolError,
    },
    /// The broker denies writing to the topic.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    /// There was no connection for as long as the message was good.
    #[error("topic `{topic}`: not delivered: {source}")]
    Connect {
        /// Logical topic.
        topic: &'static str,
        /// Why.
        source: ConnectFailure,
        /// Whether the message may be in the log all the same, sent before the connection broke.
        maybe_in_log: bool,
    },
    /// The producer was stopped.
    #[error("topic `{topic}`: the producer stopped before the message was delivered")]
    Stopped {
        /// Logical topic.
        topic: &'static str,
    },
}

fn in_doubt(maybe_in_log: &bool) -> &'static str {
    match maybe_in_log {
        true => " as far as is known",
        false => "",
    }
}

/// A client couldn't be set up or lost its footing.
#[derive(Debug, Error)]
pub enum ClientError {
    /// librdkafka refused or failed.
    #[error("{action}: {source}")]
    Kafka {
        /// What was being done.
        action: &'static str,
        /// The client's error.
        source: KafkaError,
    },
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectFailure),
    /// The broker denies it.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    /// The broker keeps no access control lists.
    #[error(
        "the broker has no authorizer, so that everybody may do everything: set \
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer on it"
    )]
    NoAuthorizer,
    /// The consumer would read a topic that it also dead-letters into.
    #[error("`{0}` is a dead-letter topic of this group: consuming it would loop")]
    DeadLetterLoop(String),
    /// No handler was added.
    #[error("no message handler was added: call `add_message_handler` first")]
    NoHandler,
    /// The consumer's set-up contradicts itself.
    #[error("the consumer can't be started: {0}")]
    Consumer(String),
    /// Too many of a topic's latest records failed: not the records are bad, but what handles
    /// them. The one that was too many is still in the topic, its offset not committed.
    #[error(
        "halted: more than {most} of the latest {of_latest} records of `{topic}` failed; \
         mend the cause and start again; last error: {last_error}"
    )]
    Halted {
        /// Logical topic.
        topic: &'static str,
        /// Dead letters that the limit allows.
        most: usize,
        /// Among how many records.
        of_latest: usize,
        /// The class of the error that was too many.
        class: ErrorClass,
        /// Its text.
        last_error: String,
    },
    /// A processor's store failed.
    #[error("the processor's store: {0}")]
    Store(StoreError),
    /// A processor's unit made an output that can't be written.
    #[error("the processor's unit: {0}")]
    Unit(String),
    /// A processor's consumer has no group to commit for.
    #[error("the consumer has no group to commit for")]
    NoGroup,
    /// Another producer has the transactional id now.
    #[error(
        "another process has taken over the transactional id `{0}`: give each replica of a \
         service its own `kafka.instance_id`"
    )]
    Fenced(String),
    /// The group has given this member's partitions to another one.
    #[error(
        "the group has given this member's partitions to another one: what isn't committed is \
         done there"
    )]
    AssignmentLost,
    /// A call of the client didn't end, whatever time it was given.
    #[error("{action}: {why}")]
    Unanswered {
        /// What was asked for.
        action: &'static str,
        /// How long it was waited for.
        why: String,
    },
    /// A consumer's thread ended unexpectedly.
    #[error("the consumer's thread ended: {0}")]
    Thread(String),
}

impl ClientError {
    pub(crate) fn kafka(action: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Kafka { action, source }
    }

    /// Whether no answer came in time.
    pub(crate) fn is_timeout(&self) -> bool {
        let Self::Kafka { source, .. } = self else {
            return false;
        };
        source.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut)
    }

    /// As [`kafka`](Self::kafka), for what needs a right: if that is denied, all of it is named.
    pub(crate) fn needs<'a>(
        security: &'a SecuritySettings,
        operation: Operation,
        name: &'a str,
        action: &'static str,
    ) -> impl FnOnce(KafkaError) -> Self + 'a {
        move |source| match AccessDenied::of(security, operation, name, &source) {
            Some(denied) => Self::Denied(denied),
            None => Self::Kafka { action, source },
        }
    }
}

/// What a handler says of a record that it couldn't process.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// May work later: it is retried in place, then dead-lettered.
    #[error("{0}")]
    Transient(String),
    /// Won't ever work: it is dead-lettered at once.
    #[error("{0}")]
    Permanent(String),
    /// The record itself makes no sense, whoever handles it: it is dead-lettered at once.
    #[error("{0}")]
    Poison(String),
}

impl HandlerError {
    /// A transient error from any displayable one.
    pub fn transient(error: impl std::fmt::Display) -> Self {
        Self::Transient(error.to_string())
    }

    /// A permanent error from any displayable one.
    pub fn permanent(error: impl std::fmt::Display) -> Self {
        Self::Permanent(error.to_string())
    }

    /// A poison error from any displayable one.
    pub fn poison(error: impl std::fmt::Display) -> Self {
        Self::Poison(error.to_string())
    }

    pub(crate) fn into_parts(self) -> (ErrorClass, String) {
        match self {
            Self::Transient(error) => (ErrorClass::Transient, error),
            Self::Permanent(error) => (ErrorClass::Permanent, error),
            Self::Poison(error) => (ErrorClass::Poison, error),
        }
    }
}

/// The class of a failure, as dead letters and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Retries were used up.
    Transient,
    /// The handler refused it.
    Permanent,
    /// It couldn't be decoded, or makes no sense.
    Poison,
    /// It was too old to be handled.
    Stale,
}

impl ErrorClass {
    /// The header's and the metric label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Poison => "poison",
            Self::Stale => "stale",
        }
    }
}

/// Whether an error of the client means that the instance can't go on.
#[must_use]
pub fn is_fatal(error: &KafkaError) -> bool {
    match error {
        KafkaError::MessageConsumptionFatal(_) => true,
        KafkaError::Transaction(error) => error.is_fatal(),
        error => matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::Fenced)
        ),
    }
}
