//! One record's way: attempts, backoff, staleness, dead letter, end.

use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use rdkafka::message::Message;

use super::call::Outcome;
use super::engine::{Engine, Step, Stepped, Work};
use super::scheduler::Lane;
use crate::dead_letter::Failure;
use crate::error::{ClientError, ErrorClass};
use crate::settings::KafkaSettings;
use crate::telemetry;

/// How transient errors are retried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) max_attempts: u32,
    pub(super) backoff: Duration,
}

impl Retry {
    pub(super) fn of(settings: &KafkaSettings) -> Self {
        Self {
            max_attempts: settings.max_attempts,
            backoff: Duration::from_millis(u64::from(settings.retry_backoff_ms)),
        }
    }

    /// Longest wait between two attempts.
    const MAX_BACKOFF: Duration = Duration::from_secs(5);

    /// Doubled for each attempt, and between half and all of that, so that what failed together
    /// isn't tried again together.
    fn wait(self, attempt: u32) -> Duration {
        let doubled = self.backoff.saturating_mul(1 << attempt.min(16));
        doubled
            .min(Self::MAX_BACKOFF)
            .mul_f64(rand::random_range(0.5..=1.0))
    }
}

impl Engine {
    pub(super) fn handle(&mut self, lane: Lane, work: Work) {
        let subscription = &self.subscriptions[work.message.slot.subscription];
        let mut call = match (subscription.dispatch)(&work.message) {
            Ok(call) => call,
            Err(error) => return self.bury(lane, work, ErrorClass::Poison, error),
        };
        if let Some(age) = subscription.stale_by(&work.message, &call) {
            return self.on_stale(lane, work, age);
        }
        // Most handlers are done at once: they cost no task of their own.
        match (&mut call).now_or_never() {
            Some((outcome, at)) => self.on_handled(lane, work, outcome, at),
            None => self.follow(lane, false, work, move |work| {
                Box::pin(async move {
                    let (outcome, at) = call.await;
                    Step::Handled(work, outcome, at)
                })
            }),
        }
    }

    /// Awaits something that is in hand for a partition, until that is given up.
    fn follow(
        &mut self,
        lane: Lane,
        parked: bool,
        work: Work,
        future: impl FnOnce(Work) -> BoxFuture<'static, Step>,
    ) {
        self.in_hand += 1;
        let (handle, registration) = AbortHandle::new_pair();
        if let Some(partition) = self.partitions.get_mut(&lane.slot) {
            partition.follow(lane.key, handle);
        }
        let future = Abortable::new(future(work), registration);
        self.running.push(Box::pin(async move {
            let step = future.await.ok();
            Stepped { lane, parked, step }
        }));
    }

    pub(super) fn on_step(&mut self, stepped: Stepped) {
        let Stepped { lane, parked, step } = stepped;
        if !matches!(step, Some(Step::Waited(_))) {
            self.in_hand -= 1;
            if let Some(partition) = self.partitions.get_mut(&lane.slot) {
                partition.unfollow(lane.key);
            }
        }
        match step {
            Some(Step::Handled(work, outcome, at)) => self.on_handled(lane, work, outcome, at),
            Some(Step::Waited(work)) => self.scheduler.retry(lane, work),
            Some(Step::Buried(work, Ok(()))) => {
                self.report.dead_lettered += 1;
                self.finish(lane, &work, true, Instant::now());
            }
            Some(Step::Buried(_, Err(error))) => self.fail(error),
            None if parked => self.scheduler.finish_parked(lane),
            None => self.scheduler.finish(lane),
        }
        self.settle_revocations();
    }

    fn on_handled(&mut self, lane: Lane, work: Work, outcome: Outcome, at: Instant) {
        let (class, error) = match outcome {
            Ok(()) => {
                self.report.handled += 1;
                self.breakers[work.message.slot.subscription].handled();
                return self.finish(lane, &work, false, at);
            }
            Err(error) => error.into_parts(),
        };
        if class == ErrorClass::Transient && work.attempt < self.retry.max_attempts {
            self.back_off(lane, work, &error);
        } else {
            self.bury(lane, work, class, error);
        }
    }

    /// Another attempt later; until the record is done, only its partition is paused.
    fn back_off(&mut self, lane: Lane, mut work: Work, error: &str) {
        self.scheduler.park();
        let topic = self.subscriptions[work.message.slot.subscription].topic;
        let message = &work.message;
        telemetry::retried(
            topic,
            message.partition(),
            message.offset(),
            work.attempt,
            error,
        );
        work.message.slot.touch(Instant::now());
        if work.failed_at.is_none() {
            work.failed_at = Some(Utc::now());
            if let Some(partition) = self.partitions.get_mut(&lane.slot) {
                self.freed += partition.trouble();
            }
        }
        let wait = self.retry.wait(work.attempt - 1);
        work.attempt += 1;
        self.running.push(Box::pin(async move {
            tokio::time::sleep(wait).await;
            Stepped {
                lane,
                parked: true,
                step: Some(Step::Waited(work)),
            }
        }));
    }

    fn on_stale(&mut self, lane: Lane, work: Work, age: String) {
        let subscription = &self.subscriptions[work.message.slot.subscription];
        let dead = subscription.buries_stale();
        telemetry::stale(
            subscription.topic,
            dead,
            work.message.partition(),
            work.message.offset(),
        );
        if dead {
            return self.bury(lane, work, ErrorClass::Stale, age);
        }
        self.report.skipped += 1;
        self.finish(lane, &work, false, Instant::now());
    }

    /// Writes the record to the dead letters, unless too many went there.
    fn bury(&mut self, lane: Lane, work: Work, class: ErrorClass, error: String) {
        self.scheduler.park();
        let index = work.message.slot.subscription;
        let topic = self.subscriptions[index].topic;
        if class != ErrorClass::Stale && !self.breakers[index].allows_death() {
            let limit = self.options.dead_letter_limit;
            telemetry::halted(topic, &error);
            return self.fail(ClientError::Halted {
                topic,
                most: limit.most,
                of_latest: limit.of_latest,
                class,
                last_error: error,
            });
        }
        let (partition, offset) = (work.message.partition(), work.message.offset());
        telemetry::dead_lettered(topic, partition, offset, class, &error);
        let attempts = match class {
            // It wasn't tried once more.
            ErrorClass::Stale => work.attempt - 1,
            _ => work.attempt,
        };
        let failure = Failure {
            class,
            error,
            attempts,
        };
        let letters = self.letters.clone();
        self.follow(lane, true, work, move |work| {
            Box::pin(async move {
                let first = work.failed_at.unwrap_or_else(Utc::now);
                let written = letters.write(&work.message, topic, &failure, first).await;
                Step::Buried(work, written)
            })
        });
    }

    /// A record has come to its end: handled, skipped or delivered to the dead letters.
    fn finish(&mut self, lane: Lane, work: &Work, parked: bool, at: Instant) {
        match parked {
            true => self.scheduler.finish_parked(lane),
            false => self.scheduler.finish(lane),
        }
        match self.partitions.get_mut(&lane.slot) {
            Some(partition) => {
                self.uncounted[work.message.slot.subscription] += 1;
                self.freed += partition.finish(work, at);
            }
            // Given up before; what it has done stands, and the new owner does it again.
            None => telemetry::fenced(self.subscriptions[work.message.slot.subscription].topic),
        }
    }
}
