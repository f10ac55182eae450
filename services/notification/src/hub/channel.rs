//! One channel: its position, the history that missed publications are recovered from, its members.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use super::outbox::{Cut, Outbox};
use super::{HubLimits, Position};

/// What a publication takes in memory besides its text, about.
const OVERHEAD: usize = 96;

/// A publication. Cheap to clone: history and queues share the text.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Position in the channel, from 1 without holes.
    pub offset: u64,
    /// `{"event":...,"payload":...}`, the same text for clients of every encoding.
    pub data: Arc<RawValue>,
    /// When the source record was produced.
    pub produced_at: DateTime<Utc>,
    at: Instant,
    /// In how many queues it waits.
    queues: Arc<AtomicUsize>,
}

impl Publication {
    /// A publication whose offset was given by somebody else.
    pub(crate) fn new(offset: u64, data: Arc<RawValue>, produced_at: DateTime<Utc>) -> Self {
        Self {
            offset,
            data,
            produced_at,
            at: Instant::now(),
            queues: Arc::default(),
        }
    }

    /// What whoever gets it has to take.
    pub(crate) fn size(&self) -> usize {
        self.data.get().len() + OVERHEAD
    }

    /// It waits in one more queue: how many more bytes of memory that is. The text is there once
    /// for all of them.
    pub(super) fn enter(&self) -> usize {
        match self.queues.fetch_add(1, Ordering::AcqRel) {
            0 => self.size(),
            _ => OVERHEAD,
        }
    }

    /// It waits in one queue less: how many bytes less.
    pub(super) fn leave(&self) -> usize {
        match self.queues.fetch_sub(1, Ordering::AcqRel) {
            1 => self.size(),
            _ => OVERHEAD,
        }
    }
}

/// `{"data":...,"offset":...}`.
impl Serialize for Publication {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            data: &'a RawValue,
            offset: u64,
        }
        let Self { data, offset, .. } = self;
        let (data, offset) = (&**data, *offset);
        Body { data, offset }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Data<'a> {
    event: &'a str,
    payload: &'a RawValue,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) client: String,
    pub(super) outbox: Arc<Outbox>,
}

#[derive(Debug)]
pub(super) struct Channel {
    /// Tells this channel from others of the same name: before a restart, or before it was
    /// forgotten. Offsets of another epoch mean nothing here.
    pub(super) epoch: String,
    /// Offset of the newest publication.
    pub(super) offset: u64,
    /// The newest publications, their offsets without holes up to `offset`.
    pub(super) history: VecDeque<Publication>,
    pub(super) history_bytes: usize,
    /// Whether anybody was ever given a position. Until then nobody can ask for what was missed,
    /// and no history is kept.
    pub(super) known: bool,
    pub(super) touched: Instant,
    /// When the last member left.
    pub(super) left_at: Instant,
    pub(super) members: Vec<Member>,
}

impl Channel {
    pub(super) fn new(epoch: String) -> Self {
        Self {
            epoch,
            offset: 0,
            history: VecDeque::new(),
            history_bytes: 0,
            known: false,
            touched: Instant::now(),
            left_at: Instant::now(),
            members: Vec::new(),
        }
    }

    pub(super) fn publish(
        &mut self,
        event: &str,
        payload: &RawValue,
        produced_at: DateTime<Utc>,
        limits: &HubLimits,
    ) -> Result<u64, serde_json::Error> {
        let offset = self.offset + 1;
        let data = to_raw_value(&Data { event, payload })?;
        let publication = Publication::new(offset, data.into(), produced_at);
        self.append(publication, limits);
        Ok(offset)
    }

    /// Adds the publication that follows the newest one.
    pub(super) fn append(&mut self, publication: Publication, limits: &HubLimits) {
        self.offset = publication.offset;
        self.touched = publication.at;
        for member in &self.members {
            member.outbox.push(publication.clone());
        }
        if self.known {
            self.history_bytes += publication.size();
            self.history.push_back(publication);
            while self.history.len() > limits.history_events
                || self.history_bytes > limits.history_bytes
            {
                self.drop_oldest();
            }
        }
    }

    /// Sends the members away: what they know doesn't fit to what is known here.
    pub(super) fn cut(&self) {
        for member in &self.members {
            member.outbox.cut(Cut::Behind);
        }
    }

    fn drop_oldest(&mut self) {
        match self.history.pop_front() {
            Some(oldest) => self.history_bytes -= oldest.size(),
            None => self.history_bytes = 0,
        }
    }

    /// Forgets publications from before `since`.
    pub(super) fn expire(&mut self, since: Instant) {
        while self.history.front().is_some_and(|oldest| oldest.at < since) {
            self.drop_oldest();
        }
    }

    pub(super) fn clear_history(&mut self) {
        self.history.clear();
        self.history_bytes = 0;
    }

    pub(super) fn position(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            offset: self.offset,
        }
    }

    /// Exactly what follows the position, or `None` if this can't be told with certainty.
    pub(super) fn since(&self, position: &Position) -> Option<Vec<Publication>> {
        if position.epoch != self.epoch || position.offset > self.offset {
            return None;
        }
        let missed = usize::try_from(self.offset - position.offset).ok()?;
        let known = self.history.len().checked_sub(missed)?;
        Some(self.history.range(known..).cloned().collect())
    }
}
