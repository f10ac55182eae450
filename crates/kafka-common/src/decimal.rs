//! Decimals on the wire: JSON *numbers*, exact in both directions.
//!
//! `serde_json` alone would read a JSON number into a binary float. Here the number's own text is
//! taken and written, so that what Coinbase sent is what a reader gets, to the last digit.

use rust_decimal::{Decimal, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Reads a JSON number's text, with or without an exponent.
///
/// # Errors
/// The text isn't a number, or needs more than the 28 digits that are exact.
pub fn parse(text: &str) -> Result<Decimal, Error> {
    match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => scaled(Decimal::from_str_exact(mantissa)?, exponent),
        None => Decimal::from_str_exact(text),
    }
}

/// `mantissa` times a power of ten, exactly or not at all.
fn scaled(mantissa: Decimal, exponent: &str) -> Result<Decimal, Error> {
    let exponent: i64 = exponent
        .parse()
        .map_err(|_| Error::ErrorString(format!("`{exponent}` is not an exponent")))?;
    if mantissa.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let places = |value: &Decimal| i64::from(value.scale()).saturating_sub(exponent);
    let mut value = mantissa;
    if places(&value) > i64::from(Decimal::MAX_SCALE) {
        // Zeros at the end are no digits that need a place.
        value = value.normalize();
    }
    let places = places(&value);
    if places > i64::from(Decimal::MAX_SCALE) {
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        return Err(Error::ScaleExceedsMaximumPrecision(places));
    }
    if places >= 0 {
        // Between 0 and the maximum.
        value.set_scale(places as u32)?;
        return Ok(value);
    }
    let zeros = u32::try_from(-places).unwrap_or(u32::MAX);
    value.set_scale(0)?;
    10_i128
        .checked_pow(zeros)
        .and_then(|power| Decimal::try_from_i128_with_scale(power, 0).ok())
        .and_then(|power| value.checked_mul(power))
        .ok_or(Error::ExceedsMaximumPossibleValue)
}

fn parse_raw<E: serde::de::Error>(raw: &RawValue) -> Result<Decimal, E> {
    let text = raw.get();
    // A number as text is accepted as well: some producers quote decimals.
    let text = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    parse(text).map_err(|error| E::custom(format!("`{text}` is not an exact decimal: {error}")))
}

fn to_raw<E: serde::ser::Error>(value: &Decimal) -> Result<Box<RawValue>, E> {
    RawValue::from_string(value.to_string()).map_err(E::custom)
}

/// `#[serde(with = "kafka_common::decimal::number")]` for a `Decimal`.
pub mod number {
    use super::*;

    /// Writes the decimal as a JSON number.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        to_raw::<S::Error>(value)?.serialize(serializer)
    }

    /// Reads a JSON number, or a string that holds one.
    ///
    /// # Errors
    /// Not a number, or not exact.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        parse_raw(<&RawValue>::deserialize(deserializer)?)
    }
}

/// `#[serde(default, with = "kafka_common::decimal::number_opt")]` for an `Option<Decimal>`.
pub mod number_opt {
    use super::*;

    /// Writes a JSON number or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(
        value: &Option<Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => number::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a JSON number, a string that holds one, or null.
    ///
    /// # Errors
    /// Not a number, or not exact.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Decimal>, D::Error> {
        match <&RawValue>::deserialize(deserializer)? {
            raw if raw.get() == "null" => Ok(None),
            raw => parse_raw(raw).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Priced {
        #[serde(with = "number")]
        price: Decimal,
        #[serde(default, with = "number_opt", skip_serializing_if = "Option::is_none")]
        fee: Option<Decimal>,
    }

    #[test]
    fn numbers_keep_every_digit() {
        for text in [
            "0.1",
            "50000.00",
            "-1.5",
            "0.00000001",
            "12345678901234567890.12345678",
        ] {
            let json = format!(r#"{{"price":{text}}}"#);
            let priced: Priced = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&priced).unwrap(), json);
        }
    }

    #[test]
    fn exponents_strings_and_null_are_read() {
        let priced: Priced = serde_json::from_str(r#"{"price":1e-8,"fee":"0.25"}"#).unwrap();
        assert_eq!(
            (priced.price, priced.fee),
            (Decimal::new(1, 8), Some(Decimal::new(25, 2)))
        );
        let priced: Priced = serde_json::from_str(r#"{"price":1,"fee":null}"#).unwrap();
        assert_eq!(priced.fee, None);
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        for text in [
            "true",
            "{}",
            "\"x\"",
            "0.12345678901234567890123456789012345",
        ] {
            let json = format!(r#"{{"price":{text}}}"#);
            assert!(serde_json::from_str::<Priced>(&json).is_err(), "{text}");
        }
    }
}
