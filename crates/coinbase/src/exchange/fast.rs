//! One pass over a frame like Coinbase's, whatever the order of its fields: flat, without escapes.
//! Those that come all the time are mostly read by [`usual`](super::usual) already.
//!
//! Whatever isn't so (spaces, escapes, arrays, nulls, a field twice) is left to serde, which is some
//! four times slower, so that both always agree: here nothing is accepted that serde would refuse.

use std::borrow::Cow;

use super::text::Text;

/// The fields of the frames that come all the time, as they stand on the wire.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub product_id: Option<&'a str>,
    pub sequence: Option<u64>,
    pub trade_id: Option<u64>,
    pub last_trade_id: Option<u64>,
    pub price: Option<&'a str>,
    pub size: Option<&'a str>,
    pub last_size: Option<&'a str>,
    pub side: Option<&'a str>,
    pub time: Option<&'a str>,
    pub best_bid: Option<&'a str>,
    pub best_ask: Option<&'a str>,
}

/// A field's text as serde would have given it.
pub(super) fn text(field: Option<&str>) -> Option<Text<'_>> {
    field.map(|field| Text(Cow::Borrowed(field)))
}

impl<'a> Fields<'a> {
    /// Reads a frame; `None` if it isn't as Coinbase writes it.
    pub fn of(frame: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        let mut cursor = Cursor { text: frame, at: 0 };
        cursor.expect(b'{')?;
        loop {
            let key = cursor.string()?;
            cursor.expect(b':')?;
            match key {
                "product_id" => once(&mut fields.product_id, cursor.string()?)?,
                "sequence" => once(&mut fields.sequence, cursor.integer()?)?,
                "trade_id" => once(&mut fields.trade_id, cursor.integer()?)?,
                "last_trade_id" => once(&mut fields.last_trade_id, cursor.integer()?)?,
                "price" => once(&mut fields.price, cursor.string()?)?,
                "size" => once(&mut fields.size, cursor.string()?)?,
                "last_size" => once(&mut fields.last_size, cursor.string()?)?,
                "side" => once(&mut fields.side, cursor.string()?)?,
                "time" => once(&mut fields.time, cursor.string()?)?,
                "best_bid" => once(&mut fields.best_bid, cursor.string()?)?,
                "best_ask" => once(&mut fields.best_ask, cursor.string()?)?,
                // Of other fields only strings and whole numbers are taken.
                _ if cursor.peek()? == b'"' => drop(cursor.string()?),
                _ => drop(cursor.integer()?),
            }
            match cursor.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        (cursor.at == frame.len()).then_some(fields)
    }
}

/// A field that comes twice is an error, which serde words.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        let length = until_special::<false>(rest)?;
        self.at = start + length;
        self.expect(b'"')?;
        // A quotation mark is a character of its own, so that this never cuts one.
        self.text.get(start..start + length)
    }

    /// A whole number from 0 to 2^64 - 1.
    fn integer(&mut self) -> Option<u64> {
        let first = self.next().filter(u8::is_ascii_digit)?;
        let mut number = u64::from(first - b'0');
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            // JSON knows no leading zeros.
            if first == b'0' {
                return None;
            }
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        Some(number)
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// How many bytes there are before the next quotation mark, backslash or control character, or, with
/// `ASCII`, anything that isn't ASCII; eight at a time.
#[inline]
pub(super) fn until_special<const ASCII: bool>(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let special = zero_bytes(word ^ (ONES * u64::from(b'"')))
            | zero_bytes(word ^ (ONES * u64::from(b'\\')))
            // Bytes below 0x20: those that borrow when it is subtracted, and had no high bit.
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS)
            | if ASCII { word & HIGHS } else { 0 };
        if special != 0 {
            // A borrow can only have marked bytes after the first that is marked.
            return Some(at * 8 + (special.trailing_zeros() / 8) as usize);
        }
    }
    let is_special =
        |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20 || ASCII && !byte.is_ascii();
    let found = rest.iter().position(is_special)?;
    Some(chunks.len() * 8 + found)
}

/// Marks the high bit of each byte that is zero (and perhaps of some after the first of them).
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_as_coinbase_writes_them() {
        let frame = concat!(
            r#"{"type":"heartbeat","last_trade_id":12,"product_id":"BTC-USD","sequence":0,"#,
            r#""time":"T"}"#
        );
        let expected = Fields {
            product_id: Some("BTC-USD"),
            sequence: Some(0),
            last_trade_id: Some(12),
            time: Some("T"),
            ..Fields::default()
        };
        assert_eq!(Fields::of(frame), Some(expected));
    }

    #[test]
    fn anything_else_is_left_to_serde() {
        for frame in [
            "",
            "{",
            "{}",
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{"a":1} "#,
            r#"{"a": 1}"#,
            r#"{"a":01}"#,
            r#"{"a":1.5}"#,
            r#"{"a":-1}"#,
            r#"{"a":null}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":[1]}"#,
            "{\"a\":\"b\tc\"}",
            r#"{"a":18446744073709551616}"#,
            r#"{"price":"1","price":"1"}"#,
            r#"{"price":1}"#,
        ] {
            assert_eq!(Fields::of(frame), None, "{frame}");
        }
    }

    proptest! {
        #[test]
        fn finds_the_first_special_byte(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let is_special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
            let plain = bytes.iter().position(|byte| is_special(*byte));
            prop_assert_eq!(until_special::<false>(&bytes), plain);
            let ascii = bytes.iter().position(|byte| is_special(*byte) || !byte.is_ascii());
            prop_assert_eq!(until_special::<true>(&bytes), ascii);
        }
    }
}
