//! The latest notifications of each user, in Postgres.

use chrono::{DateTime, Utc};
use kafka_common::messages::{Severity, UserNotification};
use kafka_common::{HandlerError, RecordMeta};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

/// Notifications that are kept for a user.
const KEPT: i64 = 200;
/// SQLSTATE class of values that a column can't hold, as a text with a zero byte.
const DATA_EXCEPTION: &str = "22";

/// A notification.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Notification {
    /// Grows with each notification.
    pub id: i64,
    /// Whom it is for.
    pub user_id: String,
    /// One line.
    pub title: String,
    /// The text.
    pub message: String,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// When.
    #[sqlx(rename = "at")]
    pub timestamp: DateTime<Utc>,
}

/// Reads and writes notifications. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps a record's notification, and forgets what is beyond the user's newest. A record that
    /// comes again changes nothing.
    pub(crate) async fn keep(
        &self,
        meta: &RecordMeta,
        notification: &UserNotification,
    ) -> Result<(), HandlerError> {
        let severity = match notification.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        // One statement sees the table as it was before it: all but the newest KEPT - 1 go, and
        // the new row is the last of KEPT.
        let kept = sqlx::query(
            "WITH added AS (
                 INSERT INTO notification.notifications
                     (user_id, title, message, severity, at, record_partition, record_offset)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (record_partition, record_offset, at) DO NOTHING
                 RETURNING user_id
             )
             DELETE FROM notification.notifications AS old USING added
             WHERE old.user_id = added.user_id AND old.id <= (
                 SELECT id FROM notification.notifications
                 WHERE user_id = $1 ORDER BY id DESC OFFSET $8 LIMIT 1
             )",
        )
        .bind(&notification.user_id)
        .bind(&notification.title)
        .bind(&notification.message)
        .bind(severity)
        .bind(notification.timestamp)
        .bind(meta.partition)
        .bind(meta.offset)
        .bind(KEPT - 1)
        .execute(&self.pool)
        .await;
        match kept {
            Ok(_) => Ok(()),
            Err(error) if is_about_the_data(&error) => Err(HandlerError::permanent(error)),
            Err(error) => Err(HandlerError::transient(error)),
        }
    }

    /// A user's notifications, newest first, from before the id.
    pub(crate) async fn latest(
        &self,
        user_id: &str,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, user_id, title, message, severity, at
             FROM notification.notifications
             WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(user_id)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
    }
}

fn is_about_the_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with(DATA_EXCEPTION))
}
