//! The head of a frame without parsing the frame: its type, product and time.
//!
//! A replay touches every frame twice, here and in the client. Finding three strings is some ten
//! times faster than parsing, and order book frames can be a megabyte long.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::exchange::leading_kind;

/// What says where a frame belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// The frame's type.
    pub kind: Cow<'a, str>,
    /// Its product, as the frame names it.
    pub product: Option<Cow<'a, str>>,
    /// Its time, as it stands there.
    pub time: Option<Cow<'a, str>>,
}

/// The same by the parser, for frames that aren't written as compactly as Coinbase writes them.
#[derive(Deserialize)]
struct ParsedHead<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    product_id: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

/// How a message of the Advanced Trade feed begins.
const ADVANCED: &str = r#"{"channel":""#;

/// What is looked for in every frame; making a finder costs more than one search with it.
static PRODUCT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""product_id":""#));
static TIME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""time":""#));
static TIMESTAMP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""timestamp":""#));

/// Whether a frame is of the Advanced Trade feed.
pub(crate) fn is_advanced(frame: &str) -> bool {
    frame.starts_with(ADVANCED)
}

impl<'a> Head<'a> {
    /// Finds the head; `None` if the frame is no JSON object with a type. A frame whose head can be
    /// found may still be malformed further on.
    pub fn of(frame: &'a str) -> Option<Self> {
        if !frame.starts_with('{') || !frame.ends_with('}') {
            return None;
        }
        if is_advanced(frame) {
            return Some(Self {
                kind: Cow::Borrowed(frame.get(ADVANCED.len()..)?.split_once('"')?.0),
                product: string_field(frame, &PRODUCT),
                time: string_field(frame, &TIMESTAMP),
            });
        }
        match leading_kind(frame) {
            Some(kind) => Some(Self {
                kind: Cow::Borrowed(kind),
                product: string_field(frame, &PRODUCT),
                time: string_field(frame, &TIME),
            }),
            None => {
                let parsed: ParsedHead<'_> = serde_json::from_str(frame).ok()?;
                Some(Self {
                    kind: parsed.kind,
                    product: parsed.product_id.map(Cow::Owned),
                    time: parsed.time.map(Cow::Owned),
                })
            }
        }
    }
}

/// The text that follows `name`, up to the next quotation mark. A quotation mark inside of a JSON
/// string has a backslash before it, so that `name` can't be found inside of one.
fn string_field<'a>(frame: &'a str, name: &Finder<'_>) -> Option<Cow<'a, str>> {
    let start = name.find(frame.as_bytes())? + name.needle().len();
    let rest = frame.get(start..)?;
    let (value, _) = rest.split_once('"')?;
    Some(Cow::Borrowed(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn head(frame: &str) -> (String, Option<String>, Option<String>) {
        let head = Head::of(frame).unwrap();
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        (
            head.kind.into_owned(),
            owned(head.product),
            owned(head.time),
        )
    }

    #[test]
    fn compact_and_spaced_frames_have_the_same_head() {
        let compact = r#"{"type":"match","price":"1","product_id":"A-B","time":"T"}"#;
        let spaced = r#"{ "price": "1", "product_id": "A-B", "time": "T", "type": "match" }"#;
        let expected = ("match".into(), Some("A-B".into()), Some("T".into()));
        assert_eq!(head(compact), expected);
        assert_eq!(head(spaced), expected);
    }

    #[test]
    fn product_and_time_may_be_missing() {
        let frame = r#"{"type":"subscriptions","channels":[{"product_ids":["A-B"]}]}"#;
        assert_eq!(head(frame), ("subscriptions".into(), None, None));
    }

    #[test]
    fn a_name_inside_a_string_is_not_taken_for_a_field() {
        let frame = r#"{"type":"error","message":"\"time\":\"x\", \"product_id\":\"y\""}"#;
        assert_eq!(head(frame), ("error".into(), None, None));
    }

    #[test]
    fn no_frame_no_head() {
        for text in [
            "",
            "{}",
            "x",
            "[1]",
            r#"{"type":"ticker","pr"#,
            r#"{"type":7}"#,
        ] {
            assert_eq!(Head::of(text), None, "{text}");
        }
    }
}
