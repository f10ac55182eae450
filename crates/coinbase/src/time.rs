//! Times out of the feed's strings.

use chrono::{DateTime, NaiveDate, Utc};

/// Parses an RFC 3339 time. Those that Coinbase writes (`2025-01-02T03:04:05.678901Z`, with up to
/// nine digits after the point) take a tenth of the time that others do.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    match usual_time(text.as_bytes()) {
        Some(time) => Some(time),
        None => Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc()),
    }
}

/// A time as Coinbase writes it; `None` also for valid ones that are written otherwise.
pub(crate) fn usual_time(text: &[u8]) -> Option<DateTime<Utc>> {
    let (head, rest) = text.split_at_checked(19)?;
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
    ] = head
    else {
        return None;
    };
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(&[*y0, *y1, *y2, *y3])?).ok()?,
        number(&[*m0, *m1])?,
        number(&[*d0, *d1])?,
    )?;
    let (hour, minute) = (number(&[*h0, *h1])?, number(&[*n0, *n1])?);
    let second = number(&[*s0, *s1])?;
    let nanos = match rest {
        [b'Z'] => 0,
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => {
            let scale = 10_u32.pow(9 - u32::try_from(digits.len()).ok()?);
            number(digits)? * scale
        }
        _ => return None,
    };
    // Leap seconds and what is out of range are left to the general parser.
    Some(
        date.and_hms_nano_opt(hour, minute, second, nanos)?
            .and_utc(),
    )
}

/// Up to nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    fn general(text: &str) -> Option<DateTime<Utc>> {
        Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
    }

    #[test]
    fn odd_ones_are_read_as_the_general_parser_does() {
        for text in [
            "",
            "2025-01-02T03:04:05Z",
            "2025-01-02T03:04:05.1Z",
            "2025-01-02t03:04:05z",
            "2025-01-02T03:04:05.123456789Z",
            "2025-01-02T03:04:05.1234567891Z",
            "2025-01-02T03:04:05.Z",
            "2025-01-02T03:04:05.678+02:00",
            "2025-01-02 03:04:05Z",
            "2016-12-31T23:59:60Z",
            "2025-02-29T00:00:00Z",
            "2024-02-29T24:00:00Z",
            "0000-01-01T00:00:00Z",
            "+025-01-02T03:04:05Z",
            "2025-01-02T03:04:05.67\u{661}Z",
            "2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.260485341",
        ] {
            assert_eq!(parse_time(text), general(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn usual_ones_are_read_exactly(micros in 0_i64..4_000_000_000_000_000, digits in 0_u8..4) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let format = match digits {
                0 => SecondsFormat::Secs,
                1 => SecondsFormat::Millis,
                2 => SecondsFormat::Micros,
                _ => SecondsFormat::Nanos,
            };
            let text = time.to_rfc3339_opts(format, true);
            prop_assert_eq!(usual_time(text.as_bytes()), general(&text));
            prop_assert_eq!(parse_time(&text), general(&text));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            prop_assert_eq!(parse_time(&text), general(&text));
        }
    }
}
