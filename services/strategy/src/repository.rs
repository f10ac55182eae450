//! Strategies and snapshots in the database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kafka_common::processor::{Snapshot, Store, StoreError};
use serde_json::Value;
use service_kit::snapshots;
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::SCHEMA;

/// A strategy with one of its versions.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct StrategyRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: String,
    pub(crate) version: i32,
    pub(crate) source: Json<Value>,
    pub(crate) diagnostics: Json<Value>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// What is new about a strategy.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) source: &'a Value,
    pub(crate) diagnostics: &'a Value,
    pub(crate) plan_hash: &'a str,
}

/// The year 3000: later than any row, and within what Postgres can hold (chrono's last moment
/// isn't).
const FAR_AHEAD: DateTime<Utc> = match DateTime::from_timestamp(32_503_680_000, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::UNIX_EPOCH,
};

const COLUMNS: &str = "s.id, s.name, s.description, s.kind, s.version, v.source, v.diagnostics, \
     s.created_at, s.updated_at \
     FROM strategy.strategies s \
     JOIN strategy.versions v ON v.strategy_id = s.id AND v.version = s.version";

/// A page of a user's strategies, newest first.
pub(crate) async fn list(
    pool: &PgPool,
    user_id: &str,
    before: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<StrategyRow>, sqlx::Error> {
    let (time, id) = before.unwrap_or((FAR_AHEAD, Uuid::max()));
    let query = format!(
        "SELECT {COLUMNS} WHERE s.user_id = $1 AND (s.created_at, s.id) < ($2, $3)
         ORDER BY s.created_at DESC, s.id DESC LIMIT $4"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .bind(time)
        .bind(id)
        .bind(limit)
        .fetch_all(pool)
        .await
}

pub(crate) async fn find(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
) -> Result<Option<StrategyRow>, sqlx::Error> {
    let query = format!("SELECT {COLUMNS} WHERE s.user_id = $1 AND s.id = $2");
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .bind(id)
        .fetch_optional(pool)
        .await
}

pub(crate) async fn insert(
    pool: &PgPool,
    id: Uuid,
    user_id: &str,
    new: &NewVersion<'_>,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "INSERT INTO strategy.strategies (id, user_id, name, description, kind, version)
         VALUES ($1, $2, $3, $4, $5, 1)",
    )
    .bind(id)
    .bind(user_id)
    .bind(new.name)
    .bind(new.description)
    .bind(new.kind)
    .execute(&mut *transaction)
    .await?;
    insert_version(&mut transaction, id, 1, new).await?;
    transaction.commit().await
}

/// Adds a version and tells its number; none where the strategy is gone meanwhile.
pub(crate) async fn add_version(
    pool: &PgPool,
    id: Uuid,
    user_id: &str,
    new: &NewVersion<'_>,
) -> Result<Option<i32>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let version: Option<(i32,)> = sqlx::query_as(
        "UPDATE strategy.strategies SET name = $3, description = $4, kind = $5,
             version = version + 1, updated_at = now()
         WHERE id = $1 AND user_id = $2 RETURNING version",
    )
    .bind(id)
    .bind(user_id)
    .bind(new.name)
    .bind(new.description)
    .bind(new.kind)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((version,)) = version else {
        return Ok(None);
    };
    insert_version(&mut transaction, id, version, new).await?;
    transaction.commit().await?;
    Ok(Some(version))
}

async fn insert_version(
    transaction: &mut sqlx::PgTransaction<'_>,
    id: Uuid,
    version: i32,
    new: &NewVersion<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO strategy.versions (strategy_id, version, kind, source, diagnostics, plan_hash)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(version)
    .bind(new.kind)
    .bind(Json(new.source))
    .bind(Json(new.diagnostics))
    .bind(new.plan_hash)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// One version of a strategy.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct VersionRow {
    pub(crate) version: i32,
    pub(crate) kind: String,
    pub(crate) plan_hash: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) source: Json<Value>,
    pub(crate) diagnostics: Json<Value>,
}

const VERSION: &str = "SELECT v.version, v.kind, v.plan_hash, v.created_at, v.source, v.diagnostics
     FROM strategy.versions v JOIN strategy.strategies s ON s.id = v.strategy_id
     WHERE s.user_id = $1 AND s.id = $2";

/// A page of the versions of a user's strategy, newest first.
pub(crate) async fn versions(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<VersionRow>, sqlx::Error> {
    let query = format!("{VERSION} AND v.version < $3 ORDER BY v.version DESC LIMIT $4");
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .bind(id)
        .bind(before.unwrap_or(i32::MAX))
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// One version of a user's strategy.
pub(crate) async fn version(
    pool: &PgPool,
    user_id: &str,
    id: Uuid,
    version: i32,
) -> Result<Option<VersionRow>, sqlx::Error> {
    let query = format!("{VERSION} AND v.version = $3");
    sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(user_id)
        .bind(id)
        .bind(version)
        .fetch_optional(pool)
        .await
}

/// Deletes a strategy; false where there is none.
pub(crate) async fn delete(pool: &PgPool, user_id: &str, id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM strategy.strategies WHERE user_id = $1 AND id = $2")
        .bind(user_id)
        .bind(id)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps the evaluation's snapshots; it projects no rows.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    pool: PgPool,
}

impl SnapshotStore {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Store<()> for SnapshotStore {
    async fn load(&self, unit: i32) -> Result<Option<Snapshot>, StoreError> {
        snapshots::load(&self.pool, SCHEMA, unit).await
    }

    async fn save(&self, _rows: Vec<()>, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
        let failed = |error| StoreError::new("writing snapshots", error);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        snapshots::save(&mut transaction, SCHEMA, snapshots).await?;
        transaction.commit().await.map_err(failed)
    }
}
