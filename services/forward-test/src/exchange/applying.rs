//! Applying ticks and records to the sessions' accounts.

use chrono::{DateTime, Utc};
use kafka_common::messages::{ForwardTestEvent, ForwardTestEventKind, RecordKind, StrategySignal};
use paper_exchange::{
    Account, Disposition, LedgerError, OrderRequest, Origin, Output, Replacement,
};
use uuid::Uuid;

use super::reading::{MarketTick, SignalRecord};
use super::{Ignored, MAX_TRACES, Out, PartitionExchange, Session, Traces, ignored};
use crate::convert;
use crate::projection::{Row, Status};
use crate::publishing::{publish, send_event};
use crate::terms;

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
                let Some(action) = convert::action(data.signal.action) else {
                    return;
                };
                let signal_id = data.signal_id.unwrap_or_default();
                if let Some(trace) = trace {
                    if self.traces.len() >= MAX_TRACES {
                        self.traces.clear();
                    }
                    self.traces.insert(signal_id, trace);
                }
                let details = data.order.as_deref();
                let Ok(terms) = convert::order_terms(data.order_type.as_deref(), details) else {
                    // Checked when it was read.
                    return;
                };
                let origin = match details.is_some_and(|details| details.manual) {
                    true => Origin::User,
                    false => Origin::Strategy,
                };
                let order = OrderRequest {
                    signal_id,
                    action,
                    quantity: data.signal.quantity,
                    quantity_type: convert::quantity_type(data.signal.quantity_type),
                    reason: data.signal.reason,
                    time,
                };
                let taken = session
                    .account
                    .on_order(order, terms, origin, &mut self.outputs);
                if taken == Disposition::NotRunning {
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
                let known = command(&mut session.account, kind, &data, time, &mut self.outputs);
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
        let ends_at = data
            .start
            .as_ref()
            .and_then(|start| terms::ends_at(start.terms.clone()));
        let terms = data
            .start
            .map(|start| terms::of_record(start.initial_balance, start.fee_rate, start.terms));
        let refusal = match terms {
            Some(Ok(terms)) => {
                let symbol = data.market_data.symbol;
                let mut account = Account::new(terms);
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
    if let Some(end) = session.ends_at.filter(|end| *end <= tick.trade.time) {
        session.account.stop(end, outputs);
        publish(id, session, outputs, traces, Some("its scheduled end"), out);
        return;
    }
    let account = &mut session.account;
    let applied = match tick.gap {
        true => {
            account.on_gap(tick.trade.time, outputs);
            Ok(())
        }
        false => account.on_quoted_trade(&tick.trade, tick.quote.as_ref(), outputs),
    };
    match applied {
        Ok(()) => {}
        Err(LedgerError::InvalidTrade { price }) => {
            metrics::counter!("forward_test_invalid_ticks_total").increment(1);
            tracing::warn!(symbol = tick.symbol, %price, "tick can't be traded on, skipped");
        }
        Err(error) => {
            metrics::counter!("forward_test_ledger_errors_total").increment(1);
            tracing::error!(session = %id, %error, "ledger check failed, session ends");
            session.account.fail(tick.trade.time, outputs);
            let reason = error.to_string();
            publish(id, session, outputs, traces, Some(&reason), out);
            return;
        }
    }
    publish(id, session, outputs, traces, None, out);
}

/// Applies what a user asks; false where it concerns an order that isn't open.
fn command(
    account: &mut Account,
    kind: RecordKind,
    data: &StrategySignal,
    time: DateTime<Utc>,
    outputs: &mut Vec<Output>,
) -> bool {
    let details = data.order.as_deref();
    let order_id = details
        .and_then(|details| details.order_id)
        .unwrap_or_default();
    match kind {
        RecordKind::Cancel => return account.cancel(order_id, time, outputs),
        RecordKind::Replace => {
            let quantity = data.signal.quantity;
            let change = Replacement {
                quantity: (!quantity.is_zero()).then_some(quantity),
                limit: details.and_then(|details| details.limit_price),
                trigger: details.and_then(|details| details.stop_price),
            };
            return account.replace(order_id, change, time, outputs);
        }
        RecordKind::Pause => account.pause(time, outputs),
        RecordKind::Resume => account.resume(time, outputs),
        RecordKind::Close => account.close(data.signal_id.unwrap_or_default(), time, outputs),
        RecordKind::Signal | RecordKind::Start | RecordKind::Stop | RecordKind::Progress => {}
    }
    true
}

fn unknown_session(kind: RecordKind, id: Uuid) {
    ignored(Ignored::UnknownSession);
    tracing::debug!(session = %id, kind = kind.as_str(), "record for a session that isn't here");
}
