//! What an answer means.

use std::time::Duration;

use reqwest::StatusCode;

/// Of what a mail server says, in characters.
const MAX_WORDS: usize = 200;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The target has it.
    Delivered,
    /// It doesn't.
    Failed(Failure),
}

/// Why a target doesn't have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In words for the user.
    pub(crate) reason: String,
    /// What is to be done about it.
    pub(super) then: Then,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The same call may go well later; the target may have said when.
    Again(Option<Duration>),
    /// The same call would fail again.
    GiveUp,
    /// The target is gone for good and asks not to be called.
    SwitchOff,
}

impl Failure {
    pub(super) fn again(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            then: Then::Again(None),
        }
    }

    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            then: Then::GiveUp,
        }
    }
}

/// From the answer's status, and its `retry-after` in seconds.
pub(super) fn judge(status: StatusCode, retry_after: Option<&str>) -> Attempt {
    if status.is_success() {
        return Attempt::Delivered;
    }
    let words = status.canonical_reason().unwrap_or("an unknown status");
    let reason = format!("the target answered {} ({words})", status.as_u16());
    let then = match status {
        StatusCode::GONE => Then::SwitchOff,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Then::Again(seconds(retry_after))
        }
        _ if status.is_server_error() => Then::Again(seconds(retry_after)),
        // A redirect isn't followed: it could lead anywhere.
        _ => Then::GiveUp,
    };
    Attempt::Failed(Failure { reason, then })
}

/// From the mail server's answer to a letter, and its words.
pub(super) fn judge_mail(status: Option<u16>, words: &str) -> Attempt {
    let Some(status) = status else {
        return Attempt::Failed(Failure::again("the connection to the mail server broke"));
    };
    let words: String = words.chars().take(MAX_WORDS).collect();
    let reason = format!("the mail server answered {status} ({})", words.trim());
    Attempt::Failed(match status {
        // It wants somebody to sign in, or another way to: not the letter's fault.
        530 | 534 | 535 | 538 => Failure::again(reason),
        500.. => Failure::for_good(reason),
        _ => Failure::again(reason),
    })
}

fn seconds(retry_after: Option<&str>) -> Option<Duration> {
    let seconds = retry_after?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn then(status: u16, retry_after: Option<&str>) -> Option<Then> {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        match judge(status, retry_after) {
            Attempt::Delivered => None,
            Attempt::Failed(failure) => Some(failure.then),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_is_given_up() {
        for (status, expected) in [
            (200, None),
            (204, None),
            (301, Some(Then::GiveUp)),
            (400, Some(Then::GiveUp)),
            (401, Some(Then::GiveUp)),
            (404, Some(Then::GiveUp)),
            (408, Some(Then::Again(None))),
            (410, Some(Then::SwitchOff)),
            (425, Some(Then::Again(None))),
            (429, Some(Then::Again(None))),
            (500, Some(Then::Again(None))),
            (503, Some(Then::Again(None))),
        ] {
            assert_eq!(then(status, None), expected, "{status}");
        }
    }

    #[test]
    fn a_mail_that_is_refused_for_good_is_given_up() {
        for (status, expected) in [
            (None, Then::Again(None)),
            (Some(421), Then::Again(None)),
            (Some(450), Then::Again(None)),
            (Some(452), Then::Again(None)),
            (Some(530), Then::Again(None)),
            (Some(535), Then::Again(None)),
            (Some(550), Then::GiveUp),
            (Some(552), Then::GiveUp),
            (Some(554), Then::GiveUp),
        ] {
            let Attempt::Failed(failure) = judge_mail(status, " no such user ") else {
                panic!("{status:?} counts as delivered");
            };
            assert_eq!(failure.then, expected, "{status:?}");
            let told = failure.reason.contains("(no such user)");
            assert_eq!(told, status.is_some(), "{}", failure.reason);
        }
    }

    #[test]
    fn a_target_says_when_to_come_back() {
        let minute = Some(Then::Again(Some(Duration::from_secs(60))));
        assert_eq!(then(429, Some("60")), minute);
        assert_eq!(then(503, Some(" 60 ")), minute);
        let a_date = "Wed, 21 Oct 2026 07:28:00 GMT";
        assert_eq!(then(429, Some(a_date)), Some(Then::Again(None)));
        assert_eq!(then(400, Some("60")), Some(Then::GiveUp));
    }
}
