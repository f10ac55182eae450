//! Which failures are tried again, by whom, and when.
//!
//! librdkafka retries inside `delivery_timeout_ms` whatever the connection or the broker's moment
//! is to blame for; it keeps the order of a partition and its sequence numbers keep the log free
//! of repeats. The layer above may only repeat what surely isn't in the log, and only where
//! nothing can have overtaken it: a `send_message` that the broker has refused for a passing
//! reason. A message that timed out has used up its time and may be in the log; a pipelined one
//! may have been overtaken. Both are the caller's to decide on, or the spool's.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::breaker::Outcome;

/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Which attempt of a call a message is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(super) number: u32,
    /// How many there may be.
    pub(super) of: u32,
    /// No attempt begins after this.
    pub(super) deadline: Instant,
    pub(super) first_backoff: Duration,
}

impl Attempt {
    /// For a message that is sent once.
    pub(crate) fn only(now: Instant) -> Self {
        Self {
            number: 1,
            of: 1,
            deadline: now,
            first_backoff: Duration::ZERO,
        }
    }

    /// How long to wait before the next attempt, if there is to be one.
    pub(super) fn retry_after(
        &self,
        error: &KafkaError,
        maybe_in_log: bool,
        now: Instant,
    ) -> Option<Duration> {
        if self.number >= self.of || maybe_in_log || !is_passing(error) {
            return None;
        }
        let wait = self.backoff(rand::random_range(0.0..1.0));
        (now + wait < self.deadline).then_some(wait)
    }

    /// Doubles with each attempt; half of it is random, so that clients that failed together
    /// don't come back together.
    fn backoff(&self, random: f64) -> Duration {
        let doubled = self
            .first_backoff
            .saturating_mul(1 << (self.number - 1).min(16));
        doubled.min(MAX_BACKOFF).mul_f64(1.0 - random / 2.0)
    }
}

/// Whether the same message may be taken a little later.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::BrokerNotAvailable
                | Code::ReplicaNotAvailable
                | Code::NetworkException
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
                | Code::NotEnoughReplicas
                | Code::KafkaStorageError
                | Code::ThrottlingQuotaExceeded
        )
    )
}

/// What a failed delivery says about the broker.
pub(super) fn outcome(error: &KafkaError) -> Outcome {
    match error.rdkafka_error_code() {
        // Taken back by us.
        Some(Code::PurgeQueue | Code::PurgeInflight) => Outcome::Abandoned,
        // The broker, or the way to it.
        Some(
            Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::NetworkException
            | Code::Authentication
            | Code::LeaderNotAvailable
            | Code::BrokerNotAvailable
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::Fatal,
        ) => Outcome::Failed,
        // A refusal of this message, or of its topic: the broker is well.
        _ => Outcome::Answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32) -> Attempt {
        Attempt {
            number,
            of: 5,
            deadline: Instant::now() + Duration::from_secs(60),
            first_backoff: Duration::from_millis(100),
        }
    }

    fn refused(code: Code) -> KafkaError {
        KafkaError::MessageProduction(code)
    }

    #[test]
    fn waits_double_to_a_bound_and_half_of_each_is_random() {
        let bounds = |number| (attempt(number).backoff(1.0), attempt(number).backoff(0.0));
        let ms = Duration::from_millis;
        assert_eq!(bounds(1), (ms(50), ms(100)));
        assert_eq!(bounds(3), (ms(200), ms(400)));
        assert_eq!(bounds(30), (ms(2_500), ms(5_000)));
    }

    #[test]
    fn only_what_surely_is_not_in_the_log_is_tried_again() {
        let now = Instant::now();
        let passing = refused(Code::NotEnoughReplicas);
        assert!(attempt(1).retry_after(&passing, false, now).is_some());
        assert!(attempt(1).retry_after(&passing, true, now).is_none());
        assert!(attempt(5).retry_after(&passing, false, now).is_none());
        for code in [
            Code::MessageTimedOut,
            Code::TopicAuthorizationFailed,
            Code::MessageSizeTooLarge,
            Code::Fatal,
        ] {
            let retry = attempt(1).retry_after(&refused(code), false, now);
            assert!(retry.is_none(), "{code}");
        }
        let late = Attempt {
            deadline: now,
            ..attempt(1)
        };
        assert!(late.retry_after(&passing, false, now).is_none());
        assert!(
            Attempt::only(now)
                .retry_after(&passing, false, now)
                .is_none()
        );
    }

    #[test]
    fn a_message_that_is_refused_for_what_it_is_says_nothing_against_the_broker() {
        assert_eq!(outcome(&refused(Code::MessageTimedOut)), Outcome::Failed);
        assert_eq!(
            outcome(&refused(Code::TopicAuthorizationFailed)),
            Outcome::Answered
        );
        assert_eq!(outcome(&refused(Code::PurgeQueue)), Outcome::Abandoned);
    }
}
