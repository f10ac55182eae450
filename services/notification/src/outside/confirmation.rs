//! Mailboxes are confirmed before anything goes there: by a code that is sent to them, and of which
//! there are few.

use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use super::Targets;
use super::targets::{COLUMNS, Target};

/// How long a code is good, in minutes.
const GOOD_MINUTES: i32 = 30;
/// Wrong codes after which it isn't, either.
const MAX_FAILURES: i32 = 5;
/// Codes that a user may ask for in an hour.
const PER_USER_AND_HOUR: i64 = 5;
/// Codes that go to an address in a day, whoever asks.
const PER_ADDRESS_AND_DAY: i64 = 5;
/// Separates the locks of users and of addresses from others.
const USER_LOCK: i64 = 0x636f_6465;
const ADDRESS_LOCK: i64 = 0x6d61_696c;

/// Why there is no code.
#[derive(Debug)]
pub(crate) enum CodeRefused {
    /// As many went out as may.
    TooMany,
    /// The target is confirmed already, or gone.
    NotWanted,
    /// The system has no randomness.
    NoRandomness,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CodeRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// What came of a code that was entered.
#[derive(Debug)]
pub(crate) enum Confirmed {
    Yes(Box<Target>),
    /// It is another one.
    Wrong,
    /// None is good any more.
    NoCode,
}

impl Targets {
    /// Makes a code for a mailbox; the one before isn't good any more.
    pub(crate) async fn make_code(
        &self,
        user_id: &str,
        id: Uuid,
        address: &str,
    ) -> Result<String, CodeRefused> {
        let code = random_code().ok_or(CodeRefused::NoRandomness)?;
        let address = address.to_lowercase();
        let mut transaction = self.pool.begin().await?;
        // Two requests at once must not both be the last one; always the user first, so that
        // neither waits for the other.
        for (subject, seed) in [(user_id, USER_LOCK), (&*address, ADDRESS_LOCK)] {
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
                .bind(subject)
                .bind(seed)
                .execute(&mut *transaction)
                .await?;
        }
        let noted = sqlx::query(
            "INSERT INTO notification.codes_sent (user_id, address)
             SELECT $1, $2
             WHERE (SELECT count(*) FROM notification.codes_sent
                     WHERE user_id = $1 AND at > now() - interval '1 hour') < $3
                 AND (SELECT count(*) FROM notification.codes_sent
                     WHERE address = $2 AND at > now() - interval '1 day') < $4",
        )
        .bind(user_id)
        .bind(&address)
        .bind(PER_USER_AND_HOUR)
        .bind(PER_ADDRESS_AND_DAY)
        .execute(&mut *transaction)
        .await?;
        if noted.rows_affected() == 0 {
            return Err(CodeRefused::TooMany);
        }
        let kept = sqlx::query(
            "UPDATE notification.targets SET code = $3, code_failures = 0,
                 code_until = now() + make_interval(mins => $4)
             WHERE user_id = $1 AND id = $2 AND kind = 'email' AND confirmed_at IS NULL",
        )
        .bind(user_id)
        .bind(id)
        .bind(&code)
        .bind(GOOD_MINUTES)
        .execute(&mut *transaction)
        .await?;
        if kept.rows_affected() == 0 {
            return Err(CodeRefused::NotWanted);
        }
        transaction.commit().await?;
        Ok(code)
    }

    /// Takes a code that was entered. The right one switches the mailbox on.
    pub(crate) async fn confirm(
        &self,
        user_id: &str,
        id: Uuid,
        code: &str,
    ) -> sqlx::Result<Confirmed> {
        let query = format!(
            "UPDATE notification.targets SET
                 confirmed_at = CASE WHEN code = $3 THEN now() END,
                 enabled = (code = $3),
                 off_reason = CASE WHEN code = $3 THEN NULL ELSE off_reason END,
                 code_failures = code_failures + CASE WHEN code = $3 THEN 0 ELSE 1 END,
                 code = CASE WHEN code = $3 THEN NULL ELSE code END
             WHERE user_id = $1 AND id = $2 AND kind = 'email' AND confirmed_at IS NULL
                 AND code IS NOT NULL AND code_until > now() AND code_failures < $4
             RETURNING {COLUMNS}"
        );
        let taken: Option<Target> = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(user_id)
            .bind(id)
            .bind(code)
            .bind(MAX_FAILURES)
            .fetch_optional(&self.pool)
            .await?;
        Ok(match taken {
            Some(target) if target.is_confirmed() => Confirmed::Yes(Box::new(target)),
            Some(_) => Confirmed::Wrong,
            None => Confirmed::NoCode,
        })
    }
}

/// Eight digits.
fn random_code() -> Option<String> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).ok()?;
    // Of 2^64 numbers, the remainders are equally likely for all that anybody can tell.
    Some(format!("{:08}", u64::from_le_bytes(bytes) % 100_000_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::random_code;

    #[test]
    fn codes_have_eight_digits_and_are_not_the_same() {
        let codes: std::collections::HashSet<String> =
            (0..100).map(|_| random_code().unwrap()).collect();
        assert!(codes.len() > 90);
        let digits = |code: &String| code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit());
        assert!(codes.iter().all(digits));
    }
}
