//! What doesn't agree, and how.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

/// How a place differs from what the log makes of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It isn't there.
    Missing,
    /// It shouldn't be there.
    Unexpected,
    /// It is there more than once.
    Repeated,
    /// It says something else.
    Different,
    /// It can't be read.
    Unreadable,
}

impl What {
    /// As in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Repeated => "repeated",
            Self::Different => "different",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something that doesn't agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// A topic, or a table of the database.
    pub place: &'static str,
    /// The output that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// How it differs.
    pub what: What,
    /// Where in it: a field or a column, or an order's id and a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the log makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Difference {
    pub(super) fn of(place: &'static str, sequence: u64, what: What) -> Self {
        Self {
            place,
            sequence: Some(sequence),
            what,
            field: None,
            expected: None,
            found: None,
        }
    }

    /// A field that says something else.
    pub(super) fn field(
        place: &'static str,
        sequence: Option<u64>,
        field: String,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self {
            place,
            sequence,
            what: What::Different,
            field: Some(field),
            expected: Some(expected.to_string()),
            found: Some(found.to_string()),
        }
    }
}

/// The fields in which two payloads differ, in the order of their names; the whole where one of
/// them is no object, or where only the order or the spacing differs.
pub(super) fn fields(
    place: &'static str,
    sequence: u64,
    expected: &str,
    found: &str,
) -> Vec<Difference> {
    if expected == found {
        return Vec::new();
    }
    let object = |text| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text).ok();
    let mut differences = Vec::new();
    if let (Some(wanted), Some(there)) = (object(expected), object(found)) {
        let none = "nothing";
        let text = |value: Option<&Box<RawValue>>| value.map_or(none, |raw| raw.get()).to_owned();
        let names: std::collections::BTreeSet<&String> =
            wanted.keys().chain(there.keys()).collect();
        for name in names {
            let (wanted, there) = (text(wanted.get(name)), text(there.get(name)));
            if wanted != there {
                let field = name.clone();
                let at = Some(sequence);
                differences.push(Difference::field(place, at, field, wanted, there));
            }
        }
    }
    if differences.is_empty() {
        differences.push(Difference {
            expected: Some(expected.to_owned()),
            found: Some(found.to_owned()),
            ..Difference::of(place, sequence, What::Different)
        });
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_differs_is_named_and_digits_count() {
        let found = fields(
            "x",
            3,
            r#"{"a":1.0,"b":2,"c":3}"#,
            r#"{"a":1.00,"c":3,"d":4}"#,
        );
        let texts: Vec<_> = found
            .iter()
            .map(|d| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                format!(
                    "{} {} {}",
                    text(&d.field),
                    text(&d.expected),
                    text(&d.found)
                )
            })
            .collect();
        assert_eq!(texts, ["a 1.0 1.00", "b 2 nothing", "d nothing 4"]);
        assert!(fields("x", 3, "{}", "{}").is_empty());
    }

    #[test]
    fn what_differs_in_its_spelling_only_differs_as_a_whole() {
        let found = fields("x", 3, r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#);
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().and_then(|d| d.field.clone()), None);
    }
}
