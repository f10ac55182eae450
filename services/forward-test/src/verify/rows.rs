//! The rows that a session's outputs make: what the projection's statements do, once more and
//! without a database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kafka_common::messages::{Equity, ExecutionStatus, OrderUpdate, TradeExecution};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::stored::OrderColumns;
use super::{Message, Outputs};
use crate::projection::sequence as column;

/// The equity curve, and the orders as they are at the end.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) equity: BTreeMap<u64, (DateTime<Utc>, Equity)>,
    pub(super) orders: BTreeMap<Uuid, OrderColumns>,
}

impl Rows {
    /// Of the outputs up to and including `last`.
    pub(super) fn of(outputs: &Outputs, last: u64) -> Self {
        let mut rows = Self::default();
        for (sequence, said) in outputs.range(..=last) {
            match &said.message {
                Message::Execution(execution) => rows.executed(*sequence, execution),
                Message::Event(event) => {
                    if let Some(equity) = &event.equity {
                        rows.equity
                            .insert(*sequence, (event.timestamp, equity.clone()));
                    }
                    if let Some(order) = &event.order {
                        rows.changed(*sequence, event.timestamp, order);
                    }
                }
            }
        }
        rows
    }

    fn changed(&mut self, sequence: u64, time: DateTime<Utc>, update: &OrderUpdate) {
        let Some(row) = self.orders.get_mut(&update.order_id) else {
            self.orders.insert(
                update.order_id,
                OrderColumns {
                    order_id: update.order_id,
                    signal_id: update.signal_id,
                    first_sequence: column(sequence),
                    sequence: column(sequence),
                    status: update.status.clone(),
                    action: update.action.as_str().to_owned(),
                    order_type: update.order_type.clone(),
                    leg: update.leg.clone(),
                    time_in_force: update.time_in_force.clone(),
                    quantity: update.quantity,
                    filled: update.filled,
                    limit_price: update.limit_price,
                    stop_price: update.stop_price,
                    reason: update.reason.clone(),
                    created_at: time,
                    updated_at: time,
                },
            );
            return;
        };
        row.sequence = column(sequence);
        row.status = match update.status == "OPEN" && !update.filled.is_zero() {
            true => "PARTIALLY_FILLED".to_owned(),
            false => update.status.clone(),
        };
        row.quantity = update.quantity;
        row.filled = update.filled;
        row.limit_price = update.limit_price;
        row.stop_price = update.stop_price;
        row.reason.clone_from(&update.reason);
        row.updated_at = time;
    }

    fn executed(&mut self, sequence: u64, execution: &TradeExecution) {
        let Some(order) = &execution.order else {
            return;
        };
        let filled = execution.status == ExecutionStatus::Filled;
        let status = match (filled, order.remaining.is_zero()) {
            (false, _) => "REJECTED",
            (true, true) => "FILLED",
            (true, false) => "PARTIALLY_FILLED",
        };
        let units = match filled {
            true => execution.quantity,
            false => Decimal::ZERO,
        };
        let reason = execution.reason.clone().unwrap_or_default();
        let time = execution.timestamp;
        match self.orders.get_mut(&order.order_id) {
            Some(row) => {
                row.sequence = column(sequence);
                row.filled += units;
                if filled {
                    row.quantity = Some(row.filled + order.remaining);
                }
                row.status = status.to_owned();
                row.reason = reason;
                row.updated_at = time;
            }
            None => {
                let asked = match filled {
                    true => units + order.remaining,
                    false => execution.quantity,
                };
                self.orders.insert(
                    order.order_id,
                    OrderColumns {
                        order_id: order.order_id,
                        signal_id: execution.signal_id.unwrap_or_default(),
                        first_sequence: column(sequence),
                        sequence: column(sequence),
                        status: status.to_owned(),
                        action: execution.action.as_str().to_owned(),
                        order_type: order.order_type.clone(),
                        leg: order.leg.clone(),
                        time_in_force: "gtc".to_owned(),
                        quantity: Some(asked),
                        filled: units,
                        limit_price: None,
                        stop_price: None,
                        reason,
                        created_at: time,
                        updated_at: time,
                    },
                );
            }
        }
    }
}
