//! The records besides signals, and how every record is written.

use chrono::{DateTime, Utc};
use kafka_common::Topics;
use kafka_common::messages::{
    Cause, QuantityType, RecordKind, SessionStart, Signal, SignalAction, SignalMarketData,
    StrategySignal,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Out, PartitionEvaluation};
use crate::commands::UserCommand;

impl PartitionEvaluation {
    pub(super) fn tell(&self, id: Uuid, kind: RecordKind, out: &mut Out) {
        self.tell_of_past(id, kind, None, out);
    }

    /// As [`Self::tell`]; a session that begins in the past starts behind a cause of then, and takes
    /// the place of now.
    pub(super) fn tell_of_past(
        &self,
        id: Uuid,
        kind: RecordKind,
        past: Option<Cause>,
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let deployment = &session.deployment;
        let position = match kind {
            RecordKind::Stop => session.stop.unwrap_or(self.position[0]),
            _ => session.start,
        };
        let now = self.cause_before(position, Utc::now());
        let name = format!("{}/{position}", kind.as_str());
        let record_id = Uuid::new_v5(&id, name.as_bytes());
        out.applying(0, position);
        let message = StrategySignal {
            session_id: id,
            strategy_id: deployment.strategy_id,
            signal: hold(match kind {
                RecordKind::Stop if session.failed => "the strategy failed, the session stops",
                RecordKind::Stop => "session stops",
                RecordKind::Progress => "session has caught up",
                _ => "session starts",
            }),
            market_data: SignalMarketData {
                symbol: deployment.symbol.clone(),
                price: self.last.as_ref().map_or(Decimal::ZERO, |last| last.price),
            },
            signal_id: Some(record_id),
            user_id: Some(deployment.user_id.clone()),
            order_type: None,
            order: None,
            place: past.map(|_| now.offset),
            cause: Some(past.unwrap_or(now)),
            start: (kind == RecordKind::Start).then(|| SessionStart {
                initial_balance: deployment.initial_balance,
                fee_rate: deployment.fee_rate,
                terms: deployment.terms.as_ref().map(|terms| terms.0.clone()),
            }),
        };
        send(out, record_id, kind, &message);
    }

    /// Writes a user's command, if its session runs.
    pub(super) fn tell_command(&mut self, command: UserCommand, out: &mut Out) {
        let position = command.position.unwrap_or(self.position[0]);
        let cause = self.cause_before(position, command.created_at);
        let session = self.sessions.get(&command.session_id);
        let Some(session) = session.filter(|session| session.started) else {
            tracing::info!(command = %command.id, "command for a session that doesn't run");
            return;
        };
        out.applying(0, position);
        let deployment = &session.deployment;
        let message = StrategySignal {
            session_id: command.session_id,
            strategy_id: deployment.strategy_id,
            signal: command.body.signal,
            market_data: SignalMarketData {
                symbol: deployment.symbol.clone(),
                price: self.last.as_ref().map_or(Decimal::ZERO, |last| last.price),
            },
            signal_id: Some(command.id),
            user_id: Some(deployment.user_id.clone()),
            order_type: command.body.order_type,
            order: command.body.order,
            cause: Some(cause),
            place: None,
            start: None,
        };
        if let Some(book) = self
            .group(command.session_id)
            .and_then(|group| group.book.as_mut())
        {
            book.command(position, command.id, command.kind, &message);
        }
        send(out, command.id, command.kind, &message);
    }

    /// The place before `position`; the time is that of the latest tick, or `earlier` before any.
    pub(super) fn cause_before(&self, position: i64, earlier: DateTime<Utc>) -> Cause {
        let last = self.last.as_ref();
        Cause {
            partition: self.unit,
            offset: position - 1,
            trade_id: last.and_then(|last| last.trade_id),
            timestamp: Some(last.map_or(earlier, |last| last.time)),
        }
    }
}

pub(super) fn hold(reason: &str) -> Signal {
    Signal {
        action: SignalAction::Hold,
        quantity: Decimal::ZERO,
        reason: reason.to_owned(),
        quantity_type: QuantityType::Units,
    }
}

/// The symbol's partition of `strategy-signals` follows its partition of the market data, because
/// both are the same hash of the same key.
pub(super) fn send(out: &mut Out, id: Uuid, kind: RecordKind, message: &StrategySignal) {
    let headers = [(RecordKind::HEADER, kind.as_str())];
    let symbol = &message.market_data.symbol;
    out.send(
        Topics::STRATEGY_SIGNALS,
        None,
        symbol,
        id,
        &headers,
        message,
    );
}
