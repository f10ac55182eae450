//! Relays what the services noted about changes to `audit-logs`.

use chrono::{DateTime, Utc};
use kafka_common::messages::AuditLog;
use kafka_common::{KafkaProducer, Operations, Topics};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::telemetry;

/// Schemas of the services that note changes.
const SCHEMAS: [&str; 3] = ["strategy", "forward_test", "notification"];
/// Rows that are relayed at a time.
const BATCH: i64 = 200;
/// Ids of relayed changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x0b6d_2f8e_51c4_4a79_9f3e_7c12_d8a5_6e40);

#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: i64,
    actor: String,
    action: String,
    subject: String,
    at: DateTime<Utc>,
}

/// Relays what waits in all schemas.
pub(crate) async fn relay(pool: &PgPool, producer: &KafkaProducer<Operations>) {
    for schema in SCHEMAS {
        while let Some(count) = relay_some(pool, producer, schema).await {
            if count < BATCH {
                break;
            }
        }
    }
}

/// Relays some rows and tells how many; `None` where that failed. A row is deleted when it is
/// delivered: after a failure in between it is relayed again, under the same id.
async fn relay_some(
    pool: &PgPool,
    producer: &KafkaProducer<Operations>,
    schema: &'static str,
) -> Option<i64> {
    let rows = match waiting(pool, schema).await {
        Ok(rows) => rows,
        Err(error) => {
            telemetry::failed("audit relay", &error);
            return None;
        }
    };
    let mut pending = Vec::with_capacity(rows.len());
    for row in &rows {
        let change = AuditLog {
            actor: row.actor.clone(),
            action: row.action.clone(),
            subject: row.subject.clone(),
            timestamp: row.at,
            id: Some(change_id(schema, row)),
        };
        let topic = Topics::AUDIT_LOGS;
        match producer.enqueue_message(topic, &change, &row.actor).await {
            Ok(delivery) => pending.push((row.id, delivery)),
            Err(error) => {
                telemetry::failed("audit relay", &error);
                break;
            }
        }
    }
    let mut delivered = Vec::with_capacity(pending.len());
    for (id, delivery) in pending {
        match delivery.wait().await {
            Ok(_) => delivered.push(id),
            Err(error) => telemetry::failed("audit relay", &error),
        }
    }
    telemetry::produced("audit-logs", delivered.len());
    let whole = delivered.len() == rows.len();
    if let Err(error) = delete(pool, schema, &delivered).await {
        telemetry::failed("audit relay", &error);
        return None;
    }
    whole.then(|| i64::try_from(rows.len()).unwrap_or(BATCH))
}

/// A table that was made anew counts from 1 again: the time tells its rows from the old ones.
fn change_id(schema: &str, row: &Row) -> Uuid {
    let name = format!("{schema} {} {}", row.id, row.at.timestamp_micros());
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

async fn waiting(pool: &PgPool, schema: &'static str) -> Result<Vec<Row>, sqlx::Error> {
    // A service that hasn't run yet has no table.
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(format!("{schema}.audit_outbox"))
        .fetch_one(pool)
        .await?;
    if !there {
        return Ok(Vec::new());
    }
    // Schemas are constants, never input.
    let count = format!("SELECT count(*) FROM {schema}.audit_outbox");
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
        .fetch_one(pool)
        .await?;
    telemetry::audit_waiting(schema, count);
    let rows = format!(
        "SELECT id, actor, action, subject, at FROM {schema}.audit_outbox ORDER BY id LIMIT $1"
    );
    sqlx::query_as(AssertSqlSafe(rows))
        .bind(BATCH)
        .fetch_all(pool)
        .await
}

async fn delete(pool: &PgPool, schema: &'static str, ids: &[i64]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let delete = format!("DELETE FROM {schema}.audit_outbox WHERE id = ANY($1)");
    sqlx::query(AssertSqlSafe(delete))
        .bind(ids)
        .execute(pool)
        .await?;
    Ok(())
}
