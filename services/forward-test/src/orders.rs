//! Orders in the database: projected from the log, and read by users.

use chrono::{DateTime, Utc};
use kafka_common::messages::{ExecutionStatus, TradeExecution};
use rust_decimal::Decimal;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use crate::projection::{OrderRow, sequence};

/// An order changed without an execution; an older change than the row's does nothing.
pub(crate) async fn changed(
    transaction: &mut PgTransaction<'_>,
    row: &OrderRow,
) -> Result<(), sqlx::Error> {
    let update = &row.update;
    sqlx::query(
        "INSERT INTO forward_test.orders AS o (session_id, order_id, signal_id, first_sequence,
             sequence, status, action, order_type, leg, time_in_force, quantity, filled,
             limit_price, stop_price, reason, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
         ON CONFLICT (session_id, order_id) DO UPDATE SET
             sequence = $4,
             status = CASE WHEN $5 = 'OPEN' AND $11 > 0 THEN 'PARTIALLY_FILLED' ELSE $5 END,
             quantity = $10, filled = $11, limit_price = $12, stop_price = $13, reason = $14,
             updated_at = $15
         WHERE o.sequence < $4",
    )
    .bind(row.session_id)
    .bind(update.order_id)
    .bind(update.signal_id)
    .bind(sequence(row.sequence))
    .bind(&update.status)
    .bind(update.action.as_str())
    .bind(&update.order_type)
    .bind(&update.leg)
    .bind(&update.time_in_force)
    .bind(update.quantity)
    .bind(update.filled)
    .bind(update.limit_price)
    .bind(update.stop_price)
    .bind(&update.reason)
    .bind(row.time)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// An order was filled or rejected. A market order that fills at once has no other output.
pub(crate) async fn executed(
    transaction: &mut PgTransaction<'_>,
    execution: &TradeExecution,
) -> Result<(), sqlx::Error> {
    let Some(order) = &execution.order else {
        return Ok(());
    };
    let filled = execution.status == ExecutionStatus::Filled;
    let status = match (filled, order.remaining.is_zero()) {
        (false, _) => "REJECTED",
        (true, true) => "FILLED",
        (true, false) => "PARTIALLY_FILLED",
    };
    let units = if filled {
        execution.quantity
    } else {
        Decimal::ZERO
    };
    let asked = if filled {
        units + order.remaining
    } else {
        execution.quantity
    };
    sqlx::query(
        "INSERT INTO forward_test.orders AS o (session_id, order_id, signal_id, first_sequence,
             sequence, status, action, order_type, leg, time_in_force, quantity, filled, reason,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, 'gtc', $9, $10, $11, $12, $12)
         ON CONFLICT (session_id, order_id) DO UPDATE SET
             sequence = $4, status = $5, filled = o.filled + $10,
             quantity = CASE WHEN $5 = 'REJECTED' THEN o.quantity
                             ELSE o.filled + $10 + $13 END,
             reason = $11, updated_at = $12
         WHERE o.sequence < $4",
    )
    .bind(execution.session_id)
    .bind(order.order_id)
    .bind(execution.signal_id.unwrap_or_default())
    .bind(sequence(execution.sequence.unwrap_or_default()))
    .bind(status)
    .bind(execution.action.as_str())
    .bind(&order.order_type)
    .bind(&order.leg)
    .bind(asked)
    .bind(units)
    .bind(execution.reason.as_deref().unwrap_or_default())
    .bind(execution.timestamp)
    .bind(order.remaining)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// An order as it stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct StoredOrder {
    pub(crate) order_id: Uuid,
    pub(crate) signal_id: Uuid,
    pub(crate) first_sequence: i64,
    pub(crate) status: String,
    pub(crate) action: String,
    pub(crate) order_type: String,
    pub(crate) leg: String,
    pub(crate) time_in_force: String,
    pub(crate) quantity: Option<Decimal>,
    pub(crate) filled: Decimal,
    pub(crate) limit_price: Option<Decimal>,
    pub(crate) stop_price: Option<Decimal>,
    pub(crate) reason: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Orders of a session, newest first; with `open`, only those that still wait.
pub(crate) async fn list(
    pool: &PgPool,
    session_id: Uuid,
    before: i64,
    open: bool,
    limit: i64,
) -> Result<Vec<StoredOrder>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM forward_test.orders
         WHERE session_id = $1 AND first_sequence < $2
           AND (NOT $3 OR status IN ('OPEN', 'TRIGGERED', 'PARTIALLY_FILLED'))
         ORDER BY first_sequence DESC LIMIT $4",
    )
    .bind(session_id)
    .bind(before)
    .bind(open)
    .bind(limit)
    .fetch_all(pool)
    .await
}
