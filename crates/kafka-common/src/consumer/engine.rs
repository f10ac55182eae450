//! Handles records: in order within their lane, with retries and dead letters, and publishes how
//! far each partition is finished.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use rdkafka::message::Message;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::call::Outcome;
use super::credits::Credits;
use super::event::Event;
use super::handling::Retry;
use super::letters::DeadLetters;
use super::options::Options;
use super::partition::{Partition, Revocation};
use super::received::Received;
use super::replay::ReplayReport;
use super::scheduler::{Lane, Scheduler};
use super::subscription::Subscription;
use crate::error::ClientError;
use crate::telemetry;

/// How many records are handled before the engine looks at events again.
const BURST: usize = 64;

/// A record on its way.
pub(super) struct Work {
    pub(super) message: Received,
    /// The attempt that is due or under way, from 1.
    pub(super) attempt: u32,
    /// When it failed for the first time.
    pub(super) failed_at: Option<DateTime<Utc>>,
}

/// What a future of the engine has come to.
pub(super) enum Step {
    Handled(Work, Outcome, std::time::Instant),
    /// The backoff is over.
    Waited(Work),
    /// The broker has the dead letter, or won't get it.
    Buried(Work, Result<(), ClientError>),
}

/// A step in its lane; `None` where it was given up.
pub(super) struct Stepped {
    pub(super) lane: Lane,
    /// Whether it didn't count as running.
    pub(super) parked: bool,
    pub(super) step: Option<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Running,
    /// Nothing new comes: everything is to be finished.
    Ending,
    /// What is in hand is finished, until the deadline.
    Draining(Instant),
}

pub(super) struct Engine {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) breakers: Vec<Breaker>,
    pub(super) letters: DeadLetters,
    pub(super) retry: Retry,
    pub(super) options: Options,
    pub(super) credits: Arc<Credits>,
    pub(super) scheduler: Scheduler<Work>,
    pub(super) partitions: FxHashMap<u64, Partition>,
    revocations: Vec<Revocation>,
    pub(super) running: FuturesUnordered<BoxFuture<'static, Stepped>>,
    /// Handlers and dead letters under way, backoffs not among them.
    pub(super) in_hand: usize,
    phase: Phase,
    outcome: Result<(), ClientError>,
    pub(super) report: ReplayReport,
    /// Credits that the poller doesn't have back yet: handing each over by itself would wake it for
    /// every record.
    pub(super) freed: usize,
    /// Finished records by subscription that the metric doesn't have yet.
    pub(super) uncounted: Vec<u64>,
}

impl Engine {
    pub(super) fn new(
        subscriptions: Vec<Subscription>,
        letters: DeadLetters,
        retry: Retry,
        options: Options,
        credits: Arc<Credits>,
    ) -> Self {
        let breaker = |_: &Subscription| Breaker::new(options.dead_letter_limit);
        Self {
            breakers: subscriptions.iter().map(breaker).collect(),
            uncounted: vec![0; subscriptions.len()],
            subscriptions,
            letters,
            retry,
            options,
            credits,
            scheduler: Scheduler::new(options.concurrency),
            partitions: FxHashMap::default(),
            revocations: Vec::new(),
            running: FuturesUnordered::new(),
            in_hand: 0,
            phase: Phase::Running,
            outcome: Ok(()),
            report: ReplayReport::default(),
            freed: 0,
        }
    }

    /// Until `shutdown`, the end of a replay, or an error; then what is in hand is finished,
    /// within the drain's bound.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        shutdown: CancellationToken,
    ) -> Result<ReplayReport, ClientError> {
        let mut closed = false;
        loop {
            self.handle_ready();
            match self.phase {
                Phase::Ending if self.is_empty() => break,
                Phase::Draining(_) if self.in_hand == 0 => break,
                _ => {}
            }
            let more = self.schedules() && self.scheduler.is_ready();
            let deadline = self.deadline();
            let due = deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if self.schedules() => self.drain(),
                event = events.recv(), if !closed => match event {
                    Some(event) => self.on_event(event),
                    None => {
                        closed = true;
                        if self.phase == Phase::Running {
                            self.fail(ClientError::Thread("it ended by itself".to_owned()));
                        }
                    }
                },
                Some(stepped) = self.running.next() => self.on_step(stepped),
                () = tokio::time::sleep_until(due), if deadline.is_some() => {
                    if self.on_deadline() {
                        break;
                    }
                }
                () = tokio::task::yield_now(), if more => {}
            }
        }
        if self.in_hand > 0 {
            telemetry::given_up(self.in_hand);
        }
        self.count();
        self.outcome.map(|()| self.report)
    }

    fn schedules(&self) -> bool {
        !matches!(self.phase, Phase::Draining(_))
    }

    fn is_empty(&self) -> bool {
        self.partitions
            .values()
            .all(|partition| partition.held == 0)
    }

    fn drain(&mut self) {
        if self.schedules() {
            self.phase = Phase::Draining(Instant::now() + self.options.drain);
        }
    }

    /// The first error is what is told.
    pub(super) fn fail(&mut self, error: ClientError) {
        if self.outcome.is_ok() {
            self.outcome = Err(error);
        }
        self.drain();
    }

    fn deadline(&self) -> Option<Instant> {
        let revocations = self
            .revocations
            .iter()
            .map(|revocation| revocation.deadline);
        let draining = match self.phase {
            Phase::Draining(deadline) => Some(deadline),
            _ => None,
        };
        revocations.chain(draining).min()
    }

    /// Whether the engine has to end now.
    fn on_deadline(&mut self) -> bool {
        let now = Instant::now();
        let late: Vec<u64> = self
            .revocations
            .iter()
            .filter(|revocation| revocation.deadline <= now)
            .flat_map(|revocation| revocation.slots.iter().copied())
            .collect();
        for slot in late {
            if let Some(partition) = self.partitions.get_mut(&slot) {
                telemetry::given_up(partition.give_up());
            }
        }
        self.settle_revocations();
        matches!(self.phase, Phase::Draining(deadline) if deadline <= now)
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Assigned(slots) => {
                for slot in slots {
                    self.partitions.insert(slot.id, Partition::new(slot));
                }
            }
            Event::Batch(batch) => batch.into_iter().for_each(|message| self.accept(message)),
            Event::Revoked { slots, within, ack } => {
                for slot in &slots {
                    self.scheduler.forget(slot.id);
                    if let Some(partition) = self.partitions.get_mut(&slot.id) {
                        self.freed += partition.release_credits();
                    }
                }
                self.revocations.push(Revocation {
                    slots: slots.iter().map(|slot| slot.id).collect(),
                    deadline: Instant::now() + within,
                    ack,
                });
                self.settle_revocations();
            }
            Event::End => {
                if self.phase == Phase::Running {
                    self.phase = Phase::Ending;
                }
            }
            Event::Failed(error) => self.fail(error),
        }
    }

    /// Acknowledges revocations of which nothing is in hand any more.
    pub(super) fn settle_revocations(&mut self) {
        let partitions = &mut self.partitions;
        self.revocations.retain(|revocation| {
            let idle = |slot: &u64| partitions.get(slot).is_none_or(|p| p.in_hand == 0);
            if !revocation.slots.iter().all(idle) {
                return true;
            }
            for slot in &revocation.slots {
                partitions.remove(slot);
            }
            // The poller doesn't wait for ever.
            let _late = revocation.ack.try_send(());
            false
        });
    }

    fn accept(&mut self, message: Received) {
        let slot = message.slot.id;
        let Some(partition) = self.partitions.get_mut(&slot) else {
            self.freed += 1;
            return;
        };
        self.freed += partition.begin(message.offset());
        let key = match self.options.concurrency {
            1 => 0,
            _ => hash(message.key()),
        };
        let lane = Lane { slot, key };
        let work = Work {
            message,
            attempt: 1,
            failed_at: None,
        };
        self.scheduler.push(lane, work);
    }

    fn handle_ready(&mut self) {
        for _ in 0..BURST {
            if !self.schedules() {
                break;
            }
            let Some((lane, work)) = self.scheduler.next() else {
                break;
            };
            self.handle(lane, work);
        }
        self.credits.give_back(std::mem::take(&mut self.freed));
        self.count();
    }

    /// The metric is costlier than the record.
    fn count(&mut self) {
        for (subscription, count) in self.subscriptions.iter().zip(&mut self.uncounted) {
            if *count > 0 {
                telemetry::consumed(subscription.topic, std::mem::take(count));
            }
        }
    }
}

fn hash(key: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
