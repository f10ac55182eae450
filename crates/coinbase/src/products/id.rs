//! The two names of a product, each parsed once at the edge and trusted afterwards.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name taken, in bytes. The longest of Coinbase's own is below 20.
const MAX_LEN: usize = 23;

/// A name of at most [`MAX_LEN`] ASCII bytes, stored inline: every trade carries one, and copying
/// 24 bytes is cheaper than counting references.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Most names fit eight bytes: hashing the empty rest would be paid several times for each trade.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (words, rest) = self.bytes.as_chunks::<8>();
        let used = usize::from(self.len).div_ceil(8);
        for word in words.iter().take(used) {
            state.write_u64(u64::from_le_bytes(*word));
        }
        if used > words.len() {
            state.write(rest);
        }
        state.write_u8(self.len);
    }
}

impl Name {
    fn new(text: &str) -> Option<Self> {
        let len = u8::try_from(text.len()).ok()?;
        let mut bytes = [0; MAX_LEN];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self { bytes, len })
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        // It was a str when it came in, so this never falls back.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Two or more parts joined by `-`, in one pass: every frame names a product.
fn is_product(text: &str) -> bool {
    let (mut parts, mut length) = (1, 0);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' => length += 1,
            b'-' if length > 0 => (parts, length) = (parts + 1, 0),
            _ => return false,
        }
    }
    parts >= 2 && length > 0
}

fn is_name_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A product's name at Coinbase, such as `BTC-USD`: upper-case letters and digits in two or more
/// parts joined by `-`, at most 23 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProductId(Name);

/// A text that is no product id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a product id: it should look like BTC-USD")]
pub struct InvalidProductId {
    /// The text, cut to 64 characters.
    pub text: String,
}

impl ProductId {
    /// Parses the name as Coinbase writes it.
    ///
    /// # Errors
    /// [`InvalidProductId`] if it has lower case, other signs, no `-`, or more than 23 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidProductId> {
        match is_product(text).then(|| Name::new(text)).flatten() {
            Some(name) => Ok(Self(name)),
            None => Err(InvalidProductId {
                text: excerpt(text),
            }),
        }
    }

    /// The name as Coinbase writes it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same product's name on the wire: `BTC-USD` -> `BTCUSD`.
    pub fn symbol(&self) -> Symbol {
        let mut name = Name {
            bytes: [0; MAX_LEN],
            len: 0,
        };
        let kept = self.as_str().bytes().filter(|b| *b != b'-');
        for (to, from) in name.bytes.iter_mut().zip(kept) {
            *to = from;
            name.len += 1;
        }
        Symbol(name)
    }

    /// What is bought and sold: the `BTC` of `BTC-USD`.
    pub fn base(&self) -> &str {
        self.as_str().split('-').next().unwrap_or_default()
    }

    /// What it is paid with: the `USD` of `BTC-USD`.
    pub fn quote(&self) -> &str {
        self.as_str()
            .split_once('-')
            .map(|(_, quote)| quote)
            .unwrap_or_default()
    }
}

/// A product's name on the wire and in Kafka's keys, such as `BTCUSD`: upper-case letters and
/// digits, at most 23 bytes. Which product it names, only a [`Catalog`](super::Catalog) can tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Name);

/// A text that is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a symbol: it should look like BTCUSD")]
pub struct InvalidSymbol {
    /// The text, cut to 64 characters.
    pub text: String,
}

impl Symbol {
    /// Parses a symbol.
    ///
    /// # Errors
    /// [`InvalidSymbol`] if it is empty, has lower case or other signs, or more than 23 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidSymbol> {
        if is_name_part(text)
            && let Some(name) = Name::new(text)
        {
            return Ok(Self(name));
        }
        Err(InvalidSymbol {
            text: excerpt(text),
        })
    }

    /// The symbol's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

macro_rules! text_traits {
    ($name:ident, $error:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_traits!(ProductId, InvalidProductId);
text_traits!(Symbol, InvalidSymbol);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_two_names_of_a_product() {
        let id = ProductId::parse("BTC-USD").unwrap();
        assert_eq!(id.symbol().as_str(), "BTCUSD");
        assert_eq!((id.base(), id.quote()), ("BTC", "USD"));
        assert_eq!(
            ProductId::parse("1INCH-USDC").unwrap().symbol().to_string(),
            "1INCHUSDC"
        );
    }

    #[test]
    fn refused_product_ids() {
        for text in [
            "",
            "BTC",
            "BTCUSD",
            "btc-usd",
            "BTC-",
            "-USD",
            "BTC--USD",
            "BTC_USD",
            "BTC-USD ",
            "B\u{fc}-USD",
            "ABCDEFGHIJKL-MNOPQRSTUVWX",
        ] {
            assert!(ProductId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn refused_symbols() {
        for text in [
            "",
            "btcusd",
            "BTC-USD",
            "BTC/USD",
            "BTCUSD\n",
            &"A".repeat(24),
        ] {
            assert!(Symbol::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn json_is_the_plain_text_and_is_validated() {
        let id = ProductId::parse("ETH-USD").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""ETH-USD""#);
        assert_eq!(
            serde_json::from_str::<ProductId>(r#""ETH-USD""#).unwrap(),
            id
        );
        assert!(serde_json::from_str::<ProductId>(r#""eth""#).is_err());
        assert!(serde_json::from_str::<Symbol>("7").is_err());
    }

    #[test]
    fn names_of_all_lengths_are_told_apart_in_a_set() {
        let name = |length: usize, last: char| {
            let base = "A".repeat(length - 2);
            ProductId::parse(&format!("{base}-{last}")).unwrap()
        };
        let all: std::collections::HashSet<ProductId> = (3..=MAX_LEN)
            .flat_map(|length| [name(length, 'X'), name(length, 'Y'), name(length, 'X')])
            .collect();
        assert_eq!(all.len(), 2 * (MAX_LEN - 2));
    }

    proptest! {
        #[test]
        fn round_trip(base in "[A-Z0-9]{1,11}", quote in "[A-Z0-9]{1,11}") {
            let text = format!("{base}-{quote}");
            let id = ProductId::parse(&text).unwrap();
            prop_assert_eq!(id.as_str(), text.as_str());
            prop_assert_eq!(id.symbol(), Symbol::parse(&format!("{base}{quote}")).unwrap());
        }
    }
}
