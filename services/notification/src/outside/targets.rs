//! Targets and preferences, in Postgres.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::pace::Health;
use super::{Form, Preferences, Secret, mail_address};

/// Targets of a user.
pub(crate) const MAX_TARGETS: i64 = 10;
/// How long the secret before still signs after it was exchanged, in hours.
const OLD_SECRET_HOURS: i32 = 24;
/// Least time between two tests of a target, in seconds.
const BETWEEN_TESTS: f64 = 5.0;
/// Separates the locks of this table from others.
const LOCK_SEED: i64 = 0x7461_7267;

/// How the URL of a mailbox begins.
pub(crate) const MAILTO: &str = "mailto:";
/// Why a mailbox is switched off from the beginning.
const UNCONFIRMED: &str = "the address is not confirmed yet";

/// Where a user wants to be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Target {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    #[sqlx(rename = "kind")]
    pub(crate) form: Form,
    /// Of a mailbox, `mailto:` and its address.
    pub(crate) url: String,
    pub(crate) chat_id: Option<String>,
    secret: Option<String>,
    old_secret: Option<String>,
    old_secret_until: Option<DateTime<Utc>>,
    pub(crate) enabled: bool,
    pub(crate) off_reason: Option<String>,
    pub(crate) failures: i32,
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) last_success_at: Option<DateTime<Utc>>,
    pub(crate) last_failure_at: Option<DateTime<Utc>>,
    pub(crate) last_failure: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    confirmed_at: Option<DateTime<Utc>>,
}

/// The columns of [`Target`].
pub(super) const COLUMNS: &str = "id, name, kind, url, chat_id, secret, old_secret, \
    old_secret_until, enabled, off_reason, failures, not_before, last_success_at, \
    last_failure_at, last_failure, created_at, confirmed_at";

impl Target {
    /// What signs now.
    pub(super) fn secrets(&self, now: DateTime<Utc>) -> Vec<Secret> {
        let old = self.old_secret.as_ref();
        let old = old.filter(|_| self.old_secret_until.is_some_and(|until| now < until));
        let all = self.secret.iter().chain(old);
        all.map(|secret| Secret::kept(secret.clone())).collect()
    }

    /// The address of a mailbox.
    pub(crate) fn mailbox(&self) -> Option<lettre::Address> {
        mail_address(self.url.strip_prefix(MAILTO)?)
    }

    /// Whether it may be told anything: whoever reads a mailbox has said so first.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.form != Form::Email || self.confirmed_at.is_some()
    }

    /// How it is.
    pub(crate) fn health(&self) -> Health {
        Health::of(self.enabled, self.failures)
    }
}

/// A target to be.
#[derive(Debug)]
pub(crate) struct NewTarget {
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) url: String,
    pub(crate) chat_id: Option<String>,
    pub(crate) secret: Option<Secret>,
}

impl NewTarget {
    /// The version before knows no mailboxes: to it, one is a webhook that can't be called.
    fn kept_form(&self) -> Form {
        match self.form {
            Form::Email => Form::Webhook,
            form => form,
        }
    }
}

/// What is changed of a target.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) chat_id: Option<String>,
    pub(crate) enabled: Option<bool>,
}

/// Why a target can't be made or changed.
#[derive(Debug)]
pub(crate) enum TargetError {
    /// The user has as many as they may.
    TooMany,
    /// Another one of the user's is called so.
    NameTaken,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for TargetError {
    fn from(error: sqlx::Error) -> Self {
        let of_database = error.as_database_error();
        match of_database.is_some_and(|error| error.is_unique_violation()) {
            true => Self::NameTaken,
            false => Self::Database(error),
        }
    }
}

/// Reads and writes them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(super) pool: PgPool,
}

impl Targets {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A user's targets, oldest first.
    pub(crate) async fn all(&self, user_id: &str) -> sqlx::Result<Vec<Target>> {
        let query = format!(
            "SELECT {COLUMNS} FROM notification.targets WHERE user_id = $1
             ORDER BY created_at, id"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(user_id)
            .fetch_all(&self.pool)
            .await
    }

    /// A user's target.
    pub(crate) async fn get(&self, user_id: &str, id: Uuid) -> sqlx::Result<Option<Target>> {
        let query =
            format!("SELECT {COLUMNS} FROM notification.targets WHERE user_id = $1 AND id = $2");
        sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(user_id)
            .bind(id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Makes a target.
    pub(crate) async fn create(
        &self,
        user_id: &str,
        new: &NewTarget,
    ) -> Result<Target, TargetError> {
        let mut transaction = self.pool.begin().await?;
        // Two requests at once must not both be the last that fits.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
            .bind(user_id)
            .bind(LOCK_SEED)
            .execute(&mut *transaction)
            .await?;
        let query = format!(
            "INSERT INTO notification.targets
                 (id, user_id, name, form, url, chat_id, secret, enabled, off_reason)
             SELECT $1, $2, $3, $4, $5, $6, $7, $9, CASE WHEN NOT $9 THEN $10 END
             WHERE (SELECT count(*) FROM notification.targets WHERE user_id = $2) < $8
             RETURNING {COLUMNS}"
        );
        let made: Option<Target> = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(Uuid::now_v7())
            .bind(user_id)
            .bind(&new.name)
            .bind(new.kept_form())
            .bind(&new.url)
            .bind(&new.chat_id)
            .bind(new.secret.as_ref().map(Secret::expose))
            .bind(MAX_TARGETS)
            .bind(new.form != Form::Email)
            .bind(UNCONFIRMED)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.commit().await?;
        made.ok_or(TargetError::TooMany)
    }

    /// Changes a target; `None` where there is none. Another address, or switching it on, is a new
    /// beginning: its failures are forgotten.
    pub(crate) async fn change(
        &self,
        user_id: &str,
        id: Uuid,
        changes: &Changes,
    ) -> Result<Option<Target>, TargetError> {
        let query = format!(
            "UPDATE notification.targets SET
                 name = coalesce($3, name), url = coalesce($4, url),
                 chat_id = coalesce($5, chat_id), enabled = coalesce($6, enabled),
                 off_reason = CASE WHEN $6 IS NULL THEN off_reason END,
                 failures = CASE WHEN $7 THEN 0 ELSE failures END,
                 not_before = CASE WHEN $7 THEN NULL ELSE not_before END
             WHERE user_id = $1 AND id = $2 RETURNING {COLUMNS}"
        );
        let anew = changes.url.is_some() || changes.enabled == Some(true);
        let changed = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(user_id)
            .bind(id)
            .bind(&changes.name)
            .bind(&changes.url)
            .bind(&changes.chat_id)
            .bind(changes.enabled)
            .bind(anew)
            .fetch_optional(&self.pool)
            .await?;
        Ok(changed)
    }

    /// Forgets a target and its deliveries; false where there is none.
    pub(crate) async fn delete(&self, user_id: &str, id: Uuid) -> sqlx::Result<bool> {
        let deleted =
            sqlx::query("DELETE FROM notification.targets WHERE user_id = $1 AND id = $2")
                .bind(user_id)
                .bind(id)
                .execute(&self.pool)
                .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Gives a webhook another secret; the one before signs, too, for a day. False where there is
    /// no such webhook.
    pub(crate) async fn exchange_secret(
        &self,
        user_id: &str,
        id: Uuid,
        secret: &Secret,
    ) -> sqlx::Result<bool> {
        let changed = sqlx::query(
            "UPDATE notification.targets SET secret = $3, old_secret = secret,
                 old_secret_until = now() + make_interval(hours => $4)
             WHERE user_id = $1 AND id = $2 AND kind = 'webhook'",
        )
        .bind(user_id)
        .bind(id)
        .bind(secret.expose())
        .bind(OLD_SECRET_HOURS)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Notes that a target is tested now; false if it was a moment ago.
    pub(crate) async fn note_test(&self, id: Uuid) -> sqlx::Result<bool> {
        let noted = sqlx::query(
            "UPDATE notification.targets SET tested_at = now()
             WHERE id = $1 AND (tested_at IS NULL
                 OR tested_at < now() - make_interval(secs => $2))",
        )
        .bind(id)
        .bind(BETWEEN_TESTS)
        .execute(&self.pool)
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// A user's preferences, or the defaults.
    pub(crate) async fn preferences(&self, user_id: &str) -> sqlx::Result<Preferences> {
        let found = sqlx::query_scalar(
            "SELECT preferences FROM notification.preferences WHERE user_id = $1",
        )
        .bind(user_id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(read_preferences(found))
    }

    /// Keeps a user's preferences.
    pub(crate) async fn keep_preferences(
        &self,
        user_id: &str,
        preferences: &Preferences,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO notification.preferences (user_id, preferences) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE
             SET preferences = EXCLUDED.preferences, updated_at = now()",
        )
        .bind(user_id)
        .bind(sqlx::types::Json(preferences))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// What can't be read was written by a newer version: then everything is told.
pub(super) fn read_preferences(kept: Option<serde_json::Value>) -> Preferences {
    let read = kept.map(serde_json::from_value);
    match read {
        Some(Ok(preferences)) => preferences,
        Some(Err(error)) => {
            tracing::warn!(%error, "preferences that can't be read count as the defaults");
            Preferences::default()
        }
        None => Preferences::default(),
    }
}
