//! A connection's token, as the protocol tells of it.

use chrono::{DateTime, Utc};
use service_kit::{Auth, Identity};

/// Why a token is no good.
pub(super) enum Refused {
    Expired,
    Invalid,
    /// Who could tell doesn't answer.
    Unknown,
}

pub(super) async fn check(auth: &Auth, token: &str) -> Result<Identity, Refused> {
    let checked = auth.authenticate(token).await;
    checked.map_err(|problem| match problem.status {
        503 => Refused::Unknown,
        // The one thing that a client can mend by itself; service-kit tells it only in words.
        _ if problem.detail.contains("expired") => Refused::Expired,
        _ => Refused::Invalid,
    })
}

/// Seconds until then, at least one: a client takes 0 for a mistake.
pub(super) fn ttl(expires_at: DateTime<Utc>) -> u32 {
    let seconds = (expires_at - Utc::now()).num_seconds().max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
