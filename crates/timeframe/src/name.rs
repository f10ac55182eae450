//! Timeframes as they are written.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Amount, MAX_TICKS, Timeframe};

/// Names of time bars, and their lengths in seconds; 0 is the tick.
const NAMES: &[(&str, u32)] = &[
    ("tick", 0),
    ("1s", 1),
    ("5s", 5),
    ("10s", 10),
    ("15s", 15),
    ("30s", 30),
    ("1m", 60),
    ("5m", 300),
    ("15m", 900),
    ("1h", 3_600),
    ("4h", 14_400),
    ("1d", 86_400),
];

/// Why a text is no timeframe; it reads as what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeframeError {
    /// It has none of the forms.
    #[error(
        "use tick, 1s, 5s, 10s, 15s, 30s, 1m, 5m, 15m, 1h, 4h, 1d, or bars that trades close: \
         `ticks:100`, `volume:2.5`, `range:25`"
    )]
    Unknown,
    /// No tick bar has so many trades.
    #[error("write a whole number from 1 to 1000000 after `ticks:`")]
    Ticks,
    /// No volume or range bar has such a size.
    #[error(
        "write a number above 0 and below 1000000000000, with at most 12 decimals, after \
         `volume:` or `range:`"
    )]
    Amount,
}

impl Timeframe {
    /// The timeframes that have a name: the tick, and time bars, the shortest first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        let amount =
            |text: &str| -> Result<Amount, _> { text.parse().map_err(|_| TimeframeError::Amount) };
        match text.split_once(':') {
            None => {
                let (_, seconds) = NAMES
                    .iter()
                    .find(|(name, _)| *name == text)
                    .ok_or(TimeframeError::Unknown)?;
                Ok(NonZeroU32::new(*seconds).map_or(Self::Tick, Self::Seconds))
            }
            Some(("ticks", count)) => ticks(count).map(Self::Ticks).ok_or(TimeframeError::Ticks),
            Some(("volume", text)) => amount(text).map(Self::Volume),
            Some(("range", text)) => amount(text).map(Self::Range),
            Some(_) => Err(TimeframeError::Unknown),
        }
    }
}

fn ticks(text: &str) -> Option<NonZeroU32> {
    // A number's own reader takes a sign, too.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: NonZeroU32 = text.parse().ok()?;
    (count.get() <= MAX_TICKS).then_some(count)
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match self {
            Self::Ticks(count) => return write!(f, "ticks:{count}"),
            Self::Volume(amount) => return write!(f, "volume:{amount}"),
            Self::Range(amount) => return write!(f, "range:{amount}"),
            Self::Tick => 0,
            Self::Seconds(seconds) => seconds.get(),
        };
        match NAMES.iter().find(|(_, seconds)| *seconds == length) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{length}s"),
        }
    }
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_is_read_and_written() {
        let more = ["ticks:1", "ticks:1000000", "volume:0.25", "range:10"];
        for name in Timeframe::names().chain(more) {
            let timeframe: Timeframe = name.parse().unwrap();
            assert_eq!(timeframe.to_string(), name);
            let text = serde_json::to_string(&timeframe).unwrap();
            assert_eq!(serde_json::from_str::<Timeframe>(&text).unwrap(), timeframe);
        }
        let seconds = |name: &str| name.parse::<Timeframe>().unwrap().seconds();
        assert_eq!(seconds("15m").unwrap().get(), 900);
        assert_eq!(seconds("ticks:900"), None);
        assert_eq!("tick".parse(), Ok(Timeframe::Tick));
    }

    #[test]
    fn the_same_amount_is_the_same_timeframe() {
        let [short, long] = ["volume:2.5", "volume:002.500"].map(|text| text.parse::<Timeframe>());
        assert_eq!(short, long);
        assert_eq!(long.unwrap().to_string(), "volume:2.5");
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        use TimeframeError::{Amount, Ticks, Unknown};
        for (text, expected) in [
            ("", Unknown),
            ("1", Unknown),
            ("0s", Unknown),
            ("2m", Unknown),
            ("1M", Unknown),
            (" 1m", Unknown),
            ("7s", Unknown),
            ("renko:5", Unknown),
            ("Ticks:5", Unknown),
            (":", Unknown),
            ("ticks:", Ticks),
            ("ticks:0", Ticks),
            ("ticks:+5", Ticks),
            ("ticks:1.5", Ticks),
            ("ticks:1000001", Ticks),
            ("ticks:99999999999999999999", Ticks),
            ("volume:", Amount),
            ("volume:0", Amount),
            ("range:-1", Amount),
            ("range:1e3", Amount),
            ("volume:1:2", Amount),
        ] {
            assert_eq!(text.parse::<Timeframe>(), Err(expected), "{text}");
        }
        let told = TimeframeError::Unknown.to_string();
        for name in Timeframe::names().chain(["ticks:100", "volume:2.5", "range:25"]) {
            assert!(told.contains(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_as_what_is_read_again(text in "(ticks|volume|range)?:?[0-9.]{0,16}") {
            if let Ok(timeframe) = text.parse::<Timeframe>() {
                prop_assert_eq!(timeframe.to_string().parse(), Ok(timeframe));
            }
        }
    }
}
