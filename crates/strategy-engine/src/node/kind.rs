//! A node's meaning once its data are read.

use serde::{Deserialize, Serialize};

use super::parse::{ActionSpec, SizeSpec, StopSpec, TargetSpec};
use crate::plan::{Anchor, Arithmetic, ClockFigure, DayWindow, Real, Span, Study, Zone};

/// What a plan reads from the market at an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Price of the bar's first trade; on ticks, the trade's price.
    Open,
    /// Highest price of the bar; on ticks, the trade's price.
    High,
    /// Lowest price of the bar; on ticks, the trade's price.
    Low,
    /// Price of the bar's last trade; on ticks, the trade's price.
    Close,
    /// Volume of the bar in the base currency; on ticks, the trade's size.
    Volume,
    /// Best bid after the last trade; no value where the feed doesn't tell it.
    Bid,
    /// Best ask after the last trade; no value where the feed doesn't tell it.
    Ask,
}

/// How a comparison node compares its first value with its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `>`
    GreaterThan,
    /// `<`
    LessThan,
    /// `>=`
    GreaterEqual,
    /// `<=`
    LessEqual,
    /// `==`, exactly
    Equal,
    /// `!=`, exactly
    NotEqual,
}

impl Comparison {
    /// The operator's usual symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::GreaterThan => ">",
            Self::LessThan => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether it holds between two values; none if either is no value (NaN).
    #[inline]
    pub fn holds(self, first: f64, second: f64) -> Option<bool> {
        let order = first.partial_cmp(&second)?;
        Some(match self {
            Self::GreaterThan => order.is_gt(),
            Self::LessThan => order.is_lt(),
            Self::GreaterEqual => order.is_ge(),
            Self::LessEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        })
    }
}

/// Which crossings a crossover node reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossType {
    /// The fast value rises above the slow one.
    Above,
    /// The fast value falls below the slow one.
    Below,
    /// Either.
    Any,
}

/// What a volume node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VolumeType {
    Raw,
    Sma,
    Ratio,
    Weighted,
}

/// The two outputs of a threshold node: one turns on above `upper`, the other below `lower`, and
/// each off again once the value is back by `hysteresis`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThresholdSpec {
    pub upper: f64,
    pub lower: f64,
    pub hysteresis: f64,
}

/// An indicator node with its data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Indicator {
    Sma {
        period: u32,
    },
    Dema {
        period: u32,
    },
    Hull {
        period: u32,
    },
    Bollinger {
        period: u32,
        deviation: Real,
    },
    Keltner {
        period: u32,
        atr_period: u32,
        multiplier: Real,
    },
    Donchian {
        period: u32,
    },
    Ichimoku {
        tenkan: u32,
        kijun: u32,
        span: u32,
        displacement: u32,
    },
    Roc {
        period: u32,
    },
    Momentum {
        period: u32,
    },
    Zscore {
        period: u32,
    },
    /// One that is an operation of its own, with numbers as its outputs.
    Study(Study),
    /// As above; its second result is 1 while it rises and -1 while it falls.
    Supertrend(Study),
    /// As above; its results are 1 or 0.
    Divergence {
        study: Study,
        sensitivity: f64,
    },
    Pattern {
        study: Study,
        confidence: f64,
    },
}

/// A node type with its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Market(Field),
    Volume {
        volume_type: VolumeType,
        period: u32,
    },
    AnchoredVwap(Anchor),
    Constant(f64),
    /// Of bid and ask: their ratio, or else their difference.
    Spread {
        ratio: bool,
    },
    Clock {
        figure: ClockFigure,
        zone: Zone,
    },
    Window {
        window: DayWindow,
        zone: Zone,
    },
    /// Of the session's position.
    Position,
    Indicator(Indicator),
    Math(Arithmetic),
    Abs,
    If,
    /// `operand` stands for the second value where nothing is wired to it (an older form).
    Compare {
        comparison: Comparison,
        operand: Option<f64>,
    },
    And,
    Or,
    Not,
    Crossover(CrossType),
    Threshold(ThresholdSpec),
    /// For good where there is no span.
    Hold(Option<Span>),
    Cooldown(Span),
    Action(ActionSpec),
    StopLoss(StopSpec),
    TakeProfit(TargetSpec),
    Size(SizeSpec),
    /// A comment; whoever reads its handle reads 1, as on the platform it comes from.
    Label,
    /// Unknown or refused: reported already, so that nothing about its edges is.
    Opaque,
}

impl NodeKind {
    /// Whether it belongs to an order, of which it says more.
    pub(crate) fn is_term(&self) -> bool {
        matches!(
            self,
            Self::StopLoss(_) | Self::TakeProfit(_) | Self::Size(_)
        )
    }
}
