//! A message on its way, and what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::breaker::Permit;
use super::destination::Destination;
use super::retry::Attempt;
use crate::error::ProduceError;
use crate::security::ConnectionWatch;
use crate::trace::OpenSpan;

/// Where a delivered message landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A message wasn't delivered.
#[derive(Debug)]
pub(crate) struct Undelivered {
    pub(crate) error: ProduceError,
    /// When to try again; none if that's of no use, or not safe.
    pub(super) retry_after: Option<Duration>,
}

pub(super) type Answer = Result<Delivered, Undelivered>;

/// What librdkafka keeps for a message and gives back with its delivery report.
pub(crate) struct InFlight {
    pub(super) destination: Arc<Destination>,
    pub(super) size: usize,
    pub(super) attempt: Attempt,
    pub(super) started: Instant,
    pub(super) span: Option<OpenSpan>,
    /// None for the spool, which waits for the broker by itself.
    pub(super) permit: Option<Permit>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// A message that is queued and will be delivered or fail: await it to know which.
#[must_use = "a delivery that nobody awaits is a loss that nobody sees"]
pub struct PendingDelivery {
    pub(super) topic: &'static str,
    pub(super) answer: oneshot::Receiver<Answer>,
}

impl std::fmt::Debug for PendingDelivery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PendingDelivery")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl PendingDelivery {
    /// Waits for the broker's acknowledgement.
    ///
    /// # Errors
    /// The message was not delivered within the delivery timeout, or was refused.
    pub async fn wait(self) -> Result<Delivered, ProduceError> {
        self.answer().await.map_err(|undelivered| undelivered.error)
    }

    pub(crate) async fn answer(self) -> Answer {
        match self.answer.await {
            Ok(answer) => answer,
            // The client ended without a report.
            Err(_dropped) => Err(Undelivered {
                error: ProduceError::Stopped { topic: self.topic },
                retry_after: None,
            }),
        }
    }
}

impl Undelivered {
    /// A failure that trying again wouldn't change.
    pub(super) fn from_error(error: ProduceError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }

    /// The caller learns whether the message may be in the log all the same, or which right or
    /// which connection it lacks.
    pub(super) fn refused(
        destination: &Destination,
        watch: &ConnectionWatch,
        source: KafkaError,
        maybe_in_log: bool,
        retry_after: Option<Duration>,
    ) -> Self {
        let topic = destination.topic;
        let explained = watch.explain(topic, &destination.physical, &source, maybe_in_log);
        Self {
            error: explained.unwrap_or(ProduceError::Delivery {
                topic,
                source,
                maybe_in_log,
            }),
            retry_after,
        }
    }
}
