//! What a consumer can be told besides its handlers.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::error::ClientError;

/// Most handlers at the same time.
const MAX_CONCURRENCY: usize = 1_024;
/// Longest drain: a rebalance waits for it, and its time is limited by the group (5 minutes).
const MAX_DRAIN: Duration = Duration::from_secs(120);

/// A place in a topic's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The oldest record that is kept.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// An offset; one that is not in the log any more, or not yet, means the nearest end.
    Offset(i64),
    /// The first record with this timestamp or a later one.
    Time(DateTime<Utc>),
}

/// Which of a record's times tells its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeOf {
    /// The record's own timestamp, as the broker keeps it.
    Record,
    /// The envelope's `timestamp`. It survives copying from topic to topic.
    Envelope,
}

/// What becomes of a stale record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleOutcome {
    /// Its handler isn't called; it is counted, and done.
    Skip,
    /// It goes to the dead-letter topic, with error class `stale`.
    DeadLetter,
}

/// When a record is too old to be handled, and what becomes of it then. It is asked before every
/// attempt, so a record that grows old while it waits for another attempt isn't handled late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// Records older than this are stale.
    pub older_than: Duration,
    /// Which time is meant.
    pub age_of: AgeOf,
    /// What becomes of them.
    pub outcome: StaleOutcome,
}

/// When a consumer halts instead of writing another dead letter: more than `most` of a topic's
/// `of_latest` records. Stale records don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterLimit {
    /// Dead letters that are still taken for single bad records.
    pub most: usize,
    /// Among how many of the latest records of a topic.
    pub of_latest: usize,
}

impl Default for DeadLetterLimit {
    fn default() -> Self {
        Self {
            most: 20,
            of_latest: 100,
        }
    }
}

/// Everything but handlers and the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) concurrency: usize,
    pub(super) drain: Duration,
    pub(super) stuck_after: Duration,
    pub(super) dead_letter_limit: DeadLetterLimit,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 1,
            drain: Duration::from_secs(5),
            stuck_after: Duration::from_secs(60),
            dead_letter_limit: DeadLetterLimit::default(),
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<(), ClientError> {
        let problem = if self.concurrency == 0 || self.concurrency > MAX_CONCURRENCY {
            format!("`concurrency` must be 1 to {MAX_CONCURRENCY}")
        } else if self.drain > MAX_DRAIN {
            format!("`drain_timeout` must be at most {MAX_DRAIN:?}: a rebalance waits for it")
        } else if self.stuck_after.is_zero() {
            "`stuck_after` must be more than 0".to_owned()
        } else if self.dead_letter_limit.of_latest <= self.dead_letter_limit.most
            || self.dead_letter_limit.of_latest > 100_000
        {
            "`dead_letter_limit`: `of_latest` must be more than `most`, and at most 100,000"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(ClientError::Consumer(problem))
    }
}
