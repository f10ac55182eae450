//! What an order may carry besides side and size.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How an order is to be filled. Prices in the quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// At the market's price.
    #[default]
    Market,
    /// At this price or a better one.
    Limit {
        /// The worst price.
        #[serde(with = "rust_decimal::serde::str")]
        limit: Decimal,
    },
    /// At the market's price once the market has fallen (a sale) or risen (a purchase) to the stop.
    Stop {
        /// Where it is triggered.
        #[serde(with = "rust_decimal::serde::str")]
        stop: Decimal,
    },
    /// As a limit order once the market has reached the stop.
    StopLimit {
        /// Where it is triggered.
        #[serde(with = "rust_decimal::serde::str")]
        stop: Decimal,
        /// The worst price.
        #[serde(with = "rust_decimal::serde::str")]
        limit: Decimal,
    },
    /// As a stop that follows the best price at this many percent.
    TrailingStop {
        /// Above 0 and below 100.
        #[serde(with = "rust_decimal::serde::str")]
        percent: Decimal,
    },
    /// At the market's price once the market has risen (a sale) or fallen (a purchase) to the
    /// target.
    TakeProfit {
        /// Where it is triggered.
        #[serde(with = "rust_decimal::serde::str")]
        target: Decimal,
    },
}

impl OrderKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::Stop { .. } => "stop",
            Self::StopLimit { .. } => "stop_limit",
            Self::TrailingStop { .. } => "trailing_stop",
            Self::TakeProfit { .. } => "take_profit",
        }
    }

    /// The worst price at which it may fill, if it has one.
    pub fn limit(self) -> Option<Decimal> {
        match self {
            Self::Limit { limit } | Self::StopLimit { limit, .. } => Some(limit),
            _ => None,
        }
    }

    /// The fixed price at which it is triggered, if it has one.
    pub fn trigger(self) -> Option<Decimal> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(stop),
            Self::TakeProfit { target } => Some(target),
            _ => None,
        }
    }

    /// With prices as they are printed.
    pub(crate) fn normalized(self) -> Self {
        match self {
            Self::Market => self,
            Self::Limit { limit } => Self::Limit {
                limit: limit.normalize(),
            },
            Self::Stop { stop } => Self::Stop {
                stop: stop.normalize(),
            },
            Self::StopLimit { stop, limit } => Self::StopLimit {
                stop: stop.normalize(),
                limit: limit.normalize(),
            },
            Self::TrailingStop { percent } => Self::TrailingStop {
                percent: percent.normalize(),
            },
            Self::TakeProfit { target } => Self::TakeProfit {
                target: target.normalize(),
            },
        }
    }

    /// Whether it waits for a price before it works.
    pub(crate) fn waits(self) -> bool {
        !matches!(self, Self::Market | Self::Limit { .. })
    }
}

/// How long an order may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    #[default]
    Gtc,
    /// What can't be filled at once is cancelled.
    Ioc,
    /// Filled whole at once, or not at all.
    Fok,
    /// Until this moment of event time.
    Gtd {
        /// From here on it is expired.
        until: DateTime<Utc>,
    },
    /// Until the UTC day of the signal is over.
    Day,
}

impl TimeInForce {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gtc => "gtc",
            Self::Ioc => "ioc",
            Self::Fok => "fok",
            Self::Gtd { .. } => "gtd",
            Self::Day => "day",
        }
    }

    pub(crate) fn is_immediate(self) -> bool {
        matches!(self, Self::Ioc | Self::Fok)
    }
}

/// How far from a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// Percent of that price.
    Percent(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// An amount of the quote currency.
    Amount(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// So many times the distance of the stop-loss. Only of a target.
    Risk(#[serde(with = "rust_decimal::serde::str")] Decimal),
}

impl Distance {
    pub(crate) fn figure(self) -> Decimal {
        match self {
            Self::Percent(figure) | Self::Amount(figure) | Self::Risk(figure) => figure,
        }
    }
}

/// Where what was bought is sold at a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss {
    /// Below the price of the purchase's first fill.
    pub distance: Distance,
    /// Percent below the best price since, at which it follows, if it does.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    pub trailing: Option<Decimal>,
}

/// Where what was bought, or part of it, is sold at a profit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Above the price of the purchase's first fill.
    pub distance: Distance,
    /// Percent of what was bought.
    #[serde(with = "rust_decimal::serde::str")]
    pub portion: Decimal,
}

/// Everything that makes an order more than a market order that waits for the next trade.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderTerms {
    /// How it is filled.
    pub kind: OrderKind,
    /// How long it may wait.
    pub time_in_force: TimeInForce,
    /// It never sells more than there is, and ends when there is nothing left.
    pub reduce_only: bool,
    /// It is rejected where it would fill at once.
    pub post_only: bool,
    /// When one order of a group is triggered or filled, the others are cancelled.
    pub group: Option<Uuid>,
    /// Of a purchase: where it is sold at a loss.
    pub stop_loss: Option<StopLoss>,
    /// Of a purchase: where it is sold at a profit, nearest first.
    pub take_profit: Vec<Target>,
    /// What the price may fall, for a size by what is at risk.
    pub risk_distance: Option<Distance>,
    /// The most that a size from the equity may cost, in the quote currency.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub most: Option<Decimal>,
}

impl OrderTerms {
    /// Whether it is a market order and nothing else.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// How many exits follow its fill.
    pub(crate) fn exits(&self) -> usize {
        usize::from(self.stop_loss.is_some()) + self.take_profit.len()
    }
}
