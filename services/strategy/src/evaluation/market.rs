//! Ticks, and marks of missing ones, meet the sessions of their symbol.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kafka_common::messages::{
    Cause, RecordKind, Signal, SignalAction, SignalMarketData, StrategySignal, TickView,
};
use session_account::MarketRecord;
use strategy_engine::{OnGap, Side, Tick};
use uuid::Uuid;

use super::book::Book;
use super::groups::{Group, Member};
use super::records::{hold, send};
use super::{Out, PartitionEvaluation, SIGNAL_NAMESPACE, Session, Sessions};
use crate::orders;

/// A record of the market as a session meets it.
pub(super) struct Met<'a> {
    unit: i32,
    offset: i64,
    tick: &'a TickView<'a>,
    /// The place in the order of what it causes, where that isn't its own.
    place: Option<i64>,
    market: Tick,
    record: MarketRecord,
}

/// What a group made of a tick.
#[derive(Debug)]
pub(super) struct Told {
    /// Of each of its sessions.
    pub(super) signals: Vec<strategy_engine::Signal>,
    pub(super) undefined: u64,
}

impl PartitionEvaluation {
    /// Trades are missing: each session goes on, begins anew or is paused, as its strategy says.
    pub(super) fn meet_gap(&mut self, offset: i64, tick: &TickView<'_>, out: &mut Out) {
        let Some(groups) = self.by_symbol.get_mut(tick.symbol.as_ref()) else {
            return;
        };
        let met = Met::new(self.unit, offset, tick, None);
        for group in groups.running() {
            met.gap(group, &self.sessions, out);
        }
    }

    pub(super) fn evaluate(&mut self, offset: i64, tick: &TickView<'_>, out: &mut Out) {
        let Some(groups) = self.by_symbol.get_mut(tick.symbol.as_ref()) else {
            return;
        };
        let met = Met::new(self.unit, offset, tick, None);
        // Empty but for the ticks that somebody trades at.
        let (mut speaking, mut failed) = (Vec::new(), Vec::new());
        let mut undefined = 0;
        for group in groups.running() {
            match met.tick(group) {
                Ok(told) => {
                    undefined += told.undefined * group.members().len() as u64;
                    if !told.signals.is_empty() {
                        speaking.push((group, told.signals));
                    }
                }
                Err(reason) => {
                    failed.extend(group.members().iter().map(|m| (m.id, reason.clone())));
                }
            }
        }
        let signals = met.tell_all(speaking, &self.sessions, out);
        if !out.is_suppressed() {
            if signals > 0 {
                metrics::counter!("strategy_signals_total").increment(signals);
            }
            if undefined > 0 {
                metrics::counter!("strategy_undefined_values_total").increment(undefined);
            }
        }
        for (id, reason) in failed {
            self.stop_failed(id, offset, &reason);
        }
    }
}

impl<'a> Met<'a> {
    pub(super) fn new(unit: i32, offset: i64, tick: &'a TickView<'a>, place: Option<i64>) -> Self {
        Self {
            unit,
            offset,
            tick,
            place,
            record: MarketRecord::from(tick),
            market: Tick {
                time: tick.timestamp,
                price: tick.price,
                volume: tick.volume,
                bid: tick.bid,
                ask: tick.ask,
            },
        }
    }

    /// Trades are missing: the group's sessions do what their strategy says.
    pub(super) fn gap(&self, group: &mut Group, sessions: &Sessions, out: &mut Out) {
        if let Some(book) = &mut group.book {
            book.meet(&self.record);
        }
        let policy = group.evaluator.on_gap();
        let (mut book, members) = group.book_and_members();
        if !out.is_suppressed() {
            metrics::counter!("strategy_gaps_total", "policy" => policy.name())
                .increment(members.len() as u64);
        }
        if policy != OnGap::Pause {
            return;
        }
        for Member { id, .. } in members {
            let Some(session) = sessions.get(id) else {
                continue;
            };
            let name = format!("{id}/{}/{}/gap", self.unit, self.offset);
            let record_id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
            let why = "trades of the market are missing, and the strategy pauses then";
            let mut message = self.message(*id, session, record_id, hold(why));
            message.cause = message.cause.map(|cause| Cause {
                trade_id: None,
                ..cause
            });
            if let Some(book) = &mut book {
                book.apply(RecordKind::Pause, &message);
            }
            send(out, record_id, RecordKind::Pause, &message);
        }
    }

    /// Evaluates the strategy of a group's sessions.
    ///
    /// # Errors
    /// It panicked; the words.
    pub(super) fn tick(&self, group: &mut Group) -> Result<Told, String> {
        let before = group.evaluator.undefined_values();
        let history = group.history.take();
        let (evaluator, book) = (&mut group.evaluator, &mut group.book);
        let signals = guarded(|| {
            if let Some(history) = history {
                evaluator.warm_up(history.before(self.market.time, evaluator.timeframe()));
            }
            match book {
                None => evaluator.on_tick(&self.market),
                // First the orders that wait, then the strategy: as the exchange does it.
                Some(book) => {
                    book.meet(&self.record);
                    evaluator.on_tick_holding(&self.market, &book.holding())
                }
            }
        })?;
        Ok(Told {
            signals,
            undefined: group.evaluator.undefined_values() - before,
        })
    }

    /// Tells the signals of groups, session by session in the order in which those came; gives how
    /// many there were.
    fn tell_all(
        &self,
        speaking: Vec<(&mut Group, Vec<strategy_engine::Signal>)>,
        sessions: &Sessions,
        out: &mut Out,
    ) -> u64 {
        let mut told = Vec::new();
        for (group, signals) in speaking {
            let signals = Arc::<[_]>::from(signals);
            let (mut book, members) = group.book_and_members();
            // Where there is a book there is one member.
            let each = members
                .iter()
                .map(|m| (*m, Arc::clone(&signals), book.take()));
            told.extend(each);
        }
        told.sort_unstable_by_key(|(member, ..)| member.rank);
        let count = told
            .iter()
            .map(|(_, signals, _)| signals.len() as u64)
            .sum();
        for (member, signals, book) in told {
            self.tell(&signals, member.id, book, sessions, out);
        }
        count
    }

    /// Tells the signals of a session.
    pub(super) fn tell(
        &self,
        signals: &[strategy_engine::Signal],
        id: Uuid,
        mut book: Option<&mut Book>,
        sessions: &Sessions,
        out: &mut Out,
    ) {
        let Some(session) = sessions.get(&id) else {
            return;
        };
        for (ordinal, signal) in signals.iter().enumerate() {
            let name = format!("{id}/{}/{}/{ordinal}", self.unit, self.offset);
            let signal_id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
            let order = orders::order(
                signal.quantity,
                signal.quantity_type,
                signal.terms.as_deref(),
            );
            let proper = Signal {
                action: match signal.action {
                    Side::Buy => SignalAction::Buy,
                    Side::Sell => SignalAction::Sell,
                },
                quantity: order.quantity,
                reason: signal.reason.clone(),
                quantity_type: order.quantity_type,
            };
            let mut message = self.message(id, session, signal_id, proper);
            message.order_type = Some(order.order_type.to_owned());
            message.order = order.details;
            if let Some(book) = &mut book {
                book.apply(RecordKind::Signal, &message);
            }
            send(out, signal_id, RecordKind::Signal, &message);
        }
    }

    /// A record that this one causes.
    fn message(
        &self,
        id: Uuid,
        session: &Session,
        record_id: Uuid,
        signal: Signal,
    ) -> StrategySignal {
        let deployment = &session.deployment;
        StrategySignal {
            session_id: id,
            strategy_id: deployment.strategy_id,
            signal,
            market_data: SignalMarketData {
                symbol: deployment.symbol.clone(),
                price: self.tick.price,
            },
            signal_id: Some(record_id),
            user_id: Some(deployment.user_id.clone()),
            order_type: None,
            order: None,
            cause: Some(Cause {
                partition: self.unit,
                offset: self.offset,
                trade_id: self.tick.trade_id,
                timestamp: Some(self.tick.timestamp),
            }),
            place: self.place,
            start: None,
        }
    }
}

/// What it gives, or the words of its panic.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What a panic leaves half done is not looked at again.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked without words").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic)]
    fn a_panic_ends_what_panicked_and_nothing_else() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(
            guarded(|| panic!("index {}", 3)),
            Err::<(), _>("index 3".to_owned())
        );
        assert_eq!(
            guarded(|| panic!("plain")),
            Err::<(), _>("plain".to_owned())
        );
    }
}
