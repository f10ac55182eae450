//! What an account said, to the topics and to the database.

use kafka_common::Topics;
use kafka_common::messages::{ForwardTestEvent, ForwardTestEventKind as Kind, TradeExecution};
use kafka_common::trace;
use paper_exchange::{EquityPoint, Output};
use uuid::Uuid;

use crate::convert;
use crate::exchange::{Out, Session, Traces};
use crate::figures;
use crate::projection::{OrderRow, Row, SessionUpdate, Status};

/// Sends outputs to their topics, and to the database as rows; `reason` is why the session was paused,
/// or why it ended, if it did so by itself.
pub(crate) fn publish(
    id: Uuid,
    session: &mut Session,
    outputs: &mut Vec<Output>,
    traces: &mut Traces,
    reason: Option<&str>,
    out: &mut Out,
) {
    if outputs.is_empty() {
        return;
    }
    let mut status = None;
    let (mut started_at, mut stopped_at) = (None, None);
    let figures = figures::json(session.account.figures());
    for output in outputs.drain(..) {
        let event = |kind, sequence, timestamp| ForwardTestEvent {
            session_id: id,
            user_id: session.user_id.clone(),
            strategy_id: session.strategy_id,
            symbol: session.symbol.clone(),
            event: kind,
            sequence,
            timestamp,
            equity: None,
            reason: None,
            order: None,
            metrics: None,
        };
        let with_figures = |mut event: ForwardTestEvent| {
            event.metrics = figures
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok());
            event
        };
        match output {
            Output::Started(marker) => {
                send_event(
                    &event(Kind::SessionStarted, marker.sequence, marker.time),
                    out,
                );
                status = Some((Status::Running, None));
                started_at = Some(marker.time);
            }
            Output::Execution(execution) => {
                let message = TradeExecution {
                    session_id: id,
                    symbol: session.symbol.clone(),
                    user_id: Some(session.user_id.clone()),
                    strategy_id: Some(session.strategy_id),
                    ..convert::execution(execution)
                };
                count(&message, out);
                let key = id.to_string();
                // The signal's trace, not that of the tick which filled it.
                let of_signal = message.signal_id.and_then(|id| traces.remove(&id));
                trace::sync_scope(of_signal.or_else(trace::current), || {
                    let topic = Topics::TRADE_EXECUTIONS;
                    out.send(topic, None, &key, message.trade_id, &[], &message);
                });
                out.row(Row::Execution(Box::new(message)));
            }
            Output::Order(change) => {
                let (sequence, at) = (change.sequence, change.time);
                let update = convert::order_update(change);
                let mut told = event(Kind::Order, sequence, at);
                told.order = Some(Box::new(update.clone()));
                send_event(&told, out);
                out.row(Row::Order(Box::new(OrderRow {
                    session_id: id,
                    sequence,
                    time: at,
                    update,
                })));
            }
            Output::Equity(point) => {
                let mut told = event(Kind::Equity, point.sequence, point.time);
                told.equity = Some(convert::equity(&point));
                let day = Some(point.time.timestamp().div_euclid(86_400));
                if day > session.day {
                    told = match session.day {
                        Some(_) => with_figures(told),
                        None => told,
                    };
                    session.day = day;
                }
                send_event(&told, out);
                out.row(equity_row(id, point));
            }
            Output::Stopped(point) => {
                let mut told = event(Kind::SessionStopped, point.sequence, point.time);
                told.equity = Some(convert::equity(&point));
                told.reason = reason.map(str::to_owned);
                send_event(&with_figures(told), out);
                status = Some((Status::Stopped, reason.map(str::to_owned)));
                stopped_at = Some(point.time);
                out.row(equity_row(id, point));
            }
            Output::Failed(marker) => {
                let mut failed = event(Kind::SessionError, marker.sequence, marker.time);
                failed.reason = reason.map(str::to_owned);
                send_event(&failed, out);
                status = Some((Status::Error, reason.map(str::to_owned)));
                stopped_at = Some(marker.time);
            }
            Output::Paused(marker) => {
                let mut paused = event(Kind::SessionPaused, marker.sequence, marker.time);
                paused.reason = reason.map(str::to_owned);
                send_event(&paused, out);
                status = Some((Status::Paused, reason.map(str::to_owned)));
            }
            Output::Resumed(marker) => {
                send_event(
                    &event(Kind::SessionResumed, marker.sequence, marker.time),
                    out,
                );
                status = Some((Status::Running, Some("resumed".to_owned())));
            }
            Output::Risk(hit) => {
                let mut told = event(Kind::RiskLimit, hit.sequence, hit.time);
                told.reason = Some(hit.reason.clone());
                send_event(&told, out);
                if !out.is_suppressed() {
                    metrics::counter!("forward_test_risk_limits_total").increment(1);
                }
                if hit.halted {
                    status = Some((Status::Paused, Some(hit.reason)));
                }
            }
        }
    }
    let account = &session.account;
    out.row(Row::Session(Box::new(SessionUpdate {
        session_id: id,
        sequence: account.sequence(),
        status,
        started_at,
        stopped_at,
        cash: account.cash(),
        position: account.position(),
        equity: account.equity(),
        last_price: account.last_price(),
        realized_pnl: account.realized_pnl(),
        fees: account.fees(),
        trades: account.counts().fills,
        return_pct: account.return_pct(),
        metrics: figures,
    })));
}

fn equity_row(session_id: Uuid, point: EquityPoint) -> Row {
    Row::Equity { session_id, point }
}

fn count(message: &TradeExecution, out: &Out) {
    if !out.is_suppressed() {
        metrics::counter!(
            "forward_test_executions_total",
            "status" => message.status.as_str()
        )
        .increment(1);
    }
}

pub(crate) fn send_event(event: &ForwardTestEvent, out: &mut Out) {
    let name = format!("event/{}", event.sequence);
    let id = Uuid::new_v5(&event.session_id, name.as_bytes());
    let key = event.session_id.to_string();
    out.send(Topics::FORWARD_TEST_EVENTS, None, &key, id, &[], event);
}
