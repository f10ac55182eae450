//! Single fields, as both feeds write them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::error::{ParseError, ParseReason};
use super::text::Text;
use crate::decimal::parse_exact;
use crate::products::ProductId;
use crate::time::parse_time;
use crate::trade::Side;

type Result<T> = std::result::Result<T, ParseError>;

pub(crate) fn required<'t>(field: &'static str, text: Option<&'t Text<'_>>) -> Result<&'t str> {
    text.map(Text::as_str)
        .ok_or_else(|| ParseError::missing(field))
}

pub(crate) fn product(text: Option<&Text<'_>>) -> Result<ProductId> {
    let text = required("product_id", text)?;
    let bad = |_| ParseError::field(ParseReason::BadProduct, "product_id", text);
    ProductId::parse(text).map_err(bad)
}

pub(crate) fn side(text: Option<&Text<'_>>) -> Result<Side> {
    let text = required("side", text)?;
    Side::parse(text).ok_or_else(|| ParseError::field(ParseReason::BadSide, "side", text))
}

pub(crate) fn time(text: Option<&Text<'_>>) -> Result<DateTime<Utc>> {
    let text = required("time", text)?;
    match parse_time(text) {
        Some(time) => Ok(time),
        None => Err(ParseError::field(ParseReason::BadTime, "time", text)),
    }
}

fn decimal(field: &'static str, text: &str) -> Result<Decimal> {
    parse_exact(text).ok_or_else(|| ParseError::field(ParseReason::BadDecimal, field, text))
}

pub(crate) fn positive(field: &'static str, text: Option<&Text<'_>>) -> Result<Decimal> {
    let text = required(field, text)?;
    let number = decimal(field, text)?;
    if number <= Decimal::ZERO {
        return Err(ParseError::field(ParseReason::NotPositive, field, text));
    }
    Ok(number)
}

/// A best bid or ask. Both are missing in old shapes, and empty or zero while one side of the book
/// is empty: either way there is none.
pub(crate) fn optional(field: &'static str, text: Option<&Text<'_>>) -> Result<Option<Decimal>> {
    match text.map(Text::as_str) {
        None | Some("") => Ok(None),
        Some(text) => decimal(field, text).map(|n| (n > Decimal::ZERO).then_some(n)),
    }
}
