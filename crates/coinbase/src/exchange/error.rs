//! Why a frame could not be read.

/// What is wrong with a frame, coarse enough to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseReason {
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// No JSON at all.
    NotJson,
    /// JSON that ends in the middle.
    Truncated,
    /// A field of the wrong JSON type, or a number out of range.
    WrongType,
    /// A field that the frame can't do without isn't there.
    MissingField,
    /// A price or size that is no plain decimal, or doesn't fit exactly.
    BadDecimal,
    /// A price or size of a trade that is zero or less.
    NotPositive,
    /// A time that is not RFC 3339.
    BadTime,
    /// A side other than `buy` and `sell`.
    BadSide,
    /// A product name that can't be one.
    BadProduct,
}

impl ParseReason {
    /// A short label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::Truncated => "truncated",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::BadDecimal => "bad_decimal",
            Self::NotPositive => "not_positive",
            Self::BadTime => "bad_time",
            Self::BadSide => "bad_side",
            Self::BadProduct => "bad_product",
        }
    }
}

/// A frame that could not be read. The connection is still good: count it and go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct ParseError {
    /// What is wrong, to count by.
    pub reason: ParseReason,
    /// The field that is wrong, if it is one.
    pub field: Option<&'static str>,
    /// The same for a person, with an excerpt of the offending text.
    pub detail: String,
}

impl ParseError {
    pub(crate) fn missing(field: &'static str) -> Self {
        let detail = format!("field {field} is missing");
        Self {
            reason: ParseReason::MissingField,
            field: Some(field),
            detail,
        }
    }

    pub(crate) fn field(reason: ParseReason, field: &'static str, text: &str) -> Self {
        let excerpt: String = text.chars().take(40).collect();
        Self {
            reason,
            field: Some(field),
            detail: format!("field {field} is {excerpt:?}"),
        }
    }

    pub(crate) fn not_object() -> Self {
        let detail = "an array where an object should be".to_owned();
        Self {
            reason: ParseReason::WrongType,
            field: None,
            detail,
        }
    }

    pub(crate) fn not_utf8(error: std::str::Utf8Error) -> Self {
        Self {
            reason: ParseReason::NotUtf8,
            field: None,
            detail: error.to_string(),
        }
    }

    pub(crate) fn json(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let reason = match error.classify() {
            Category::Data => ParseReason::WrongType,
            Category::Eof => ParseReason::Truncated,
            Category::Syntax | Category::Io => ParseReason::NotJson,
        };
        Self {
            reason,
            field: None,
            detail: error.to_string(),
        }
    }
}
