//! What couldn't be read, and whose it was as far as that can be seen.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::exchange::ParseError;
use crate::products::ProductId;

/// A product's name stands in front, or what a frame is about can't be told: of a megabyte of
/// nonsense no more than this is looked at.
const LOOKED_AT: usize = 1_024;

static PRODUCT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""product_id""#));
static HEARTBEAT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#""heartbeat""#));

/// A frame that could not be read, or a trade in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub error: ParseError,
    /// The product that it names first, where that much of it can be read.
    pub product: Option<ProductId>,
    /// It seems to be a heartbeat; else it would have told a trade.
    pub is_heartbeat: bool,
}

impl Malformed {
    /// Looks whose a frame is. It need be neither JSON nor text.
    pub(crate) fn frame(bytes: &[u8], error: ParseError) -> Self {
        let front = bytes.get(..LOOKED_AT).unwrap_or(bytes);
        Self {
            error,
            product: named_product(front),
            is_heartbeat: HEARTBEAT.find(front).is_some(),
        }
    }

    /// A trade of a message of several.
    pub(crate) fn trade(product: Option<&str>, error: ParseError) -> Self {
        Self {
            error,
            product: product.and_then(|text| ProductId::parse(text).ok()),
            is_heartbeat: false,
        }
    }
}

/// The first product that is named, however the frame is spaced.
fn named_product(frame: &[u8]) -> Option<ProductId> {
    let end = PRODUCT.find(frame)? + PRODUCT.needle().len();
    let rest = frame.get(end..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?;
    let length = memchr::memchr(b'"', rest)?;
    ProductId::parse(std::str::from_utf8(rest.get(..length)?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::exchange::parse_bytes;

    fn blamed(frame: &[u8]) -> (Option<String>, bool) {
        let malformed = Malformed::frame(frame, parse_bytes(frame).unwrap_err());
        let product = malformed.product.map(|product| product.to_string());
        (product, malformed.is_heartbeat)
    }

    #[test]
    fn the_product_is_found_in_whatever_names_one() {
        let btc = || Some("BTC-USD".to_owned());
        let cases: [(&[u8], _); 9] = [
            (
                br#"{"type":"ticker","product_id":"BTC-USD","price":"x"}"#,
                (btc(), false),
            ),
            (
                br#"{"type":"ticker", "product_id" : "BTC-USD" , "#,
                (btc(), false),
            ),
            (
                b"{\"type\":\"match\",\"product_id\":\"BTC-USD\",\"side\":\"\xff\"}",
                (btc(), false),
            ),
            (
                br#"{"type":"heartbeat","product_id":"BTC-USD"}"#,
                (btc(), true),
            ),
            (br#"{"type":"ticker","product_id":"BTC-U"#, (None, false)),
            (br#"{"type":"ticker","product_id":7}"#, (None, false)),
            (
                br#"{"type":"ticker","product_id":"btc usd"}"#,
                (None, false),
            ),
            (br#"{"type":"ticker","product_id""#, (None, false)),
            (b"<html>", (None, false)),
        ];
        for (frame, expected) in cases {
            assert_eq!(blamed(frame), expected, "{}", frame.escape_ascii());
        }
    }

    #[test]
    fn a_long_frame_is_not_searched_to_its_end() {
        let frame = format!(
            r#"{{"type":"ticker","x":"{}","product_id":"BTC-USD","#,
            "x".repeat(1 << 20)
        );
        assert_eq!(blamed(frame.as_bytes()), (None, false));
    }
}
