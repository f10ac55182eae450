//! What health checks ask of a processor.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A loop that hasn't turned for this long hangs in a call. It is librdkafka's
/// `max.poll.interval.ms`: by then the group has given the partitions to another member.
const LONGEST_TURN: Duration = Duration::from_secs(300);
/// Records are there and wanted, and for this long none has come: the client is alive but silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// A run has begun, and the group hasn't answered yet.
    Joining,
    /// The group has answered.
    Joined,
    /// Between two runs, after this error.
    Failed(String),
    /// It was asked to stop.
    Stopped,
}

/// An input with records that don't come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silent {
    /// Logical topic.
    pub(super) topic: &'static str,
    /// Partition.
    pub(super) partition: i32,
    /// Records that wait at the broker or in the client.
    pub(super) records: i64,
    /// Since when nothing has moved.
    pub(super) since: Instant,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    turned: Instant,
    units: usize,
    restoring: usize,
    silent: Option<Silent>,
}

/// The state of a processor, for health checks. *Idle* (no records), *waiting* (the broker or the
/// store is away, an input is paused) and *restoring* are live; *stuck* isn't: only a new process
/// can help.
#[derive(Debug)]
pub struct ProcessorStatus {
    state: Mutex<State>,
}

impl Default for ProcessorStatus {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Joining,
                turned: Instant::now(),
                units: 0,
                restoring: 0,
                silent: None,
            }),
        }
    }
}

impl ProcessorStatus {
    /// Whether it is in its group and its state is restored.
    ///
    /// # Errors
    /// What it is doing instead.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        match &state.phase {
            Phase::Joining => Err("not in its consumer group yet".to_owned()),
            Phase::Failed(error) => Err(format!("restarts from its last commit after: {error}")),
            Phase::Stopped => Err("stopped".to_owned()),
            Phase::Joined if state.restoring > 0 => Err(format!(
                "restoring {} of {} partitions",
                state.restoring, state.units
            )),
            Phase::Joined => Ok(()),
        }
    }

    /// Whether it makes progress, or has a reason not to.
    ///
    /// # Errors
    /// Where it is stuck.
    pub fn live(&self) -> Result<(), String> {
        self.live_at(Instant::now())
    }

    fn live_at(&self, now: Instant) -> Result<(), String> {
        let state = self.state();
        if matches!(state.phase, Phase::Failed(_) | Phase::Stopped) {
            return Ok(());
        }
        let turn = now.saturating_duration_since(state.turned);
        if turn >= LONGEST_TURN {
            return Err(format!("the loop hasn't turned for {} s", turn.as_secs()));
        }
        match &state.silent {
            Some(silent) if now.saturating_duration_since(silent.since) >= LONGEST_SILENCE => {
                Err(format!(
                    "{} records of {} partition {} wait, and none has come for {} s",
                    silent.records,
                    silent.topic,
                    silent.partition,
                    now.saturating_duration_since(silent.since).as_secs()
                ))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn starts(&self) {
        let mut state = self.state();
        state.phase = Phase::Joining;
        state.turned = Instant::now();
        state.units = 0;
        state.restoring = 0;
        state.silent = None;
    }

    pub(super) fn joined(&self) {
        self.state().phase = Phase::Joined;
    }

    pub(super) fn failed(&self, error: &str) {
        self.state().phase = Phase::Failed(error.to_owned());
    }

    pub(super) fn stopped(&self) {
        self.state().phase = Phase::Stopped;
    }

    pub(super) fn turned(&self, units: usize, restoring: usize) {
        let mut state = self.state();
        state.turned = Instant::now();
        state.units = units;
        state.restoring = restoring;
    }

    pub(super) fn observed(&self, silent: Option<Silent>) {
        self.state().silent = silent;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ready_is_joined_and_restored() {
        let status = ProcessorStatus::default();
        assert!(status.ready().unwrap_err().contains("group"));
        status.joined();
        status.turned(4, 1);
        assert_eq!(
            status.ready().unwrap_err(),
            "restoring 1 of 4 partitions".to_owned()
        );
        status.turned(4, 0);
        assert_eq!(status.ready(), Ok(()));
        status.failed("the database is away");
        assert!(status.ready().unwrap_err().contains("database"));
    }

    #[test]
    fn idle_waiting_and_restoring_are_live_and_stuck_is_not() {
        let status = ProcessorStatus::default();
        status.starts();
        status.joined();
        status.turned(4, 2);
        let now = Instant::now();
        let later = now + LONGEST_SILENCE;
        assert_eq!(status.live_at(later), Ok(()), "idle or restoring");
        let silent = Silent {
            topic: "market-data-updates",
            partition: 3,
            records: 7,
            since: now,
        };
        status.observed(Some(silent));
        assert_eq!(status.live_at(now), Ok(()), "a moment's silence");
        let stuck = status.live_at(later).unwrap_err();
        assert!(stuck.contains("market-data-updates partition 3"), "{stuck}");
        status.observed(None);
        assert_eq!(status.live_at(later), Ok(()), "it goes on");
        let hung = status.live_at(now + LONGEST_TURN).unwrap_err();
        assert!(hung.contains("loop"), "{hung}");
        status.failed("the broker is away");
        assert_eq!(status.live_at(now + LONGEST_TURN), Ok(()), "waiting");
    }
}
