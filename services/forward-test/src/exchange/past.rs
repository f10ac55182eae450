//! Sessions that begin in the past: each meets the log from there on by itself, up to its place in the
//! one order.
//!
//! Strategy writes a past session's records one after the other at one place: its start, its signals,
//! and that it has caught up. Their causes lie in the past. Before each of them the session, and no
//! other, meets the ticks up to its cause; those were applied to everybody else long ago, and are read
//! from the log once more. So nothing depends on when this happens.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use kafka_common::messages::{RecordKind, StrategySignal};
use kafka_common::past::{PastError, PastReader};
use kafka_common::processor::InputRecord;
use uuid::Uuid;

use super::applying::meet;
use super::{Out, PartitionExchange, reading};
use crate::publishing::publish;

/// The reading of the session that catches up; where there is none, it begins again.
#[derive(Debug)]
pub(super) struct Reading {
    session: Uuid,
    reader: Box<dyn PastReader>,
}

impl PartitionExchange {
    /// Brings a session that begins in the past to the cause of a record of its own.
    pub(super) fn catch_up(&mut self, kind: RecordKind, data: &StrategySignal, out: &mut Out) {
        let id = data.session_id;
        let Some((place, cause)) = data.place.zip(data.cause) else {
            return;
        };
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let Some(next) = session.past else {
            return;
        };
        match self.meet_past(id, cause.partition, next, cause.offset, out) {
            Ok(ticks) => {
                if !out.is_suppressed() {
                    metrics::counter!("forward_test_past_ticks_total").increment(ticks);
                }
                // It has come to where the others are.
                let done = kind == RecordKind::Progress && cause.offset >= place;
                if done {
                    self.reading = None;
                }
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.past = (!done).then_some(cause.offset + 1);
                }
            }
            // It was there when strategy read it.
            Err(error @ PastError::Gone(_)) => {
                self.lose_past(id, cause.timestamp, &error.to_string(), out);
            }
            Err(error) => out.fail(format!("the past of session {id}: {error}")),
        }
    }

    fn meet_past(
        &mut self,
        id: Uuid,
        partition: i32,
        next: i64,
        to: i64,
        out: &mut Out,
    ) -> Result<u64, PastError> {
        if next > to {
            return Ok(0);
        }
        let open = self.reading.take_if(|reading| reading.session == id);
        let mut reading = match open {
            Some(reading) => reading,
            None => Reading {
                session: id,
                reader: self.past.open(partition, next)?,
            },
        };
        let Some(mut session) = self.sessions.remove(&id) else {
            return Ok(0);
        };
        let mut ticks = 0;
        let read = reading.reader.read_to(to, &mut |record| {
            if record.key == Some(session.symbol.as_bytes()) {
                let record = InputRecord {
                    input: 0,
                    offset: record.offset,
                    key: record.key,
                    value: record.value,
                    record_kind: None,
                };
                // What can't be read became a dead letter when it came first.
                if let Ok(tick) = reading::tick(&record) {
                    ticks += 1;
                    meet(
                        id,
                        &mut session,
                        &tick,
                        &mut self.outputs,
                        &mut self.traces,
                        out,
                    );
                }
            }
            ControlFlow::Continue(())
        });
        self.sessions.insert(id, session);
        self.reading = Some(reading);
        read.map(|()| ticks)
    }

    fn lose_past(&mut self, id: Uuid, time: Option<DateTime<Utc>>, why: &str, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        tracing::error!(session = %id, why, "a session's past is gone, it ends");
        session.past = None;
        session
            .account
            .fail(time.unwrap_or_default(), &mut self.outputs);
        let (outputs, traces) = (&mut self.outputs, &mut self.traces);
        publish(id, session, outputs, traces, Some(why), out);
    }
}
