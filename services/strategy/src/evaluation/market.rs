//! Ticks, and marks of missing ones, meet the sessions of their symbol.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kafka_common::messages::{
    Cause, RecordKind, Signal, SignalAction, SignalMarketData, StrategySignal, TickView,
};
use strategy_engine::{OnGap, Side, Tick};
use uuid::Uuid;

use super::records::{hold, send};
use super::{Out, PartitionEvaluation, SIGNAL_NAMESPACE};
use crate::orders;

impl PartitionEvaluation {
    /// Trades are missing: each session goes on, begins anew or is paused, as its strategy says.
    pub(super) fn meet_gap(&mut self, offset: i64, tick: &TickView<'_>, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(tick.symbol.as_ref()) else {
            return;
        };
        for id in ids {
            let Some(session) = self
                .sessions
                .get_mut(id)
                .filter(|session| session.started && !session.failed)
            else {
                continue;
            };
            let policy = session.evaluator.on_gap();
            if !out.is_suppressed() {
                metrics::counter!("strategy_gaps_total", "policy" => policy.name()).increment(1);
            }
            if policy != OnGap::Pause {
                continue;
            }
            let deployment = &session.deployment;
            let name = format!("{id}/{}/{offset}/gap", self.unit);
            let record_id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
            let message = StrategySignal {
                session_id: *id,
                strategy_id: deployment.strategy_id,
                signal: hold("trades of the market are missing, and the strategy pauses then"),
                market_data: SignalMarketData {
                    symbol: deployment.symbol.clone(),
                    price: tick.price,
                },
                signal_id: Some(record_id),
                user_id: Some(deployment.user_id.clone()),
                order_type: None,
                order: None,
                cause: Some(Cause {
                    partition: self.unit,
                    offset,
                    trade_id: None,
                    timestamp: Some(tick.timestamp),
                }),
                start: None,
            };
            send(out, record_id, RecordKind::Pause, &message);
        }
    }

    pub(super) fn evaluate(&mut self, offset: i64, tick: &TickView<'_>, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(tick.symbol.as_ref()) else {
            return;
        };
        let market = Tick {
            time: tick.timestamp,
            price: tick.price,
            volume: tick.volume,
            bid: tick.bid,
            ask: tick.ask,
        };
        let mut failed = Vec::new();
        let mut undefined = 0;
        for id in ids {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            if !session.started || session.failed {
                continue;
            }
            let before = session.evaluator.undefined_values();
            let history = session.history.take();
            let evaluator = &mut session.evaluator;
            let signals = guarded(|| {
                if let Some(history) = history {
                    evaluator.warm_up(history.before(market.time, evaluator.timeframe()));
                }
                evaluator.on_tick(&market)
            });
            let signals = match signals {
                Ok(signals) => {
                    undefined += session.evaluator.undefined_values() - before;
                    signals
                }
                Err(reason) => {
                    failed.push((*id, reason));
                    continue;
                }
            };
            for (ordinal, signal) in signals.into_iter().enumerate() {
                let name = format!("{id}/{}/{offset}/{ordinal}", self.unit);
                let signal_id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
                let order = orders::order(
                    signal.quantity,
                    signal.quantity_type,
                    signal.terms.as_deref(),
                );
                let message = StrategySignal {
                    session_id: *id,
                    strategy_id: session.deployment.strategy_id,
                    signal: Signal {
                        action: match signal.action {
                            Side::Buy => SignalAction::Buy,
                            Side::Sell => SignalAction::Sell,
                        },
                        quantity: order.quantity,
                        reason: signal.reason,
                        quantity_type: order.quantity_type,
                    },
                    market_data: SignalMarketData {
                        symbol: tick.symbol.clone().into_owned(),
                        price: tick.price,
                    },
                    signal_id: Some(signal_id),
                    user_id: Some(session.deployment.user_id.clone()),
                    order_type: Some(order.order_type.to_owned()),
                    order: order.details,
                    cause: Some(Cause {
                        partition: self.unit,
                        offset,
                        trade_id: tick.trade_id,
                        timestamp: Some(tick.timestamp),
                    }),
                    start: None,
                };
                if !out.is_suppressed() {
                    metrics::counter!("strategy_signals_total").increment(1);
                }
                send(out, signal_id, RecordKind::Signal, &message);
            }
        }
        if undefined > 0 && !out.is_suppressed() {
            metrics::counter!("strategy_undefined_values_total").increment(undefined);
        }
        for (id, reason) in failed {
            self.stop_failed(id, offset, &reason);
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
