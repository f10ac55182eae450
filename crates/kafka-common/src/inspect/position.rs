//! A place in a topic, as an operator names it.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

/// A place in each partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first record.
    Earliest,
    /// After the last record.
    Latest,
    /// An offset.
    Offset(i64),
    /// So many offsets before the end.
    FromEnd(i64),
    /// The first record that is at least as young.
    Time(DateTime<Utc>),
}

impl FromStr for Position {
    type Err = String;

    /// Reads `earliest`, `latest`, an offset (`1200`), offsets before the end (`-10`), a time
    /// (`2026-01-05T12:00:00Z`) or how long ago (`15m`; units s, m, h, d).
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(match number {
                0.. => Self::Offset(number),
                _ => Self::FromEnd(number.saturating_neg()),
            });
        }
        parse_time(text).map(Self::Time).map_err(|()| {
            format!(
                "`{text}` is none of: earliest, latest, an offset (1200), offsets before the end \
                 (-10), a time (2026-01-05T12:00:00Z), or how long ago (15m, 2h, 3d)"
            )
        })
    }
}

/// A time as RFC 3339, or as how long ago it was.
fn parse_time(text: &str) -> Result<DateTime<Utc>, ()> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let unit = text.chars().last().ok_or(())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(()),
    };
    let count: i64 = text
        .strip_suffix(unit)
        .and_then(|count| count.parse().ok())
        .filter(|count| *count >= 0)
        .ok_or(())?;
    let ago = count
        .checked_mul(seconds)
        .and_then(TimeDelta::try_seconds)
        .ok_or(())?;
    Utc::now().checked_sub_signed(ago).ok_or(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_form_is_read() {
        let time = "2026-01-05T12:00:00Z".parse().unwrap();
        for (text, position) in [
            ("earliest", Position::Earliest),
            ("latest", Position::Latest),
            ("1200", Position::Offset(1200)),
            ("-10", Position::FromEnd(10)),
            ("2026-01-05T12:00:00Z", Position::Time(time)),
            ("2026-01-05T13:00:00+01:00", Position::Time(time)),
        ] {
            assert_eq!(text.parse(), Ok(position), "{text}");
        }
        let Ok(Position::Time(time)) = "2h".parse() else {
            panic!("a duration is a time")
        };
        let ago = Utc::now() - time;
        assert_eq!(ago.num_minutes(), 120);
    }

    #[test]
    fn anything_else_is_refused_with_what_would_do() {
        for text in ["", "soon", "2x", "-2h", "99999999999999999999d", "é"] {
            let error = text.parse::<Position>().unwrap_err();
            assert!(error.contains("earliest"), "{error}");
        }
    }
}
