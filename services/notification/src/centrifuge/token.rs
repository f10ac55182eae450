//! A connection's token, as the protocol tells of it.

use chrono::{DateTime, Utc};
use service_kit::{Auth, Identity};

/// Why a token is no good.
pub(super) enum Refused {
    Expired,
    Invalid,
}

pub(super) fn check(auth: &Auth, token: &str) -> Result<Identity, Refused> {
    auth.check(token).map_err(|problem| {
        // The one thing that a client can mend by itself; service-kit tells it only in words.
        match problem.detail.contains("expired") {
            true => Refused::Expired,
            false => Refused::Invalid,
        }
    })
}

/// Seconds until then, at least one: a client takes 0 for a mistake.
pub(super) fn ttl(expires_at: DateTime<Utc>) -> u32 {
    let seconds = (expires_at - Utc::now()).num_seconds().max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
