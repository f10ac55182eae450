//! The queue, in the database: any replica adds to it, and any takes from it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use super::job::Job;
use super::limits::{LEASE_SECONDS, MAX_ATTEMPTS, MAX_KEPT, MAX_OPEN};

/// A backtest as users see it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) status: String,
    pub(super) job: Json<Job>,
    pub(super) progress: Option<Json<Box<RawValue>>>,
    pub(super) result: Option<Json<Box<RawValue>>>,
    pub(super) problem: Option<Json<Box<RawValue>>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

/// A backtest to be run now.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Claimed {
    pub(super) id: Uuid,
    pub(super) job: Json<Job>,
    /// How often it was begun, this time included: a runner that was taken for dead knows by it
    /// that the backtest isn't its own any more.
    pub(super) attempts: i32,
}

/// Whether one could be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// It waits.
    Yes,
    /// One with this id is there already, which was asked for in the same words.
    Repeated,
    /// One with this id is there already, and is another one.
    Different,
    /// The user has too many that wait or run.
    TooMany,
}

/// Adds one; the same id twice is one.
pub(super) async fn add(
    pool: &PgPool,
    id: Uuid,
    user_id: &str,
    job: &Job,
) -> Result<Added, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Two requests of a user are counted one after the other.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('backtests/' || $1, 0))")
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
    let (same, open): (Option<bool>, i64) = sqlx::query_as(
        "SELECT (SELECT job::TEXT = $3::JSON::TEXT FROM strategy.backtests WHERE id = $1),
             (SELECT count(*) FROM strategy.backtests
              WHERE user_id = $2 AND status IN ('QUEUED', 'RUNNING'))",
    )
    .bind(id)
    .bind(user_id)
    .bind(Json(job))
    .fetch_one(&mut *transaction)
    .await?;
    match same {
        Some(true) => return Ok(Added::Repeated),
        Some(false) => return Ok(Added::Different),
        None => {}
    }
    if open >= MAX_OPEN {
        return Ok(Added::TooMany);
    }
    sqlx::query("INSERT INTO strategy.backtests (id, user_id, job) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(user_id)
        .bind(Json(job))
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "DELETE FROM strategy.backtests WHERE id IN (
             SELECT id FROM strategy.backtests
             WHERE user_id = $1 AND status NOT IN ('QUEUED', 'RUNNING')
             ORDER BY created_at DESC, id DESC OFFSET $2)",
    )
    .bind(user_id)
    .bind(MAX_KEPT - 1)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Added::Yes)
}

const COLUMNS: &str = "SELECT id, status, job, progress, result, problem, created_at, finished_at
     FROM strategy.backtests WHERE user_id = $1";

pub(super) async fn find(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
) -> Result<Option<Row>, sqlx::Error> {
    let query = format!("{COLUMNS} AND id = $2");
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// All of a user, newest first; the queue bounds how many there are.
pub(super) async fn list(pool: &PgPool, user_id: &str) -> Result<Vec<Row>, sqlx::Error> {
    let query = format!("{COLUMNS} ORDER BY created_at DESC, id DESC");
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .fetch_all(pool)
        .await
}

/// Ends one that waits or runs, and forgets one that is over; false where there is none.
pub(super) async fn remove(pool: &PgPool, user_id: &str, id: Uuid) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let cancelled = sqlx::query(
        "UPDATE strategy.backtests SET status = 'CANCELLED', finished_at = now()
         WHERE user_id = $1 AND id = $2 AND status IN ('QUEUED', 'RUNNING')",
    )
    .bind(user_id)
    .bind(id)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    let removed = match cancelled {
        0 => sqlx::query("DELETE FROM strategy.backtests WHERE user_id = $1 AND id = $2")
            .bind(user_id)
            .bind(id)
            .execute(&mut *transaction)
            .await?
            .rows_affected(),
        cancelled => cancelled,
    };
    transaction.commit().await?;
    Ok(removed > 0)
}

/// Takes the oldest that waits, or whose replica has been silent for too long.
pub(super) async fn claim(pool: &PgPool) -> Result<Option<Claimed>, sqlx::Error> {
    sqlx::query_as(
        "UPDATE strategy.backtests SET status = 'RUNNING', attempts = attempts + 1,
             lease_until = now() + make_interval(secs => $1)
         WHERE id = (
             SELECT id FROM strategy.backtests
             WHERE status = 'QUEUED' OR (status = 'RUNNING' AND lease_until < now())
             ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, job, attempts",
    )
    .bind(LEASE_SECONDS)
    .fetch_optional(pool)
    .await
}

/// A sign of life; false where it isn't to be run any more.
pub(super) async fn beat(
    pool: &PgPool,
    claimed: &Claimed,
    progress: &impl Serialize,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE strategy.backtests SET progress = $3,
             lease_until = now() + make_interval(secs => $4)
         WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
    )
    .bind(claimed.id)
    .bind(claimed.attempts)
    .bind(Json(progress))
    .bind(LEASE_SECONDS)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives it back, because this replica ends.
pub(super) async fn give_back(pool: &PgPool, claimed: &Claimed) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE strategy.backtests SET status = 'QUEUED', attempts = attempts - 1
         WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
    )
    .bind(claimed.id)
    .bind(claimed.attempts)
    .execute(pool)
    .await?;
    Ok(())
}

/// What came of it; nothing changes where it isn't this runner's any more.
pub(super) async fn finish(
    pool: &PgPool,
    claimed: &Claimed,
    outcome: Result<&RawValue, &RawValue>,
) -> Result<(), sqlx::Error> {
    let (status, result, problem) = match outcome {
        Ok(result) => ("DONE", Some(Json(result)), None),
        Err(problem) => ("FAILED", None, Some(Json(problem))),
    };
    sqlx::query(
        "UPDATE strategy.backtests SET status = $3, result = $4, problem = $5, finished_at = now()
         WHERE id = $1 AND attempts = $2 AND status = 'RUNNING'",
    )
    .bind(claimed.id)
    .bind(claimed.attempts)
    .bind(status)
    .bind(result)
    .bind(problem)
    .execute(pool)
    .await?;
    Ok(())
}

impl Claimed {
    /// Whether it has been begun too often without an end.
    pub(super) fn is_hopeless(&self) -> bool {
        self.attempts > MAX_ATTEMPTS
    }
}
