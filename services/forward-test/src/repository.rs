//! Sessions, trades and equity in the database.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::reports::DayAnswer;

/// A session.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) strategy_id: Uuid,
    pub(crate) strategy_name: String,
    pub(crate) strategy_version: i32,
    pub(crate) symbol: String,
    pub(crate) timeframe: String,
    pub(crate) initial_balance: Decimal,
    pub(crate) fee_rate: Decimal,
    pub(crate) status: String,
    pub(crate) status_reason: Option<String>,
    pub(crate) deployed: bool,
    pub(crate) cash: Decimal,
    pub(crate) position: Decimal,
    pub(crate) equity: Decimal,
    pub(crate) last_price: Option<Decimal>,
    pub(crate) realized_pnl: Decimal,
    pub(crate) fees: Decimal,
    pub(crate) trades: i64,
    pub(crate) return_pct: Decimal,
    pub(crate) sequence: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    pub(crate) terms: Option<Json<Value>>,
}

/// What a user asks for.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) strategy_id: Uuid,
    pub(crate) symbol: String,
    pub(crate) timeframe: String,
    pub(crate) initial_balance: Decimal,
    pub(crate) fee_rate: Decimal,
    pub(crate) terms: Option<Value>,
}

/// A point of the equity curve.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct EquityRow {
    pub(crate) sequence: i64,
    pub(crate) time: DateTime<Utc>,
    pub(crate) price: Decimal,
    pub(crate) cash: Decimal,
    pub(crate) position: Decimal,
    pub(crate) equity: Decimal,
}

/// What became of a session that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is there now.
    New,
    /// The id was there already.
    Before,
    /// The user has as many as allowed that haven't ended.
    TooMany,
}

/// Adds a session, unless its user has `most` already that haven't ended.
pub(crate) async fn insert(
    pool: &PgPool,
    new: &NewSession,
    most: u32,
) -> Result<Inserted, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // One after the other, so that two requests at a time don't both take the last place.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('session of ' || $1, 0))")
        .bind(&new.user_id)
        .execute(&mut *transaction)
        .await?;
    let (there, active): (bool, i64) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM forward_test.sessions WHERE id = $2),
             (SELECT COUNT(*) FROM forward_test.sessions
              WHERE user_id = $1 AND status NOT IN ('STOPPED', 'ERROR'))",
    )
    .bind(&new.user_id)
    .bind(new.id)
    .fetch_one(&mut *transaction)
    .await?;
    if there {
        return Ok(Inserted::Before);
    }
    if active >= i64::from(most) {
        return Ok(Inserted::TooMany);
    }
    let done = sqlx::query(
        "INSERT INTO forward_test.sessions (id, user_id, name, strategy_id, symbol, timeframe,
             initial_balance, fee_rate, status, cash, equity, terms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'PENDING', $7, $7, $9)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(new.id)
    .bind(&new.user_id)
    .bind(&new.name)
    .bind(new.strategy_id)
    .bind(&new.symbol)
    .bind(&new.timeframe)
    .bind(new.initial_balance)
    .bind(new.fee_rate)
    .bind(new.terms.as_ref().map(Json))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(match done.rows_affected() {
        0 => Inserted::Before,
        _ => Inserted::New,
    })
}

/// Takes back a session that the strategy service refused.
pub(crate) async fn remove(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM forward_test.sessions WHERE id = $1 AND NOT deployed")
        .bind(id)
        .execute(pool)
        .await?;
    Ok(())
}

pub(crate) async fn mark_deployed(
    pool: &PgPool,
    id: Uuid,
    strategy_name: &str,
    strategy_version: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE forward_test.sessions
         SET deployed = TRUE, strategy_name = $2, strategy_version = $3 WHERE id = $1",
    )
    .bind(id)
    .bind(strategy_name)
    .bind(strategy_version)
    .execute(pool)
    .await?;
    Ok(())
}

/// Asks a session to stop; nothing changes where it has ended.
pub(crate) async fn mark_stopping(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE forward_test.sessions SET status = 'STOPPING'
         WHERE id = $1 AND status IN ('PENDING', 'RUNNING', 'PAUSED', 'CLOSING')",
    )
    .bind(id)
    .execute(pool)
    .await?;
    Ok(())
}

/// Asks a session to sell its position and then to stop; false where it isn't running.
pub(crate) async fn mark_closing(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE forward_test.sessions SET status = 'CLOSING', closing = TRUE
         WHERE id = $1 AND status IN ('RUNNING', 'PAUSED')",
    )
    .bind(id)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The strategy service has let a session go that stopped by itself.
pub(crate) async fn mark_withdrawn(pool: &PgPool, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE forward_test.sessions SET withdrawn = TRUE WHERE id = $1")
        .bind(id)
        .execute(pool)
        .await?;
    Ok(())
}

/// A session's figures, as JSON text.
pub(crate) async fn metrics(pool: &PgPool, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT metrics::TEXT FROM forward_test.sessions WHERE id = $1")
        .bind(id)
        .fetch_one(pool)
        .await
}

/// A session's UTC days, oldest first; the newest 366.
pub(crate) async fn days(pool: &PgPool, id: Uuid) -> Result<Vec<DayAnswer>, sqlx::Error> {
    sqlx::query_as(
        "WITH ends AS (
             SELECT DISTINCT ON (day) (time AT TIME ZONE 'UTC')::DATE AS day, equity
             FROM forward_test.equity WHERE session_id = $1
             ORDER BY day DESC, sequence DESC LIMIT 367),
         days AS (
             SELECT e.day, e.equity, COALESCE(LAG(e.equity) OVER (ORDER BY e.day),
                 s.initial_balance) AS before
             FROM ends e JOIN forward_test.sessions s ON s.id = $1)
         SELECT day, equity,
             CASE WHEN before = 0 THEN 0::NUMERIC
                  ELSE ROUND((equity - before) * 100 / before, 8) END AS return_pct
         FROM days ORDER BY day",
    )
    .bind(id)
    .fetch_all(pool)
    .await
}

/// Ends a session that never reached the strategy service, or that it refuses.
pub(crate) async fn mark_ended(
    pool: &PgPool,
    id: Uuid,
    status: &str,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE forward_test.sessions
         SET status = $2, status_reason = $3, stopped_at = now()
         WHERE id = $1 AND status IN ('PENDING', 'STOPPING')",
    )
    .bind(id)
    .bind(status)
    .bind(reason)
    .execute(pool)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
) -> Result<Option<SessionRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM forward_test.sessions WHERE user_id = $1 AND id = $2")
        .bind(user_id)
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// A page of a user's sessions, newest first.
pub(crate) async fn list(
    pool: &PgPool,
    user_id: &str,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<SessionRow>, sqlx::Error> {
    let (time, id) = before.unwrap_or((DateTime::<Utc>::MAX_UTC, Uuid::max()));
    // Postgres can't hold chrono's last moment; "far ahead" does as well.
    let time = time.min(DateTime::from_timestamp(32_503_680_000, 0).unwrap_or(time));
    sqlx::query_as(
        "SELECT * FROM forward_test.sessions
         WHERE user_id = $1 AND (created_at, id) < ($2, $3)
         ORDER BY created_at DESC, id DESC LIMIT $4",
    )
    .bind(user_id)
    .bind(time)
    .bind(id)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// Sessions that wait for the strategy service: to be taken, or to be let go.
pub(crate) async fn waiting(pool: &PgPool) -> Result<Vec<SessionRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT * FROM forward_test.sessions
         WHERE (status = 'PENDING' AND NOT deployed) OR status = 'STOPPING'
            OR (status IN ('STOPPED', 'ERROR') AND NOT withdrawn
                AND (closing OR terms->>'ends_at' IS NOT NULL))
         ORDER BY created_at LIMIT 500",
    )
    .fetch_all(pool)
    .await
}

/// Symbols that sessions trade on.
pub(crate) async fn active_symbols(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT symbol FROM forward_test.sessions
         WHERE status IN ('PENDING', 'RUNNING', 'PAUSED', 'CLOSING') ORDER BY symbol LIMIT 500",
    )
    .fetch_all(pool)
    .await
}

/// Trades of a session, newest first, as (sequence, JSON text).
pub(crate) async fn executions(
    pool: &PgPool,
    session_id: Uuid,
    before: i64,
    limit: i64,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT sequence, data::TEXT FROM forward_test.executions
         WHERE session_id = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3",
    )
    .bind(session_id)
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// An equity curve of about so many points, the first and the last among them, oldest first.
pub(crate) async fn curve(
    pool: &PgPool,
    session_id: Uuid,
    points: i64,
) -> Result<Vec<(DateTime<Utc>, Decimal)>, sqlx::Error> {
    sqlx::query_as(
        "WITH numbered AS (
             SELECT time, equity, ROW_NUMBER() OVER (ORDER BY sequence) AS number,
                 COUNT(*) OVER () AS total
             FROM forward_test.equity WHERE session_id = $1)
         SELECT time, equity FROM numbered
         WHERE number = 1 OR number = total OR number % GREATEST(1, total / $2) = 0
         ORDER BY number",
    )
    .bind(session_id)
    .bind(points)
    .fetch_all(pool)
    .await
}

/// The newest points of the equity curve, oldest first.
pub(crate) async fn equity(
    pool: &PgPool,
    session_id: Uuid,
    limit: i64,
) -> Result<Vec<EquityRow>, sqlx::Error> {
    let mut rows: Vec<EquityRow> = sqlx::query_as(
        "SELECT sequence, time, price, cash, position, equity FROM forward_test.equity
         WHERE session_id = $1 ORDER BY sequence DESC LIMIT $2",
    )
    .bind(session_id)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.reverse();
    Ok(rows)
}
