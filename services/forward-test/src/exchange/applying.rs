//! Applying ticks and records to the sessions' accounts.

use chrono::{DateTime, Utc};
use kafka_common::messages::{ForwardTestEvent, ForwardTestEventKind, RecordKind, StrategySignal};
use paper_exchange::{Disposition, Output};
use session_account::{Met, Opening};
use uuid::Uuid;

use super::reading::{MarketTick, SignalRecord};
use super::{Ignored, MAX_TRACES, Out, PartitionExchange, Session, Traces, ignored};
use crate::projection::{Row, Status};
use crate::publishing::{publish, send_event};

impl PartitionExchange {
    pub(super) fn apply_tick(&mut self, tick: &MarketTick, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(&tick.symbol) else {
            return;
        };
        for id in ids {
            if let Some(session) = self.sessions.get_mut(id) {
                meet(*id, session, tick, &mut self.outputs, &mut self.traces, out);
            }
        }
    }

    pub(super) fn apply_record(&mut self, record: SignalRecord, out: &mut Out) {
        let SignalRecord {
            kind,
            data,
            time,
            trace,
        } = record;
        let id = data.session_id;
        if self.is_foreign(&data) && kind != RecordKind::Start {
            ignored(Ignored::ForeignUser);
            tracing::warn!(session = %id, kind = kind.as_str(), "record names another user, ignored");
            return;
        }
        self.catch_up(kind, &data, out);
        match kind {
            RecordKind::Progress => {}
            RecordKind::Start => self.start_session(data, time, out),
            RecordKind::Stop => {
                let Some(mut session) = self.sessions.remove(&id) else {
                    return unknown_session(kind, id);
                };
                if let Some(ids) = self.by_symbol.get_mut(&session.symbol) {
                    ids.retain(|other| *other != id);
                }
                session.account.stop(time, &mut self.outputs);
                publish(
                    id,
                    &mut session,
                    &mut self.outputs,
                    &mut self.traces,
                    None,
                    out,
                );
            }
            RecordKind::Signal => {
                let Some(session) = self.sessions.get_mut(&id) else {
                    return unknown_session(kind, id);
                };
                if session_account::action(data.signal.action).is_none() {
                    return;
                }
                let signal_id = data.signal_id.unwrap_or_default();
                if let Some(trace) = trace {
                    if self.traces.len() >= MAX_TRACES {
                        self.traces.clear();
                    }
                    self.traces.insert(signal_id, trace);
                }
                let account = &mut session.account;
                let taken = session_account::order(account, &data, time, &mut self.outputs);
                if taken == Some(Disposition::NotRunning) {
                    ignored(Ignored::EndedSession);
                    tracing::warn!(session = %id, "signal for a session that has ended");
                }
                publish(id, session, &mut self.outputs, &mut self.traces, None, out);
            }
            RecordKind::Cancel
            | RecordKind::Replace
            | RecordKind::Pause
            | RecordKind::Resume
            | RecordKind::Close => {
                let Some(session) = self.sessions.get_mut(&id) else {
                    return unknown_session(kind, id);
                };
                let account = &mut session.account;
                let known = session_account::command(account, kind, &data, time, &mut self.outputs);
                if !known {
                    metrics::counter!("forward_test_commands_ignored_total").increment(1);
                    tracing::info!(session = %id, kind = kind.as_str(), "the order isn't open");
                }
                // A user pauses a session, and so does a strategy where trades are missing.
                let reason = (kind == RecordKind::Pause).then_some(data.signal.reason.as_str());
                let (outputs, traces) = (&mut self.outputs, &mut self.traces);
                publish(id, session, outputs, traces, reason, out);
            }
        }
    }

    /// Whether a record names another user than its session's. One that names none is the
    /// specification's.
    fn is_foreign(&self, data: &StrategySignal) -> bool {
        let session = self.sessions.get(&data.session_id);
        let owner = session.map(|session| session.user_id.as_str());
        owner
            .zip(data.user_id.as_deref())
            .is_some_and(|(owner, named)| owner != named)
    }

    fn start_session(&mut self, data: StrategySignal, time: DateTime<Utc>, out: &mut Out) {
        let id = data.session_id;
        if self.sessions.contains_key(&id) {
            return;
        }
        let user_id = data.user_id.unwrap_or_default();
        let past = data.place.and(data.cause).map(|cause| cause.offset + 1);
        let opening = data.start.map(|start| {
            let terms = start.terms.as_ref();
            Opening::of(start.initial_balance, start.fee_rate, terms)
        });
        let refusal = match opening {
            Some(Ok(Opening {
                mut account,
                ends_at,
            })) => {
                let symbol = data.market_data.symbol;
                account.start(time, &mut self.outputs);
                let strategy_id = data.strategy_id;
                let mut session = Session {
                    user_id,
                    strategy_id,
                    symbol: symbol.clone(),
                    account,
                    day: None,
                    ends_at,
                    past,
                };
                publish(
                    id,
                    &mut session,
                    &mut self.outputs,
                    &mut self.traces,
                    None,
                    out,
                );
                self.by_symbol.entry(symbol).or_default().push(id);
                self.sessions.insert(id, session);
                return;
            }
            Some(Err(refusal)) => refusal,
            None => "the start record has no terms".to_owned(),
        };
        tracing::error!(session = %id, refusal, "session can't start");
        let event = ForwardTestEvent {
            session_id: id,
            user_id,
            strategy_id: data.strategy_id,
            symbol: data.market_data.symbol,
            event: ForwardTestEventKind::SessionError,
            sequence: 1,
            timestamp: time,
            equity: None,
            reason: Some(refusal.clone()),
            order: None,
            metrics: None,
        };
        send_event(&event, out);
        out.row(Row::Ended {
            session_id: id,
            status: Status::Error,
            reason: refusal,
            time,
        });
    }
}

/// A session meets a tick, or the mark of missing ones.
pub(super) fn meet(
    id: Uuid,
    session: &mut Session,
    tick: &MarketTick,
    outputs: &mut Vec<Output>,
    traces: &mut Traces,
    out: &mut Out,
) {
    let record = &tick.record;
    match session_account::meet(&mut session.account, session.ends_at, record, outputs) {
        Met::Applied => {}
        Met::Ended => {
            publish(id, session, outputs, traces, Some("its scheduled end"), out);
            return;
        }
        Met::Skipped { price } => {
            metrics::counter!("forward_test_invalid_ticks_total").increment(1);
            tracing::warn!(symbol = tick.symbol, %price, "tick can't be traded on, skipped");
        }
        Met::Failed(error) => {
            metrics::counter!("forward_test_ledger_errors_total").increment(1);
            tracing::error!(session = %id, %error, "ledger check failed, session ends");
            let reason = error.to_string();
            publish(id, session, outputs, traces, Some(&reason), out);
            return;
        }
    }
    publish(id, session, outputs, traces, None, out);
}

fn unknown_session(kind: RecordKind, id: Uuid) {
    ignored(Ignored::UnknownSession);
    tracing::debug!(session = %id, kind = kind.as_str(), "record for a session that isn't here");
}
