//! When signing in is refused for a while, whoever asks: after attempts that failed.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// Attempts that are free.
pub(crate) const FREE: i32 = 5;
/// The pause after the first one that isn't; each further one doubles it.
const PAUSE_SECONDS: f64 = 30.0;
/// The longest pause. An account can be kept locked by others only for as long as they go on.
const LONGEST_SECONDS: f64 = 900.0;
/// Without an attempt for this long, all is forgotten.
const FORGET_SECONDS: f64 = 3_600.0;
/// Names without an account share this many rows, so that guessing names can't fill the table, and
/// a lock doesn't tell that an account is there.
const STRANGERS: u64 = 4_096;

/// Whose attempts are counted together.
pub(crate) fn counted_as(user_id: &str, known: bool) -> String {
    if known {
        return format!("account {user_id}");
    }
    let mut hasher = DefaultHasher::new();
    user_id.hash(&mut hasher);
    format!("stranger {}", hasher.finish() % STRANGERS)
}

/// Counts an attempt before it is checked, so that a hundred at once count as a hundred. Tells
/// until when there is a lock, where there is one; an attempt during a lock counts for nothing.
pub(crate) async fn attempt(
    pool: &PgPool,
    who: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let counted = sqlx::query(
        "INSERT INTO notification.sign_in_attempts AS a (who, attempts, tried_at, locked_until)
         VALUES ($1, 1, now(), now())
         ON CONFLICT (who) DO UPDATE SET
             tried_at = now(),
             attempts = CASE WHEN a.tried_at < now() - make_interval(secs => $5) THEN 1
                             ELSE a.attempts + 1 END,
             locked_until = now() + CASE
                 WHEN a.tried_at < now() - make_interval(secs => $5) THEN interval '0'
                 WHEN a.attempts + 1 < $2 THEN interval '0'
                 ELSE make_interval(secs =>
                     least($4, $3 * power(2, least(a.attempts + 1 - $2, 20))))
             END
         WHERE a.locked_until <= now()",
    )
    .bind(who)
    .bind(FREE)
    .bind(PAUSE_SECONDS)
    .bind(LONGEST_SECONDS)
    .bind(FORGET_SECONDS)
    .execute(pool)
    .await?;
    if counted.rows_affected() > 0 {
        return Ok(None);
    }
    let locked: Option<DateTime<Utc>> =
        sqlx::query_scalar("SELECT locked_until FROM notification.sign_in_attempts WHERE who = $1")
            .bind(who)
            .fetch_optional(pool)
            .await?;
    Ok(locked)
}

/// Somebody signed in: what failed before is forgotten.
pub(crate) async fn succeeded(pool: &PgPool, who: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notification.sign_in_attempts WHERE who = $1")
        .bind(who)
        .execute(pool)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_share_few_rows_and_accounts_have_their_own() {
        assert_ne!(counted_as("alice", true), counted_as("bob", true));
        let rows: std::collections::HashSet<_> = (0..20_000)
            .map(|n| counted_as(&format!("name{n}"), false))
            .collect();
        assert!(rows.len() <= 4_096);
        assert_eq!(counted_as("alice", false), counted_as("alice", false));
    }
}
