//! Exact decimals out of the feed's strings.

use rust_decimal::Decimal;

/// Parses a price or size exactly as it stands in a frame, padded with zeros or not.
///
/// Narrower than `Decimal`'s own parser on purpose: digits with at most one point and an optional
/// minus sign. No exponent, no underscore, no plus sign: Coinbase sends none, so one of them means
/// that the text isn't Coinbase's. `None` also if the number doesn't fit exactly (28 digits).
pub fn parse_exact(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts_and_ends_in_digit = digits.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && digits.as_bytes().last().is_some_and(u8::is_ascii_digit);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !starts_and_ends_in_digit || !plain {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::parse_exact;
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
        fn never_panics(text in ".{0,60}") {
            let _ = parse_exact(&text);
        }
    }
}
