//! What a plan knows of time: whose clock, parts of the day and of the week, spans.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The zones that this version was built with, and not those of the machine that it runs on: the
/// same plan gives the same signals everywhere.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its IANA name. `EST` and `PST` are UTC-5 and UTC-8 all year.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// The zone's offset from UTC at a time, both in seconds.
    pub(crate) fn offset_at(&self, epoch_seconds: i64) -> i64 {
        match jiff::Timestamp::from_second(epoch_seconds) {
            Ok(time) => i64::from(self.zone.to_offset(time).seconds()),
            // Beyond the years that a calendar has.
            Err(_) => 0,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// No zone has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time zone has this name; use one like UTC, EST or America/New_York")]
pub struct ZoneError;

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        const LONGEST: usize = 64;
        let zone = match name {
            "UTC" | "GMT" => TimeZone::UTC,
            // Names of offsets, of which the database has only some, and some not any more.
            "EST" => TimeZone::fixed(jiff::tz::offset(-5)),
            "PST" => TimeZone::fixed(jiff::tz::offset(-8)),
            name if name.len() > LONGEST => return Err(ZoneError),
            name => ZONES.get(name).map_err(|_| ZoneError)?,
        };
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Ok(Self { name, zone })
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A number that the time of an evaluation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockFigure {
    /// Hour of the day, 0 to 23.
    Hour,
    /// Minute of the hour, 0 to 59.
    Minute,
    /// Day of the week, from Monday = 0 to Sunday = 6.
    DayOfWeek,
    /// Seconds since 1970 in UTC.
    Timestamp,
}

/// Part of a day on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DayWindow {
    /// First minute of the day, 0 to 1439.
    pub from: u16,
    /// Minute of the day at which it ends, 1 to 1440. Up to `from`, it ends on the next day.
    pub to: u16,
    /// The days on which it begins: bit 0 is Monday, bit 6 is Sunday.
    pub weekdays: u8,
}

impl DayWindow {
    pub(crate) fn is_valid(self) -> bool {
        self.from < 1440 && (1..=1440).contains(&self.to) && (1..128).contains(&self.weekdays)
    }

    /// Whether a minute of a day of the week (Monday = 0) is inside.
    pub(crate) fn contains(self, minute: u16, weekday: u8) -> bool {
        let begins_on = |day: u8| self.weekdays >> day & 1 == 1;
        if self.from < self.to {
            return (self.from..self.to).contains(&minute) && begins_on(weekday);
        }
        let before_midnight = minute >= self.from && begins_on(weekday);
        before_midnight || (minute < self.to && begins_on((weekday + 6) % 7))
    }
}

/// Where an anchored average begins again, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// At midnight.
    Day,
    /// At midnight before Monday.
    Week,
}

/// How long something lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Seconds of event time.
    Seconds(u64),
    /// Evaluations: bars, or trades on ticks.
    Evaluations(u64),
}

impl Span {
    /// Ten years, and about as many evaluations as a session can see.
    pub(crate) const MOST: u64 = 315_360_000;

    pub(crate) fn is_valid(self) -> bool {
        let (Self::Seconds(length) | Self::Evaluations(length)) = self;
        (1..=Self::MOST).contains(&length)
    }
}
