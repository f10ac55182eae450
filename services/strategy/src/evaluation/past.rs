//! Sessions that begin in the past meet the log up to here before anything else happens.
//!
//! All of it is one place in the order of records: the start, the signals of the past and the word
//! that the session has caught up stand between the tick before the session's start and the one at
//! it, whatever their causes. Nothing of other sessions is touched, and a replay comes to the same,
//! because what is read is the log.

use std::ops::ControlFlow;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use kafka_common::envelope;
use kafka_common::messages::{Cause, RecordKind, TickView};
use kafka_common::past::PastError;
use kafka_common::processor::StoreError;
use uuid::Uuid;

use super::groups::Group;
use super::market::Met;
use super::{Out, PartitionEvaluation};

/// A trade is written to the log after it happened, but for clocks that differ.
const CLOCKS: TimeDelta = TimeDelta::minutes(5);
/// Signals of one session's past: they are written in one commit.
const MAX_SIGNALS: u64 = 50_000;

/// How far a session has come.
#[derive(Default)]
struct CatchingUp {
    ticks: u64,
    signals: u64,
    undefined: u64,
    failed: Option<String>,
}

/// A session that begins in the past.
struct OfThen<'a> {
    id: Uuid,
    symbol: &'a str,
    starts_at: DateTime<Utc>,
    /// Where in the log to look for its first trade.
    from: i64,
}

impl PartitionEvaluation {
    /// From where in the log a trade of this time, or a later one, is to be looked for.
    pub(super) fn locate(&self, time: DateTime<Utc>) -> Result<i64, StoreError> {
        let found = self.past.locate(self.unit, time - CLOCKS);
        found.map_err(|error| StoreError::new("looking for a session's past", error))
    }

    /// Starts a session: here, or in the past, and then it catches up.
    pub(super) fn begin(&mut self, id: Uuid, out: &mut Out) {
        let Some(deployment) = self.sessions.get(&id).map(|session| &session.deployment) else {
            return;
        };
        let (symbol, starts_at) = (deployment.symbol.clone(), deployment.starts_at);
        let past = starts_at.zip(deployment.past_offset);
        // Out of the others' reach while it meets its past.
        let groups = self.by_symbol.get_mut(&symbol);
        let Some(mut group) = groups.and_then(|groups| groups.take(id)) else {
            return;
        };
        group.running = true;
        let time = self.last.as_ref().map_or_else(Utc::now, |last| last.time);
        if let Some(book) = &mut group.book {
            book.start(starts_at.unwrap_or(time));
        }
        let failed = match past {
            None => {
                self.tell(id, RecordKind::Start, out);
                None
            }
            Some((starts_at, from)) => {
                let of_then = OfThen {
                    id,
                    symbol: &symbol,
                    starts_at,
                    from,
                };
                self.begin_in_past(&of_then, &mut group, out)
            }
        };
        self.by_symbol.entry(symbol).or_default().put_back(group);
        if let Some(reason) = failed {
            let start = self.sessions.get(&id).map_or(0, |session| session.start);
            self.stop_failed(id, start - 1, &reason);
        }
    }

    /// Gives why the session can't go on, if it can't.
    fn begin_in_past(
        &mut self,
        then: &OfThen<'_>,
        group: &mut Group,
        out: &mut Out,
    ) -> Option<String> {
        let id = then.id;
        let start = self.sessions.get(&id)?.start;
        out.applying(0, start);
        let since = Instant::now();
        match self.meet_past(then, start, group, out) {
            Ok(met) => {
                if met.ticks == 0 {
                    // No trade since then: what comes is the first.
                    self.tell(id, RecordKind::Start, out);
                } else {
                    let now = self.cause_before(start, Utc::now());
                    self.tell_of_past(id, RecordKind::Progress, Some(now), out);
                }
                let (ticks, signals) = (met.ticks, met.signals);
                tracing::info!(session = %id, ticks, signals, took = ?since.elapsed(),
                    "a session that begins in the past has caught up");
                if !out.is_suppressed() {
                    metrics::counter!("strategy_past_ticks_total").increment(ticks);
                    metrics::counter!("strategy_signals_total").increment(signals);
                    metrics::counter!("strategy_undefined_values_total").increment(met.undefined);
                }
                met.failed
            }
            // It was there when the session was asked for.
            Err(error @ PastError::Gone(_)) => {
                self.tell(id, RecordKind::Start, out);
                Some(error.to_string())
            }
            Err(error) => {
                out.fail(format!("the past of session {id}: {error}"));
                None
            }
        }
    }

    fn meet_past(
        &mut self,
        then: &OfThen<'_>,
        start: i64,
        group: &mut Group,
        out: &mut Out,
    ) -> Result<CatchingUp, PastError> {
        let id = then.id;
        let mut reader = self.past.open(self.unit, then.from)?;
        let mut met = CatchingUp::default();
        reader.read_to(start - 1, &mut |record| {
            if record.key != Some(then.symbol.as_bytes()) {
                return ControlFlow::Continue(());
            }
            // What can't be read became a dead letter when it came first.
            let Ok(tick) = envelope::decode::<TickView<'_>>(record.value) else {
                return ControlFlow::Continue(());
            };
            let tick = tick.data;
            if met.ticks == 0 {
                if tick.timestamp < then.starts_at {
                    return ControlFlow::Continue(());
                }
                let before = Cause {
                    partition: self.unit,
                    offset: record.offset - 1,
                    trade_id: None,
                    timestamp: Some(then.starts_at),
                };
                self.tell_of_past(id, RecordKind::Start, Some(before), out);
            }
            met.ticks += 1;
            let at = Met::new(self.unit, record.offset, &tick, Some(start - 1));
            if tick.gap.is_some() {
                at.gap(group, &self.sessions, out);
                return ControlFlow::Continue(());
            }
            match at.tick(group) {
                Ok(told) => {
                    met.signals += told.signals.len() as u64;
                    met.undefined += told.undefined;
                    at.tell(
                        &told.signals,
                        id,
                        group.book.as_deref_mut(),
                        &self.sessions,
                        out,
                    );
                }
                Err(reason) => met.failed = Some(reason),
            }
            if met.signals > MAX_SIGNALS {
                met.failed = Some(format!("more than {MAX_SIGNALS} signals in its past"));
            }
            match met.failed {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        })?;
        Ok(met)
    }
}
