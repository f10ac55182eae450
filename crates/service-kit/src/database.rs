//! Postgres: connecting, and migrations that live in each service's own schema.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::settings::DatabaseSettings;

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the start waits for a database that isn't there yet.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(500);

/// Connects; a database that isn't up yet is waited for.
///
/// # Errors
/// The URL is wrong, or the database isn't there within a minute.
pub async fn connect(settings: &DatabaseSettings) -> Result<PgPool, sqlx::Error> {
    let mut options = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    if settings.max_connections == 1 {
        // The embedded database: a new connection starts its server anew, so the one is kept.
        options = options
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None);
    }
    let pool = options.connect_lazy(settings.url.expose_secret())?;
    let deadline = tokio::time::Instant::now() + START_TIMEOUT;
    loop {
        match sqlx::query("SELECT 1").execute(&pool).await {
            Ok(_) => return Ok(pool),
            Err(error) if tokio::time::Instant::now() >= deadline => return Err(error),
            Err(error) => tracing::warn!(%error, "waiting for the database"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Brings a service's schema up to date. The table that remembers what was done is in the same
/// schema, so that services can share a database without sharing a history.
///
/// The schema is made where it is missing. Where it is there, the service's role needs no right to
/// make any: Postgres asks for that right even by `CREATE SCHEMA IF NOT EXISTS`.
///
/// Migrations of a later version are left alone: they only add (`scripts/check-migrations.py`), so a
/// process of this version starts beside it, and after a rollback.
///
/// # Errors
/// A migration failed, or one that was applied has changed since.
pub async fn migrate(
    pool: &PgPool,
    schema: &'static str,
    mut migrator: Migrator,
) -> Result<(), sqlx::migrate::MigrateError> {
    migrator.dangerous_set_table_name(format!("{schema}._migrations"));
    let found = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1")
        .bind(schema)
        .fetch_optional(pool)
        .await?;
    if found.is_none() {
        migrator.create_schema(schema);
    }
    migrator.set_ignore_missing(true);
    // Advisory locks guard against two replicas migrating at once.
    migrator.run(pool).await
}
