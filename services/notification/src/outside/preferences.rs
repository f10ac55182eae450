//! What a user wants to be told outside the page, and when.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use jiff::civil::{Time, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use kafka_common::messages::Severity;
use serde::{Deserialize, Serialize};
use service_kit::FieldError;
use utoipa::ToSchema;

/// What the platform tells by itself; others are told, too, unless they are switched off.
pub(crate) const KINDS: [&str; 3] = ["session_error", "order_rejected", "daily_summary"];
/// Most notifications an hour that a user may ask for.
pub(crate) const MAX_PER_HOUR: u32 = 600;
/// Kinds that can be switched.
const MAX_KINDS: usize = 32;
const MAX_KIND_BYTES: usize = 64;

/// Which notifications go out, and when. All are on the page, whatever stands here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preferences {
    /// What matters less stays on the page: `info`, `warning` or `error`.
    #[schema(value_type = String)]
    pub(crate) min_severity: Severity,
    /// Kinds that are switched on or off; those that don't stand here are on.
    pub(crate) kinds: BTreeMap<String, bool>,
    /// Most notifications an hour to each target, 1 to 600; the rest stays on the page.
    pub(crate) per_hour: u32,
    /// When nothing goes out; null for never.
    pub(crate) quiet_hours: Option<QuietHours>,
}

/// Hours in which notifications wait until they are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietHours {
    /// Their beginning, as `22:00`.
    pub(crate) from: String,
    /// Their end; the next day's, if it is earlier than the beginning.
    pub(crate) until: String,
    /// Where that is, as `Europe/Berlin`.
    pub(crate) time_zone: String,
    /// Whether errors go out all the same.
    #[serde(default = "yes")]
    pub(crate) errors_pass: bool,
}

fn yes() -> bool {
    true
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            min_severity: Severity::Info,
            kinds: BTreeMap::new(),
            per_hour: 60,
            quiet_hours: None,
        }
    }
}

/// What becomes of a notification outside the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes out at this time or later.
    At(DateTime<Utc>),
    /// The user doesn't want it.
    Unwanted,
}

impl Preferences {
    /// What becomes of a notification.
    pub(crate) fn judge(&self, kind: &str, severity: Severity, now: DateTime<Utc>) -> Verdict {
        let off = self.kinds.get(kind) == Some(&false);
        if off || rank(severity) < rank(self.min_severity) {
            return Verdict::Unwanted;
        }
        let quiet = self.quiet_hours.as_ref();
        let quiet = quiet.filter(|quiet| !(quiet.errors_pass && severity == Severity::Error));
        let end = quiet.and_then(|quiet| quiet.end_at(now));
        Verdict::At(end.unwrap_or(now))
    }

    /// All that is wrong.
    pub(crate) fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        if self.per_hour == 0 || self.per_hour > MAX_PER_HOUR {
            problems.push(wrong(
                "per_hour",
                format!("{} is not between 1 and {MAX_PER_HOUR}", self.per_hour),
                "to get none at all, switch the targets off",
            ));
        }
        let named = |kind: &&String| !kind.is_empty() && kind.len() <= MAX_KIND_BYTES;
        if self.kinds.len() > MAX_KINDS || !self.kinds.keys().all(|kind| named(&kind)) {
            problems.push(wrong(
                "kinds",
                format!("at most {MAX_KINDS} kinds, each of 1 to {MAX_KIND_BYTES} bytes"),
                "leave out the kinds that are on",
            ));
        }
        if let Some(quiet) = &self.quiet_hours {
            quiet.problems(&mut problems);
        }
        problems
    }
}

impl QuietHours {
    fn problems(&self, problems: &mut Vec<FieldError>) {
        for (field, text) in [("from", &self.from), ("until", &self.until)] {
            if clock(text).is_none() {
                problems.push(wrong(
                    &format!("quiet_hours.{field}"),
                    format!("`{text}` is not a time of day"),
                    "write it as 22:00",
                ));
            }
        }
        if clock(&self.from).is_some() && clock(&self.from) == clock(&self.until) {
            problems.push(wrong(
                "quiet_hours.until",
                "quiet hours that end when they begin".to_owned(),
                "to get nothing at all, switch the targets off",
            ));
        }
        if TimeZone::get(&self.time_zone).is_err() {
            problems.push(wrong(
                "quiet_hours.time_zone",
                format!("there is no time zone `{}`", self.time_zone),
                "write it as Europe/Berlin",
            ));
        }
    }

    /// When they end, if it is quiet now.
    fn end_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (from, until) = (clock(&self.from)?, clock(&self.until)?);
        let zone = TimeZone::get(&self.time_zone).ok()?;
        let here = Timestamp::from_millisecond(now.timestamp_millis()).ok()?;
        let here = here.to_zoned(zone);
        let clock_now = here.time();
        let (quiet, tomorrow) = match from < until {
            true => (from <= clock_now && clock_now < until, false),
            false => (clock_now < until || from <= clock_now, from <= clock_now),
        };
        if !quiet {
            return None;
        }
        let day = match tomorrow {
            true => here.date().tomorrow().ok()?,
            false => here.date(),
        };
        // An hour that a change of clocks skips ends with the skip.
        let end: Zoned = day
            .to_datetime(until)
            .to_zoned(here.time_zone().clone())
            .ok()?;
        DateTime::from_timestamp_millis(end.timestamp().as_millisecond())
    }
}

fn wrong(field: &str, detail: String, hint: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code: "invalid_preferences".to_owned(),
        detail,
        hint: hint.to_owned(),
    }
}

/// `22:00`.
fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| -> Option<i8> {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| digits.parse().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then(|| time(hour, minute, 0, 0))
}

fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Warning => 1,
        Severity::Error => 2,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn quiet(from: &str, until: &str, time_zone: &str) -> Preferences {
        Preferences {
            quiet_hours: Some(QuietHours {
                from: from.to_owned(),
                until: until.to_owned(),
                time_zone: time_zone.to_owned(),
                errors_pass: true,
            }),
            ..Preferences::default()
        }
    }

    /// When a warning goes out that comes at this time.
    fn out(preferences: &Preferences, now: &str) -> String {
        match preferences.judge("daily_summary", Severity::Warning, at(now)) {
            Verdict::At(time) => time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            Verdict::Unwanted => panic!("unwanted"),
        }
    }

    #[test]
    fn kinds_and_severities_can_be_switched_off() {
        let now = at("2026-03-04T12:00:00Z");
        let mut preferences = Preferences::default();
        let judge = |preferences: &Preferences, kind, severity| {
            preferences.judge(kind, severity, now) == Verdict::At(now)
        };
        assert!(judge(&preferences, "anything", Severity::Info));
        preferences.kinds.insert("daily_summary".to_owned(), false);
        preferences.kinds.insert("session_error".to_owned(), true);
        preferences.min_severity = Severity::Warning;
        assert!(!judge(&preferences, "daily_summary", Severity::Error));
        assert!(!judge(&preferences, "session_error", Severity::Info));
        assert!(judge(&preferences, "session_error", Severity::Warning));
        assert!(judge(&preferences, "anything", Severity::Error));
    }

    #[test]
    fn quiet_hours_end_the_next_morning_where_the_user_is() {
        let preferences = quiet("22:00", "07:30", "Europe/Berlin");
        // Winter: an hour before UTC's clock.
        for (now, expected) in [
            ("2026-01-10T20:59:59Z", "2026-01-10T20:59:59Z"),
            ("2026-01-10T21:00:00Z", "2026-01-11T06:30:00Z"),
            ("2026-01-11T03:00:00Z", "2026-01-11T06:30:00Z"),
            ("2026-01-11T06:30:00Z", "2026-01-11T06:30:00Z"),
            // The night in which clocks go forward is an hour shorter.
            ("2026-03-28T22:00:00Z", "2026-03-29T05:30:00Z"),
        ] {
            assert_eq!(out(&preferences, now), expected, "{now}");
        }
    }

    #[test]
    fn quiet_hours_within_a_day() {
        let preferences = quiet("12:00", "13:00", "UTC");
        for (now, expected) in [
            ("2026-01-10T11:59:00Z", "2026-01-10T11:59:00Z"),
            ("2026-01-10T12:15:00Z", "2026-01-10T13:00:00Z"),
            ("2026-01-10T13:00:00Z", "2026-01-10T13:00:00Z"),
        ] {
            assert_eq!(out(&preferences, now), expected, "{now}");
        }
    }

    #[test]
    fn errors_wake_unless_they_shall_not() {
        let now = at("2026-01-10T12:15:00Z");
        let mut preferences = quiet("12:00", "13:00", "UTC");
        let error = preferences.judge("session_error", Severity::Error, now);
        assert_eq!(error, Verdict::At(now));
        if let Some(quiet) = &mut preferences.quiet_hours {
            quiet.errors_pass = false;
        }
        let error = preferences.judge("session_error", Severity::Error, now);
        assert_eq!(error, Verdict::At(at("2026-01-10T13:00:00Z")));
    }

    #[test]
    fn all_that_is_wrong_is_told_by_field() {
        let mut preferences = quiet("25:00", "7:30", "Mars/Olympus");
        preferences.per_hour = 0;
        preferences.kinds.insert(String::new(), false);
        let problems = preferences.problems();
        let fields: Vec<&str> = problems.iter().map(|problem| &*problem.field).collect();
        assert_eq!(
            fields,
            [
                "per_hour",
                "kinds",
                "quiet_hours.from",
                "quiet_hours.until",
                "quiet_hours.time_zone"
            ]
        );
        let same = quiet("07:00", "07:00", "UTC").problems();
        assert_eq!(same[0].field, "quiet_hours.until");
        assert!(
            quiet("22:00", "07:00", "America/New_York")
                .problems()
                .is_empty()
        );
    }
}
