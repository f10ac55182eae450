//! Snapshots of processors' units, in the table `snapshots` of a service's schema:
//! `(unit INTEGER PRIMARY KEY, positions BIGINT[], state BYTEA, updated_at TIMESTAMPTZ)`.

use kafka_common::processor::{Snapshot, StoreError};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

/// The latest snapshot of a unit.
///
/// # Errors
/// The database doesn't answer.
pub async fn load(
    pool: &PgPool,
    schema: &'static str,
    unit: i32,
) -> Result<Option<Snapshot>, StoreError> {
    // The schema is a constant of the calling service, never an input.
    let query = format!("SELECT positions, state FROM {schema}.snapshots WHERE unit = $1");
    let row: Option<(Vec<i64>, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(query))
        .bind(unit)
        .fetch_optional(pool)
        .await
        .map_err(|error| StoreError::new("reading a snapshot", error))?;
    Ok(row.map(|(positions, state)| Snapshot {
        unit,
        positions,
        state,
    }))
}

/// Writes snapshots within a transaction.
///
/// # Errors
/// The database doesn't answer.
pub async fn save(
    transaction: &mut Transaction<'_, Postgres>,
    schema: &'static str,
    snapshots: Vec<Snapshot>,
) -> Result<(), StoreError> {
    let query = format!(
        "INSERT INTO {schema}.snapshots (unit, positions, state, updated_at)
         VALUES ($1, $2, $3, now())
         ON CONFLICT (unit) DO UPDATE
         SET positions = EXCLUDED.positions, state = EXCLUDED.state, updated_at = now()"
    );
    for snapshot in snapshots {
        sqlx::query(AssertSqlSafe(query.clone()))
            .bind(snapshot.unit)
            .bind(snapshot.positions)
            .bind(snapshot.state)
            .execute(&mut **transaction)
            .await
            .map_err(|error| StoreError::new("writing a snapshot", error))?;
    }
    Ok(())
}
