//! What a strategy does where trades of the market are missing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether what was computed before missing trades still counts behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// Goes on as if nothing were missing.
    #[default]
    CarryOn,
    /// Begins anew: every indicator warms up again, and a bar that was open is dropped.
    Reset,
    /// Goes on, and the session is paused: its orders are refused until a person has it resumed.
    Pause,
}

impl OnGap {
    const ALL: [Self; 3] = [Self::CarryOn, Self::Reset, Self::Pause];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::CarryOn => "carry_on",
            Self::Reset => "reset",
            Self::Pause => "pause",
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for OnGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// It is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use `carry_on`, `reset` or `pause`")]
pub struct OnGapError;

impl FromStr for OnGap {
    type Err = OnGapError;

    fn from_str(text: &str) -> Result<Self, OnGapError> {
        let mut all = Self::ALL.into_iter();
        all.find(|policy| policy.name() == text).ok_or(OnGapError)
    }
}
