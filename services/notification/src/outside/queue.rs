//! What goes out, in Postgres: written with the notification, taken by one worker for each target.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use utoipa::ToSchema;
use uuid::Uuid;

use super::outcome::{Failure, Then};
use super::targets::{COLUMNS, Target, read_preferences};
use super::{Health, Told, Verdict, pace, severity_name, severity_of};
use crate::telemetry;

/// Deliveries that wait for a target; beyond it they are given up.
const MAX_WAITING: i64 = 1_000;
/// After this a delivery isn't worth a call any more, in hours.
const MAX_AGE_HOURS: i32 = 24;
/// How long finished deliveries are shown, in days.
const SHOWN_DAYS: i32 = 7;
/// How long a worker has a target before another one takes it: some calls' time.
const LEASE: Duration = Duration::from_secs(60);

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// It waits.
    Pending,
    /// The target has it.
    Delivered,
    /// It isn't tried any more.
    GivenUp,
    /// It didn't go out, as the user's limit an hour wants it.
    Suppressed,
}

/// A notification for a target.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub(crate) struct Delivery {
    /// Grows with each.
    #[serde(skip)]
    pub(crate) seq: i64,
    /// What the target is told as `webhook-id`.
    pub(crate) id: Uuid,
    /// The target.
    pub(crate) target_id: Uuid,
    /// The target's name.
    pub(crate) target: String,
    /// What the notification is about.
    pub(crate) kind: String,
    /// One line.
    pub(crate) title: String,
    /// The text.
    pub(crate) message: String,
    /// `info`, `warning` or `error`.
    pub(crate) severity: String,
    /// When the notification was made.
    #[sqlx(rename = "at")]
    pub(crate) timestamp: DateTime<Utc>,
    /// What became of it.
    pub(crate) state: DeliveryState,
    /// Why it wasn't delivered, or not yet.
    pub(crate) reason: Option<String>,
    /// Calls so far.
    pub(crate) attempts: i32,
    /// It isn't tried before.
    pub(crate) due_at: DateTime<Utc>,
    /// When that state was reached.
    pub(crate) done_at: Option<DateTime<Utc>>,
}

impl Delivery {
    pub(super) fn told(&self) -> Told {
        Told {
            id: self.id,
            kind: self.kind.clone(),
            title: self.title.clone(),
            message: self.message.clone(),
            severity: severity_of(&self.severity),
            at: self.timestamp,
        }
    }
}

const DELIVERY: &str = "SELECT d.seq, d.id, d.target_id, t.name AS target, d.kind, d.title,
    d.message, d.severity, d.at, d.state, d.reason, d.attempts, d.due_at, d.done_at
    FROM notification.deliveries d JOIN notification.targets t ON t.id = d.target_id";

#[derive(Debug, sqlx::FromRow)]
struct Recipient {
    id: Uuid,
    /// Deliveries of the last hour.
    recent: i64,
    waiting: i64,
    preferences: Option<serde_json::Value>,
}

/// Reads and writes deliveries. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pool: PgPool,
    /// Told when there is something to do.
    pub(super) woken: Arc<Notify>,
}

impl Queue {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            woken: Arc::default(),
        }
    }

    /// Writes a notification's deliveries, in the transaction that keeps it.
    pub(crate) async fn enqueue(
        connection: &mut PgConnection,
        user_id: &str,
        told: &Told,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        let recipients: Vec<Recipient> = sqlx::query_as(
            "SELECT t.id,
                 (SELECT count(*) FROM notification.deliveries d WHERE d.target_id = t.id
                     AND d.created_at > now() - interval '1 hour'
                     AND d.state <> 'suppressed') AS recent,
                 (SELECT count(*) FROM notification.deliveries d WHERE d.target_id = t.id
                     AND d.state = 'pending') AS waiting,
                 p.preferences
             FROM notification.targets t
             LEFT JOIN notification.preferences p ON p.user_id = t.user_id
             WHERE t.user_id = $1 AND t.enabled",
        )
        .bind(user_id)
        .fetch_all(&mut *connection)
        .await?;
        for recipient in recipients {
            let preferences = read_preferences(recipient.preferences);
            let due_at = match preferences.judge(&told.kind, told.severity, now) {
                Verdict::At(due_at) => due_at,
                Verdict::Unwanted => continue,
            };
            let (state, reason) = if recipient.recent >= i64::from(preferences.per_hour) {
                telemetry::delivery_suppressed();
                let reason = format!("more than {} in an hour", preferences.per_hour);
                (DeliveryState::Suppressed, Some(reason))
            } else if recipient.waiting >= MAX_WAITING {
                telemetry::delivery_given_up("full");
                let reason = format!("{MAX_WAITING} others wait for this target");
                (DeliveryState::GivenUp, Some(reason))
            } else {
                (DeliveryState::Pending, None)
            };
            let done_at = (state != DeliveryState::Pending).then_some(now);
            sqlx::query(
                "INSERT INTO notification.deliveries (id, target_id, user_id, kind, title,
                     message, severity, at, state, reason, due_at, done_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(Uuid::now_v7())
            .bind(recipient.id)
            .bind(user_id)
            .bind(&told.kind)
            .bind(&told.title)
            .bind(&told.message)
            .bind(severity_name(told.severity))
            .bind(told.at)
            .bind(state)
            .bind(reason)
            .bind(due_at)
            .bind(done_at)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// Tells the worker of this process that there may be something to do.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Takes targets that have something due, those that waited for longest first.
    pub(super) async fn claim(&self, most: usize) -> sqlx::Result<Vec<Target>> {
        let columns = COLUMNS
            .split(", ")
            .map(|column| format!("t.{}", column.trim()))
            .collect::<Vec<_>>()
            .join(", ");
        let query = format!(
            "WITH ready AS (
                 SELECT t.id FROM notification.targets t
                 WHERE t.enabled AND (t.not_before IS NULL OR t.not_before <= now())
                     AND (t.leased_until IS NULL OR t.leased_until <= now())
                     AND t.id IN (SELECT target_id FROM notification.deliveries
                         WHERE state = 'pending' AND due_at <= now())
                 ORDER BY t.not_before NULLS FIRST, t.id LIMIT $1
                 FOR UPDATE SKIP LOCKED
             )
             UPDATE notification.targets t SET leased_until = now() + make_interval(secs => $2)
             FROM ready WHERE t.id = ready.id RETURNING {columns}"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(LEASE.as_secs_f64())
            .fetch_all(&self.pool)
            .await
    }

    /// A target's next delivery that is due.
    pub(super) async fn next(&self, target_id: Uuid) -> sqlx::Result<Option<Delivery>> {
        let query = format!(
            "{DELIVERY} WHERE d.target_id = $1 AND d.state = 'pending' AND d.due_at <= now()
             ORDER BY d.due_at, d.seq LIMIT 1"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(target_id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Notes that the target has it, and keeps the target for the next one.
    pub(super) async fn delivered(&self, delivery: &Delivery) -> sqlx::Result<()> {
        // One statement: both or neither.
        sqlx::query(
            "WITH done AS (
                 UPDATE notification.deliveries SET state = 'delivered', reason = NULL,
                     attempts = attempts + 1, done_at = now()
                 WHERE seq = $1 RETURNING target_id
             )
             UPDATE notification.targets t SET failures = 0, not_before = NULL,
                 last_success_at = now(), leased_until = now() + make_interval(secs => $2)
             FROM done WHERE t.id = done.target_id",
        )
        .bind(delivery.seq)
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that an attempt failed, and leaves the target alone for a while. True if the delivery
    /// is given up.
    pub(super) async fn failed(
        &self,
        target: &Target,
        delivery: &Delivery,
        failure: &Failure,
        spread: f64,
    ) -> sqlx::Result<bool> {
        let failures = target.failures.saturating_add(1);
        let (pause, asked_again) = match failure.then {
            Then::Again(asked) => (pace::pause(failures, asked, spread), true),
            Then::GiveUp | Then::SwitchOff => (pace::pause(failures, None, spread), false),
        };
        let given_up = !asked_again || delivery.attempts + 1 >= pace::MAX_ATTEMPTS;
        sqlx::query(
            "WITH tried AS (
                 UPDATE notification.deliveries SET attempts = attempts + 1, reason = $2,
                     state = CASE WHEN $3 THEN 'given_up' ELSE state END,
                     done_at = CASE WHEN $3 THEN now() END
                 WHERE seq = $1 RETURNING target_id
             )
             UPDATE notification.targets t SET failures = $4,
                 not_before = now() + make_interval(secs => $5), leased_until = NULL,
                 last_failure_at = now(), last_failure = $2,
                 enabled = t.enabled AND NOT $6,
                 off_reason = CASE WHEN $6 THEN $2 ELSE t.off_reason END
             FROM tried WHERE t.id = tried.target_id",
        )
        .bind(delivery.seq)
        .bind(&failure.reason)
        .bind(given_up)
        .bind(failures)
        .bind(pause.as_secs_f64())
        .bind(failure.then == Then::SwitchOff)
        .execute(&self.pool)
        .await?;
        Ok(given_up)
    }

    /// Lets others have the target.
    pub(super) async fn release(&self, target_id: Uuid) -> sqlx::Result<()> {
        sqlx::query("UPDATE notification.targets SET leased_until = NULL WHERE id = $1")
            .bind(target_id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Gives up what is too old, forgets what was finished long ago, counts what waits although it
    /// is due (quiet hours hold back the rest), and how targets are.
    pub(super) async fn sweep(&self) -> sqlx::Result<Swept> {
        let expired = sqlx::query(
            "UPDATE notification.deliveries SET state = 'given_up', done_at = now(),
                 reason = coalesce(reason, 'the target was not reached') || '; given up after a day'
             WHERE state = 'pending' AND due_at < now() - make_interval(hours => $1)",
        )
        .bind(MAX_AGE_HOURS)
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "DELETE FROM notification.deliveries
             WHERE state <> 'pending' AND done_at < now() - make_interval(days => $1)",
        )
        .bind(SHOWN_DAYS)
        .execute(&self.pool)
        .await?;
        // What counts for the limits is younger.
        sqlx::query("DELETE FROM notification.codes_sent WHERE at < now() - interval '1 day'")
            .execute(&self.pool)
            .await?;
        let waiting = sqlx::query_scalar(
            "SELECT count(*) FROM notification.deliveries
             WHERE state = 'pending' AND due_at <= now()",
        )
        .fetch_one(&self.pool)
        .await?;
        let targets: Vec<(bool, i32, i64)> = sqlx::query_as(
            "SELECT enabled, least(failures, $1) AS capped, count(*) FROM notification.targets
             GROUP BY enabled, capped",
        )
        .bind(pace::BREAKS_AT)
        .fetch_all(&self.pool)
        .await?;
        Ok(Swept {
            expired: expired.rows_affected(),
            waiting,
            targets: Health::counted(&targets),
        })
    }

    /// A user's deliveries, newest first, from before the sequence.
    pub(crate) async fn list(
        &self,
        user_id: &str,
        state: Option<DeliveryState>,
        target_id: Option<Uuid>,
        before: i64,
        limit: i64,
    ) -> sqlx::Result<Vec<Delivery>> {
        let query = format!(
            "{DELIVERY} WHERE d.user_id = $1 AND d.seq < $2
                 AND ($3::text IS NULL OR d.state = $3)
                 AND ($4::uuid IS NULL OR d.target_id = $4)
             ORDER BY d.seq DESC LIMIT $5"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(user_id)
            .bind(before)
            .bind(state)
            .bind(target_id)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
    }

    /// Has a delivery tried again that was given up or suppressed; `None` where there is none.
    pub(crate) async fn retry(&self, user_id: &str, id: Uuid) -> sqlx::Result<Option<Delivery>> {
        let tried = sqlx::query(
            "UPDATE notification.deliveries SET state = 'pending', attempts = 0, done_at = NULL,
                 due_at = now()
             WHERE user_id = $1 AND id = $2 AND state IN ('given_up', 'suppressed')",
        )
        .bind(user_id)
        .bind(id)
        .execute(&self.pool)
        .await?;
        if tried.rows_affected() == 0 {
            return Ok(None);
        }
        self.wake();
        let query = format!("{DELIVERY} WHERE d.id = $1");
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }
}

/// What a sweep found.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) expired: u64,
    /// Although they are due.
    pub(super) waiting: i64,
    /// Of all users.
    pub(super) targets: [(Health, i64); 4],
}
