//! Numbers: what is read is the very number that was written, to the last digit, or it is refused.
#![no_main]

use algotrade_fuzz::{target, text};
use kafka_common::decimal;
use kafka_common::inspect::Position;

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let numbers = [
        "0",
        "-0",
        "1.5",
        "50000.00",
        "0.00000001",
        "1e-8",
        "1E+10",
        "-12345678901234567890.12345678",
        "79228162514264337593543950335",
        "0.0000000000000000000000000001",
        "1e28",
        "100e-30",
        "-10",
        "15m",
        "2026-01-05T12:00:00Z",
        "9223372036854775807d",
        "latest",
    ];
    numbers
        .iter()
        .map(|number| number.as_bytes().to_vec())
        .collect()
}

fn check(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let _ = text.parse::<Position>();
    if !is_json_number(text) {
        return;
    }
    let here = decimal::parse(text);
    let there = coinbase::parse_exact(text);
    for number in [here.ok(), there].into_iter().flatten() {
        assert_eq!(canonical(text), canonical(&number.to_string()), "{text}");
    }
}

fn is_json_number(text: &str) -> bool {
    let is_number = |value: serde_json::Value| value.is_number();
    // Spaces around a number are JSON's, not the number's.
    text.trim() == text && serde_json::from_str(text).is_ok_and(is_number)
}

/// Sign, digits without zeros around them, and the power of ten of the last one: independent of the
/// code under test.
fn canonical(text: &str) -> (bool, String, i64) {
    let (minus, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = (digits.len() - significant.len()) as i64;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return (false, "0".to_owned(), 0);
    }
    // An exponent that is too long for a number belongs to a number that is refused.
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
    (
        minus,
        significant.to_owned(),
        exponent - fraction.len() as i64 + zeros,
    )
}
