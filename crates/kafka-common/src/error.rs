//! The errors of this layer, one type for each thing that can fail.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

/// A record's value couldn't be read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// No value at all.
    #[error("the record has no value")]
    Empty,
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
    #[error("topic `{topic}`: not delivered: {source}")]
    Delivery {
        /// Logical topic.
        topic: &'static str,
        /// The client's error.
        source: KafkaError,
    },
    /// The producer was dropped with the message still queued.
    #[error("topic `{topic}`: the producer stopped before the message was delivered")]
    Stopped {
        /// Logical topic.
        topic: &'static str,
    },
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
    /// The consumer would read a topic that it also dead-letters into.
    #[error("`{0}` is a dead-letter topic of this group: consuming it would loop")]
    DeadLetterLoop(String),
    /// No handler was added.
    #[error("no message handler was added: call `add_message_handler` first")]
    NoHandler,
    /// A consumer's thread ended unexpectedly.
    #[error("the consumer's thread ended: {0}")]
    Thread(String),
}

impl ClientError {
    pub(crate) fn kafka(action: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Kafka { action, source }
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
}

/// The class of a failure, as dead letters and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Retries were used up.
    Transient,
    /// The handler refused it.
    Permanent,
    /// It couldn't be decoded.
    Poison,
}

impl ErrorClass {
    /// The header's and the metric label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Poison => "poison",
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
