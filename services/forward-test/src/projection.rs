//! What the state machine decided, in the database: idempotent by session and sequence, written in
//! one transaction with the snapshots that follow it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kafka_common::messages::{OrderUpdate, TradeExecution};
use kafka_common::processor::{Snapshot, Store, StoreError};
use paper_exchange::EquityPoint;
use rust_decimal::Decimal;
use service_kit::snapshots;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use crate::{SCHEMA, orders};

/// A session's status in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Paused,
    Stopped,
    Error,
}

impl Status {
    /// Whether nothing comes after it.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Stopped | Self::Error)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
            Self::Error => "ERROR",
        }
    }
}

/// A session's account after an output.
#[derive(Debug, Clone)]
pub(crate) struct SessionUpdate {
    pub(crate) session_id: Uuid,
    pub(crate) sequence: u64,
    /// A new status and its reason.
    pub(crate) status: Option<(Status, Option<String>)>,
    /// Event time of the start, if that is among what it tells.
    pub(crate) started_at: Option<DateTime<Utc>>,
    /// Event time of the end, likewise.
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    pub(crate) cash: Decimal,
    pub(crate) position: Decimal,
    pub(crate) equity: Decimal,
    pub(crate) last_price: Option<Decimal>,
    pub(crate) realized_pnl: Decimal,
    pub(crate) fees: Decimal,
    pub(crate) trades: u64,
    pub(crate) return_pct: Decimal,
    /// The figures, as JSON text.
    pub(crate) metrics: Option<String>,
}

/// An order after a change.
#[derive(Debug, Clone)]
pub(crate) struct OrderRow {
    pub(crate) session_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) update: OrderUpdate,
}

/// A row to be written.
#[derive(Debug, Clone)]
pub(crate) enum Row {
    Execution(Box<TradeExecution>),
    Order(Box<OrderRow>),
    Equity {
        session_id: Uuid,
        point: EquityPoint,
    },
    Session(Box<SessionUpdate>),
    /// A session that couldn't even start.
    Ended {
        session_id: Uuid,
        status: Status,
        reason: String,
        time: DateTime<Utc>,
    },
}

/// Writes rows and snapshots.
#[derive(Debug)]
pub(crate) struct Projection {
    pool: PgPool,
}

impl Projection {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Store<Row> for Projection {
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError> {
        snapshots::load(&self.pool, SCHEMA, unit).await
    }

    async fn save(&self, rows: Vec<Row>, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        let failed = |error| StoreError::new("writing the projection", error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        // Of a session's updates in one batch only the last one matters.
        let mut latest: std::collections::HashMap<Uuid, Box<SessionUpdate>> = Default::default();
        for row in rows {
            match row {
                Row::Execution(execution) => {
                    let data = serde_json::to_string(&execution)
                        .map_err(|error| StoreError::new("writing an execution", error))?;
                    write_execution(&mut transaction, &execution, data)
                        .await
                        .map_err(failed)?;
                    orders::executed(&mut transaction, &execution)
                        .await
                        .map_err(failed)?;
                }
                Row::Order(order) => {
                    orders::changed(&mut transaction, &order)
                        .await
                        .map_err(failed)?;
                }
                Row::Equity { session_id, point } => {
                    write_equity(&mut transaction, session_id, &point)
                        .await
                        .map_err(failed)?;
                }
                Row::Session(update) => merge(&mut latest, update),
                Row::Ended {
                    session_id,
                    status,
                    reason,
                    time,
                } => {
                    end(&mut transaction, session_id, status, &reason, time)
                        .await
                        .map_err(failed)?;
                }
            }
        }
        for update in latest.values() {
            write_session(&mut transaction, update)
                .await
                .map_err(failed)?;
        }
        snapshots::save(&mut transaction, SCHEMA, snapshots).await?;
        transaction.commit().await.map_err(failed)
    }
}

/// Keeps the newer update, and a status that the older one brought.
fn merge(
    latest: &mut std::collections::HashMap<Uuid, Box<SessionUpdate>>,
    mut update: Box<SessionUpdate>,
) {
    if let Some(before) = latest.remove(&update.session_id) {
        update.status = update.status.or(before.status);
        update.started_at = update.started_at.or(before.started_at);
        update.stopped_at = update.stopped_at.or(before.stopped_at);
    }
    latest.insert(update.session_id, update);
}

async fn write_execution(
    transaction: &mut PgTransaction<'_>,
    execution: &TradeExecution,
    data: String,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO forward_test.executions (session_id, sequence, data)
         VALUES ($1, $2, $3::JSON) ON CONFLICT DO NOTHING",
    )
    .bind(execution.session_id)
    .bind(sequence(execution.sequence.unwrap_or_default()))
    .bind(data)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn write_equity(
    transaction: &mut PgTransaction<'_>,
    session_id: Uuid,
    point: &EquityPoint,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO forward_test.equity
             (session_id, sequence, time, price, cash, position, equity)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(session_id)
    .bind(sequence(point.sequence))
    .bind(point.time)
    .bind(point.price)
    .bind(point.cash)
    .bind(point.position)
    .bind(point.equity)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn write_session(
    transaction: &mut PgTransaction<'_>,
    update: &SessionUpdate,
) -> Result<(), sqlx::Error> {
    let (status, reason) = match &update.status {
        Some((status, reason)) => (Some(status.as_str()), reason.as_deref()),
        None => (None, None),
    };
    // A user's STOPPING or CLOSING is kept until the log says how it ended; an older update changes nothing.
    sqlx::query(
        "UPDATE forward_test.sessions SET
             sequence = $2, cash = $3, position = $4, equity = $5, last_price = $6,
             realized_pnl = $7, fees = $8, trades = $9, return_pct = $10,
             metrics = COALESCE($14::JSON, metrics),
             status = CASE WHEN $11::TEXT IS NULL THEN status
                           WHEN $11 IN ('RUNNING', 'PAUSED')
                               AND status NOT IN ('PENDING', 'RUNNING', 'PAUSED') THEN status
                           ELSE $11 END,
             status_reason = COALESCE($12, status_reason),
             started_at = COALESCE(started_at, $13), stopped_at = COALESCE($15, stopped_at)
         WHERE id = $1 AND sequence < $2",
    )
    .bind(update.session_id)
    .bind(sequence(update.sequence))
    .bind(update.cash)
    .bind(update.position)
    .bind(update.equity)
    .bind(update.last_price)
    .bind(update.realized_pnl)
    .bind(update.fees)
    .bind(sequence(update.trades))
    .bind(update.return_pct)
    .bind(status)
    .bind(reason)
    .bind(update.started_at)
    .bind(&update.metrics)
    .bind(update.stopped_at)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn end(
    transaction: &mut PgTransaction<'_>,
    session_id: Uuid,
    status: Status,
    reason: &str,
    time: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE forward_test.sessions SET status = $2, status_reason = $3, stopped_at = $4
         WHERE id = $1",
    )
    .bind(session_id)
    .bind(status.as_str())
    .bind(reason)
    .bind(time)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Postgres has no unsigned integers; a session doesn't reach 2^63 outputs.
pub(crate) fn sequence(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
