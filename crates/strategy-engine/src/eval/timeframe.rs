//! When a plan is evaluated.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// On every tick, or on bars aligned to the epoch (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Timeframe {
    /// Every trade is an evaluation.
    #[default]
    Tick,
    /// Bars of so many seconds; each begins at a multiple of that since the epoch.
    Seconds(NonZeroU32),
}

/// Names and lengths in seconds; 0 is the tick.
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

impl Timeframe {
    /// The names that can be parsed, shortest timeframe first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Length of a bar in seconds; none for ticks.
    pub fn seconds(self) -> Option<NonZeroU32> {
        match self {
            Self::Tick => None,
            Self::Seconds(seconds) => Some(seconds),
        }
    }
}

/// Not the name of a timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown timeframe; one of tick, 1s, 5s, 10s, 15s, 30s, 1m, 5m, 15m, 1h, 4h, 1d")]
pub struct TimeframeError;

impl FromStr for Timeframe {
    type Err = TimeframeError;

    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        let (_, seconds) = NAMES
            .iter()
            .find(|(name, _)| *name == text)
            .ok_or(TimeframeError)?;
        Ok(NonZeroU32::new(*seconds).map_or(Self::Tick, Self::Seconds))
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.seconds().map_or(0, NonZeroU32::get);
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
