//! A finite binary number that can be compared, hashed and stored without loss.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A finite `f64` with the total equality that sharing and hashing need. Stored as text, because
/// JSON parsers may be off by the last bit of a number.
#[derive(Debug, Clone, Copy)]
pub struct Real(f64);

impl Real {
    /// 1.
    pub const ONE: Self = Self(1.0);

    /// The number, or none if it is infinite or not a number. Negative zero becomes zero.
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns -0 into 0, so that equal numbers are equal constants.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number itself.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Real {}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<f64>().ok().and_then(Real::new);
        parsed.ok_or_else(|| de::Error::custom("not a finite number"))
    }
}
