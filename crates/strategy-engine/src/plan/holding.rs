//! What a plan can read of the position that its session holds.

use serde::{Deserialize, Serialize};

/// A figure of the session's position, as the exchange's account has it when the plan is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldingFigure {
    /// Units held.
    Units,
    /// What a unit was bought for, fees excluded; no value where nothing is held.
    EntryPrice,
    /// What the position is worth beyond its cost, in the quote currency.
    Unrealized,
    /// The same in percent of its cost.
    UnrealizedPercent,
    /// Realised by all sales of the session so far, fees included, in the quote currency.
    Realized,
    /// Evaluations since the first one at which the position was held.
    Bars,
    /// Seconds of event time since the fill that opened the position.
    Seconds,
}

impl HoldingFigure {
    /// Every figure, in the order of a node's outputs.
    pub(crate) const ALL: [Self; 7] = [
        Self::Units,
        Self::EntryPrice,
        Self::Unrealized,
        Self::UnrealizedPercent,
        Self::Realized,
        Self::Bars,
        Self::Seconds,
    ];

    /// As a reason calls it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Units => "position",
            Self::EntryPrice => "entry price",
            Self::Unrealized => "unrealised PnL",
            Self::UnrealizedPercent => "unrealised PnL in percent",
            Self::Realized => "realised PnL",
            Self::Bars => "evaluations since entry",
            Self::Seconds => "seconds since entry",
        }
    }
}
