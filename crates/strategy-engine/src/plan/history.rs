//! What a strategy has seen of the market before its session begins.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether indicators know the past when a session on bars begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmUp {
    /// They begin with the session's first trade.
    #[default]
    Live,
    /// They have seen the candles before it. What those would have ordered is not ordered.
    Candles,
}

impl WarmUp {
    const ALL: [Self; 2] = [Self::Live, Self::Candles];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Candles => "candles",
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// It is no way to warm up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use `live` or `candles`")]
pub struct WarmUpError;

impl FromStr for WarmUp {
    type Err = WarmUpError;

    fn from_str(text: &str) -> Result<Self, WarmUpError> {
        let mut all = Self::ALL.into_iter();
        all.find(|way| way.name() == text).ok_or(WarmUpError)
    }
}
