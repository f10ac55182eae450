//! The latest notifications of each user, in Postgres.

use chrono::{DateTime, Utc};
use kafka_common::messages::UserNotification;
use kafka_common::{HandlerError, RecordMeta};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::outside::{Queue, Told, severity_name};

/// Notifications that are kept for a user.
const KEPT: i64 = 200;
/// The kind of those that name none.
const OTHER: &str = "other";
/// Longest kind that is kept.
const MAX_KIND_CHARACTERS: usize = 64;
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
    /// What it is about, as `session_error`; null for older ones.
    pub kind: Option<String>,
    /// When.
    #[sqlx(rename = "at")]
    pub timestamp: DateTime<Utc>,
}

/// Reads and writes notifications. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    queue: Queue,
}

impl Store {
    pub(crate) fn new(pool: PgPool, queue: Queue) -> Self {
        Self { pool, queue }
    }

    /// Keeps a record's notification and what goes out of it, and forgets what is beyond the user's
    /// newest. A record that comes again changes nothing.
    pub(crate) async fn keep(
        &self,
        meta: &RecordMeta,
        notification: &UserNotification,
    ) -> Result<(), HandlerError> {
        match self.try_keep(meta, notification).await {
            Ok(()) => Ok(()),
            Err(error) if is_about_the_data(&error) => Err(HandlerError::permanent(error)),
            Err(error) => Err(HandlerError::transient(error)),
        }
    }

    async fn try_keep(
        &self,
        meta: &RecordMeta,
        notification: &UserNotification,
    ) -> sqlx::Result<()> {
        let kind = kind(notification);
        let mut transaction = self.pool.begin().await?;
        // One statement sees the table as it was before it: all but the newest KEPT - 1 go, and
        // the new row is the last of KEPT.
        let added: i64 = sqlx::query_scalar(
            "WITH added AS (
                 INSERT INTO notification.notifications
                     (user_id, title, message, severity, at, record_partition, record_offset, kind)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $9)
                 ON CONFLICT (record_partition, record_offset, at) DO NOTHING
                 RETURNING user_id
             ), forgotten AS (
                 DELETE FROM notification.notifications AS old USING added
                 WHERE old.user_id = added.user_id AND old.id <= (
                     SELECT id FROM notification.notifications
                     WHERE user_id = $1 ORDER BY id DESC OFFSET $8 LIMIT 1
                 )
             )
             SELECT count(*) FROM added",
        )
        .bind(&notification.user_id)
        .bind(&notification.title)
        .bind(&notification.message)
        .bind(severity_name(notification.severity))
        .bind(notification.timestamp)
        .bind(meta.partition)
        .bind(meta.offset)
        .bind(KEPT - 1)
        .bind(&kind)
        .fetch_one(&mut *transaction)
        .await?;
        if added > 0 {
            let told = Told {
                // Each target's delivery gets an id of its own.
                id: Uuid::nil(),
                kind,
                title: notification.title.clone(),
                message: notification.message.clone(),
                severity: notification.severity,
                at: notification.timestamp,
            };
            Queue::enqueue(&mut transaction, &notification.user_id, &told, Utc::now()).await?;
        }
        transaction.commit().await?;
        self.queue.wake();
        Ok(())
    }

    /// A user's notifications, newest first, from before the id.
    pub(crate) async fn latest(
        &self,
        user_id: &str,
        before: i64,
        limit: i64,
    ) -> Result<Vec<Notification>, sqlx::Error> {
        sqlx::query_as(
            "SELECT id, user_id, title, message, severity, kind, at
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

fn kind(notification: &UserNotification) -> String {
    let kind = notification.kind.as_deref().unwrap_or(OTHER);
    kind.chars().take(MAX_KIND_CHARACTERS).collect()
}
