//! Exact decimals out of the feed's strings.

use rust_decimal::Decimal;

/// Parses a price or size exactly as it stands in a frame, padded with zeros or not.
///
/// Narrower than `Decimal`'s own parser on purpose: digits with at most one point and an optional
/// minus sign. No exponent, no underscore, no plus sign: Coinbase sends none, so one of them means
/// that the text isn't Coinbase's. `None` also if the number doesn't fit exactly (28 digits).
pub fn parse_exact(text: &str) -> Option<Decimal> {
    if let Some(number) = short(text) {
        return Some(number);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts_and_ends_in_digit = digits.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && digits.as_bytes().last().is_some_and(u8::is_ascii_digit);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !starts_and_ends_in_digit || !plain {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

/// The same number without zeros at its end: `Decimal::normalize` for the numbers that come all the
/// time, which divides them in three words each time.
pub(crate) fn trimmed(number: Decimal) -> Decimal {
    let (Ok(mut mantissa), mut scale) = (u64::try_from(number.mantissa()), number.scale()) else {
        return number.normalize();
    };
    while scale > 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10;
        scale -= 1;
    }
    Decimal::from_parts(mantissa as u32, (mantissa >> 32) as u32, 0, false, scale)
}

/// Numbers of up to 18 digits without a sign: all that Coinbase sends in practice.
fn short(text: &str) -> Option<Decimal> {
    if text.len() > 19 {
        return None;
    }
    // 19 digits at most: below 2^64.
    let (mut mantissa, mut point) = (0_u64, None);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => return None,
        }
    }
    let (digits, scale) = match point {
        None => (text.len(), 0),
        Some(point) => (text.len() - 1, text.len() - point - 1),
    };
    let ends_in_digit = point.is_none() || scale > 0;
    if !(1..=18).contains(&digits) || !ends_in_digit {
        return None;
    }
    // 18 digits: below 2^63.
    Some(Decimal::new(i64::try_from(mantissa).ok()?, scale as u32))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::{parse_exact, trimmed};
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    #[test]
    fn padded_and_unpadded_are_the_same_number() {
        assert_eq!(parse_exact("0.20000000"), parse_exact("0.2"));
        assert_eq!(parse_exact("87408"), parse_exact("87408.00"));
        assert_eq!(parse_exact("0.00000001"), Some(Decimal::new(1, 8)));
        assert_eq!(parse_exact("-3.5"), Some(Decimal::new(-35, 1)));
    }

    #[test]
    fn anything_but_plain_digits_is_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "1e5", "1_000", "+1", "1,5", "0x10", "NaN", "inf", " 1",
            "1 ", "--1", "1.2.3", "\u{661}",
        ] {
            assert_eq!(parse_exact(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_not_rounded() {
        assert_eq!(parse_exact("0.00000000000000000000000000000000001"), None);
        assert_eq!(parse_exact(&"9".repeat(40)), None);
    }

    proptest! {
        #[test]
        fn round_trip(mantissa in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000,
                      scale in 0_u32..19) {
            let number = Decimal::new(mantissa, scale);
            prop_assert_eq!(parse_exact(&number.to_string()), Some(number));
        }

        #[test]
        fn zeros_at_the_end_go(mantissa in any::<i128>(), digits in 0_u32..29, scale in 0_u32..29,
                               zeros in 0_u32..10) {
            let mantissa = mantissa % 10_i128.pow(digits) / 10_i128.pow(zeros) * 10_i128.pow(zeros);
            let number = Decimal::from_i128_with_scale(mantissa, scale);
            let (quick, general) = (trimmed(number), number.normalize());
            prop_assert_eq!((quick, quick.scale()), (general, general.scale()));
        }

        /// The quick way and the general one agree, to the last zero.
        #[test]
        fn short_ones_are_read_exactly(text in "[0-9]{1,12}(\\.[0-9]{1,9})?") {
            let general = Decimal::from_str_exact(&text).unwrap();
            let parsed = parse_exact(&text).unwrap();
            prop_assert_eq!((parsed, parsed.scale()), (general, general.scale()));
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = parse_exact(&text);
        }
    }
}
