//! Tells a consumer that has nothing to do from one that does nothing.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::probe::{Finding, probe};
use super::slot::{Slot, Slots};
use super::thread;
use crate::error::ClientError;
use crate::telemetry;

/// Longest backoff of a retry: silence of a paused partition up to this is none.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Between two looks.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a consumer is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerState {
    /// No partition is assigned: it has just started, or the group has more members than
    /// partitions.
    Unassigned,
    /// It made progress lately.
    Working,
    /// Nothing happens because there is nothing to read.
    Idle,
    /// Nothing happens, and the broker doesn't answer: restarting wouldn't help.
    Unreachable(String),
    /// There are records to read, the broker answers, and yet nothing happens.
    Stuck(String),
    /// It ended with an error, as too many dead letters.
    Failed(String),
    /// It was stopped.
    Stopped,
}

/// For health checks. Cheap to clone; outlives its consumer.
#[derive(Debug, Clone)]
pub struct Watchdog {
    monitor: Arc<Monitor>,
}

impl Watchdog {
    pub(super) fn new(monitor: Arc<Monitor>) -> Self {
        Self { monitor }
    }

    /// What the consumer is at, as of the last look.
    #[must_use]
    pub fn state(&self) -> ConsumerState {
        self.monitor.state()
    }

    /// For liveness.
    ///
    /// # Errors
    /// The consumer is stuck, with where: only a restart helps. Nothing else is an error here: a
    /// broker that is away or a halt isn't mended by a restart.
    pub fn check(&self) -> Result<(), String> {
        match self.state() {
            ConsumerState::Stuck(what) => Err(what),
            _ => Ok(()),
        }
    }

    /// For readiness.
    ///
    /// # Errors
    /// The consumer is stuck, can't reach the broker, has failed (halted, say), or has stopped.
    pub fn ready(&self) -> Result<(), String> {
        match self.state() {
            ConsumerState::Unassigned | ConsumerState::Working | ConsumerState::Idle => Ok(()),
            ConsumerState::Stuck(what) | ConsumerState::Failed(what) => Err(what),
            ConsumerState::Unreachable(why) => Err(format!("the broker doesn't answer: {why}")),
            ConsumerState::Stopped => Err("stopped".to_owned()),
        }
    }
}

pub(super) struct Monitor {
    group: String,
    slots: Arc<Slots>,
    stuck_after: Duration,
    /// For a client that reads on its own.
    reader: ClientConfig,
    state: Mutex<ConsumerState>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Monitor")
            .field("group", &self.group)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Monitor {
    pub(super) fn new(
        group: String,
        slots: Arc<Slots>,
        stuck_after: Duration,
        reader: ClientConfig,
    ) -> Self {
        Self {
            group,
            slots,
            stuck_after,
            reader,
            state: Mutex::new(ConsumerState::Unassigned),
        }
    }

    fn state(&self) -> ConsumerState {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, new: ConsumerState) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A look that was under way when the consumer ended.
        let ended = matches!(*state, ConsumerState::Failed(_) | ConsumerState::Stopped);
        if !ended && *state != new {
            telemetry::consumer_state(
                &self.group,
                &format!("{new:?}"),
                matches!(new, ConsumerState::Stuck(_)),
            );
            *state = new;
        }
    }

    pub(super) fn ended(&self, error: Option<&ClientError>) {
        self.set(match error {
            Some(error) => ConsumerState::Failed(error.to_string()),
            None => ConsumerState::Stopped,
        });
    }

    /// Watches on a thread of its own, until the sender is dropped: handlers that block the
    /// runtime are just what it has to notice.
    pub(super) fn watch(monitor: &Arc<Self>) -> Result<SyncSender<()>, ClientError> {
        let (alive, ended) = sync_channel(0);
        let monitor = Arc::clone(monitor);
        // Looks are cheap, only probes aren't.
        let pause = (monitor.stuck_after / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        thread::spawn("kafka-watchdog", move || {
            let mut probed: Option<Instant> = None;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                monitor.look(&mut probed);
            }
        })?;
        Ok(alive)
    }

    fn look(&self, probed: &mut Option<Instant>) {
        let slots = self.slots.all();
        if slots.is_empty() {
            return self.set(ConsumerState::Unassigned);
        }
        let quiet: Vec<Arc<Slot>> = slots.into_iter().filter(|slot| self.quiet(slot)).collect();
        if quiet.is_empty() {
            *probed = None;
            return self.set(ConsumerState::Working);
        }
        if probed.is_some_and(|probed| probed.elapsed() < self.stuck_after) {
            return;
        }
        *probed = Some(Instant::now());
        let state = match probe(&self.reader, &quiet) {
            Finding::NothingToRead => ConsumerState::Idle,
            Finding::Unreachable(why) => ConsumerState::Unreachable(why),
            // While it was asked, the consumer may have gone on.
            Finding::Unread(slot) if !self.quiet(&slot) => ConsumerState::Working,
            Finding::Unread(slot) => ConsumerState::Stuck(format!(
                "no progress in `{}` partition {} for {} s, with records to read from offset {}",
                slot.topic,
                slot.partition,
                slot.quiet_for().as_secs(),
                slot.finished()
                    .map_or_else(|| "none yet".to_owned(), |offset| offset.to_string()),
            )),
        };
        self.set(state);
    }

    /// Whether nothing has happened in it for too long, and it is still assigned.
    fn quiet(&self, slot: &Slot) -> bool {
        let backing_off = slot.wants_pause.load(std::sync::atomic::Ordering::Relaxed);
        let patience = match backing_off {
            true => self.stuck_after + LONGEST_BACKOFF,
            false => self.stuck_after,
        };
        slot.quiet_for() >= patience
            && self
                .slots
                .find(&slot.topic, slot.partition)
                .is_some_and(|assigned| assigned.id == slot.id)
    }
}
