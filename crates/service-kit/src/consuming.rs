//! Runs a consumer for as long as the service runs: starts it again when it ends with an error, and
//! tells the health checks how it is.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_common::{ClientError, ErrorClass, Watchdog};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::health::Health;

const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// After running this long, a failure is a new one.
const SETTLED: Duration = Duration::from_secs(60);
/// How long it halts after too many records failed because something was away.
const HALT: Duration = Duration::from_secs(300);

/// What is known of a consumer: its watchdog, or why there is none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConsumerStatus(Arc<Mutex<Result<Watchdog, String>>>);

impl Default for ConsumerStatus {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Err("not started yet".to_owned()))))
    }
}

impl ConsumerStatus {
    /// Ok while it runs and the broker answers.
    ///
    /// # Errors
    /// Why it isn't ready.
    pub fn ready(&self) -> Result<(), String> {
        self.lock().as_ref().map_err(Clone::clone)?.ready()
    }

    /// An error only where the consumer is stuck: the rest isn't mended by a restart.
    ///
    /// # Errors
    /// What it is stuck at.
    pub fn live(&self) -> Result<(), String> {
        self.lock().as_ref().map_or(Ok(()), Watchdog::check)
    }

    /// A consumer has started.
    pub fn runs(&self, watchdog: Watchdog) {
        *self.lock() = Ok(watchdog);
    }

    /// Adds its readiness to a service's health checks.
    pub fn require(&self, health: &Health, name: &'static str) {
        let status = self.clone();
        health.require(name, move || std::future::ready(status.ready()));
    }

    fn ended(&self, why: &str) {
        *self.lock() = Err(why.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Result<Watchdog, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a consumer ended that is started again.
pub enum Ended<'a> {
    /// It failed, and is started again after this time.
    Failed(&'a dyn Display, Duration),
    /// Too many records failed: it rests for minutes where what was away may come back by itself,
    /// and for good otherwise.
    Halted(&'a dyn Display),
}

impl std::fmt::Debug for Ended<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(error, again) => write!(formatter, "Failed({error}, {again:?})"),
            Self::Halted(error) => write!(formatter, "Halted({error})"),
        }
    }
}

/// How long to wait before a consumer is started again.
#[derive(Debug)]
struct Pauses {
    next: Duration,
    /// Whether the last end was a halt.
    halted: bool,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            next: MIN_BACKOFF,
            halted: false,
        }
    }
}

impl Pauses {
    /// `None` where it is not to be started again: that would write the next records to the dead
    /// letters, so somebody has to look first. Only what was away may come back by itself.
    fn after(&mut self, outcome: &Result<(), ClientError>, ran: Duration) -> Option<Duration> {
        self.halted = matches!(outcome, Err(ClientError::Halted { .. }));
        if let Err(ClientError::Halted { class, .. }) = outcome {
            return (*class == ErrorClass::Transient).then_some(HALT);
        }
        if ran >= SETTLED {
            self.next = MIN_BACKOFF;
        }
        let pause = self.next;
        self.next = (pause * 2).min(MAX_BACKOFF);
        Some(pause)
    }
}

/// Consumes until `shutdown`. `consume` starts a consumer, tells [`ConsumerStatus::runs`] and
/// returns when it has ended; `tell` hears of each end, to count and log it.
pub async fn keep_consuming<F, C>(
    status: &ConsumerStatus,
    shutdown: &CancellationToken,
    tell: impl Fn(Ended<'_>),
    mut consume: F,
) where
    F: FnMut() -> C,
    C: Future<Output = Result<(), ClientError>>,
{
    let mut pauses = Pauses::default();
    while !shutdown.is_cancelled() {
        let started = Instant::now();
        let outcome = consume().await;
        if shutdown.is_cancelled() {
            if let Err(error) = outcome {
                tracing::warn!(%error, "the consumer ended badly");
            }
            break;
        }
        let pause = pauses.after(&outcome, started.elapsed());
        let error = outcome.err();
        let error: &dyn Display = match &error {
            Some(error) => error,
            None => &"ended without an error",
        };
        match (pause, pauses.halted) {
            (Some(pause), false) => tell(Ended::Failed(error, pause)),
            (_, true) | (None, false) => tell(Ended::Halted(error)),
        }
        status.ended(&error.to_string());
        tokio::select! {
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            () = shutdown.cancelled() => {}
        }
    }
    status.ended("stopping");
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn halted(class: ErrorClass) -> ClientError {
        ClientError::Halted {
            topic: "trade-executions",
            most: 1,
            of_latest: 2,
            class,
            last_error: "no".to_owned(),
        }
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let mut pauses = Pauses::default();
        let short = Duration::from_secs(1);
        let seconds: Vec<u64> = (0..7)
            .filter_map(|_| pauses.after(&Ok(()), short))
            .map(|pause| pause.as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pauses.after(&Ok(()), SETTLED), Some(MIN_BACKOFF));
    }

    #[test]
    fn what_was_away_is_tried_again_and_what_is_wrong_is_not() {
        let mut pauses = Pauses::default();
        let away = Err(halted(ErrorClass::Transient));
        assert_eq!(pauses.after(&away, Duration::ZERO), Some(HALT));
        let wrong = Err(halted(ErrorClass::Poison));
        assert_eq!(pauses.after(&wrong, Duration::ZERO), None);
        assert!(pauses.halted);
    }

    #[tokio::test]
    async fn a_consumer_that_fails_is_started_again_until_the_service_ends() {
        let (status, shutdown) = (ConsumerStatus::default(), CancellationToken::new());
        let (told, starts) = (Cell::new(0), Cell::new(0));
        keep_consuming(
            &status,
            &shutdown,
            |_| told.set(told.get() + 1),
            || {
                starts.set(starts.get() + 1);
                if starts.get() == 2 {
                    shutdown.cancel();
                }
                std::future::ready(Ok(()))
            },
        )
        .await;
        assert_eq!((starts.get(), told.get()), (2, 1));
        assert_eq!(status.ready(), Err("stopping".to_owned()));
        assert_eq!(status.live(), Ok(()), "a restart would not mend it");
    }
}
