//! Clocks that differ, as far as that is certain.

use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

/// Clocks that are kept by NTP agree much better than this, in seconds.
pub const TOLERANCE_SECONDS: f64 = 5.0;
/// What to do about clocks that differ by more.
pub const REMEDY: &str =
    "keep both clocks by NTP: how long tokens are good, and every age, depends on them";

/// How the clock of Postgres differs from this machine's, in words; `None` where it doesn't, or may
/// not.
///
/// # Errors
/// Postgres doesn't answer.
pub async fn of_database(database: impl PgExecutor<'_>) -> sqlx::Result<Option<String>> {
    let asked = Instant::now();
    let before = Utc::now();
    let there: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(database)
        .await?;
    let ahead = (there - before).as_seconds_f64();
    Ok(skewed(ahead, asked.elapsed().as_secs_f64()))
}

/// The other one looked at its clock between 0 and `took` seconds after this machine did.
fn skewed(ahead: f64, took: f64) -> Option<String> {
    let (least, most) = (ahead - took, ahead);
    if least > TOLERANCE_SECONDS {
        Some(format!("its clock is {least:.1} s ahead of this machine's"))
    } else if most < -TOLERANCE_SECONDS {
        Some(format!("its clock is {:.1} s behind this machine's", -most))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_what_is_certain() {
        assert_eq!(skewed(5.5, 1.0), None);
        assert_eq!(skewed(-4.0, 3.0), None);
        let ahead = "its clock is 299.5 s ahead of this machine's".to_owned();
        assert_eq!(skewed(300.0, 0.5), Some(ahead));
        let behind = "its clock is 300.0 s behind this machine's".to_owned();
        assert_eq!(skewed(-300.0, 0.5), Some(behind));
    }
}
