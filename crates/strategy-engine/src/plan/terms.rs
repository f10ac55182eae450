//! What an order carries besides its side and size. Its meaning begins with the fill, which only an
//! exchange sees: a plan names the terms, and a signal brings them along.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::OpId;

/// How the order is to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// At once, at the market's price.
    #[default]
    Market,
    /// At this price or a better one.
    Limit {
        /// In the quote currency.
        #[serde(with = "rust_decimal::serde::str")]
        limit: Decimal,
    },
    /// At the market's price once it has reached this one.
    Stop {
        /// In the quote currency.
        #[serde(with = "rust_decimal::serde::str")]
        stop: Decimal,
    },
    /// As a limit order once the price has reached the stop.
    StopLimit {
        /// In the quote currency.
        #[serde(with = "rust_decimal::serde::str")]
        stop: Decimal,
        /// In the quote currency.
        #[serde(with = "rust_decimal::serde::str")]
        limit: Decimal,
    },
    /// At the market's price once it has come back from its best by this many percent.
    TrailingStop {
        /// Above 0 and below 100.
        #[serde(with = "rust_decimal::serde::str")]
        percent: Decimal,
    },
}

/// How far from the price of the fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// Percent of the fill's price.
    Percent(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// An amount of the quote currency.
    Amount(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// So many times what an operation gives when the order is placed.
    Times {
        /// A number, such as an average true range.
        of: OpId,
        /// By how much it is multiplied, above 0.
        #[serde(with = "rust_decimal::serde::str")]
        by: Decimal,
    },
    /// So many times the distance of the stop. Only of a target.
    Risk(#[serde(with = "rust_decimal::serde::str")] Decimal),
}

impl Distance {
    pub(crate) fn factor(self) -> Decimal {
        match self {
            Self::Percent(value) | Self::Amount(value) | Self::Risk(value) => value,
            Self::Times { by, .. } => by,
        }
    }
}

/// Where the position is closed at a loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss {
    /// Id of its node in the source.
    pub node: String,
    /// Below the price of a buy's fill.
    pub distance: Distance,
    /// Percent below the best price since the fill at which it follows, if it does.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    pub trailing: Option<Decimal>,
}

/// Where the position, or part of it, is closed at a profit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeProfit {
    /// Id of its node in the source.
    pub node: String,
    /// Above the price of a buy's fill.
    pub distance: Distance,
    /// Percent of the position as it was filled.
    #[serde(with = "rust_decimal::serde::str")]
    pub portion: Decimal,
}

/// A size that needs to know the session's equity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizing {
    /// Id of its node in the source.
    pub node: String,
    /// How it is computed.
    pub method: SizingMethod,
    /// The order's most, as an amount of the quote currency.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    pub most: Option<Decimal>,
}

/// How a [`Sizing`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizingMethod {
    /// Percent of the equity.
    PercentOfEquity(#[serde(with = "rust_decimal::serde::str")] Decimal),
    /// As many units as lose this percentage of the equity if the price falls by the distance.
    PercentAtRisk {
        /// Percent of the equity.
        #[serde(with = "rust_decimal::serde::str")]
        percent: Decimal,
        /// The fall.
        distance: Distance,
    },
    /// As many units as lose this amount if the price falls by the distance.
    AmountAtRisk {
        /// In the quote currency.
        #[serde(with = "rust_decimal::serde::str")]
        amount: Decimal,
        /// The fall.
        distance: Distance,
    },
}

impl SizingMethod {
    pub(crate) fn distance(self) -> Option<Distance> {
        match self {
            Self::PercentOfEquity(_) => None,
            Self::PercentAtRisk { distance, .. } | Self::AmountAtRisk { distance, .. } => {
                Some(distance)
            }
        }
    }
}

/// Everything that an order carries besides its side and size. In a [`crate::Signal`] no distance
/// is [`Distance::Times`] any more: what it was at that moment is its amount.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderTerms {
    /// How it is filled.
    #[serde(default)]
    pub kind: OrderKind,
    /// Replaces the action's quantity, if there is one.
    #[serde(default)]
    pub sizing: Option<Sizing>,
    /// Where the position is closed at a loss.
    #[serde(default)]
    pub stop_loss: Option<StopLoss>,
    /// Where it is closed at a profit, nearest first.
    #[serde(default)]
    pub take_profit: Vec<TakeProfit>,
}

impl OrderTerms {
    /// Whether it is a market order and nothing else.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves out which nodes it was made of, which changes nothing about the order.
    pub(super) fn forget_nodes(&mut self) {
        let sizing = self.sizing.iter_mut().map(|sizing| &mut sizing.node);
        let stop = self.stop_loss.iter_mut().map(|stop| &mut stop.node);
        let targets = self.take_profit.iter_mut().map(|target| &mut target.node);
        sizing.chain(stop).chain(targets).for_each(String::clear);
    }

    /// Every distance in it.
    pub(crate) fn distances_mut(&mut self) -> Vec<&mut Distance> {
        let mut all = Vec::new();
        if let Some(sizing) = &mut self.sizing
            && let SizingMethod::PercentAtRisk { distance, .. }
            | SizingMethod::AmountAtRisk { distance, .. } = &mut sizing.method
        {
            all.push(distance);
        }
        all.extend(self.stop_loss.as_mut().map(|stop| &mut stop.distance));
        all.extend(
            self.take_profit
                .iter_mut()
                .map(|target| &mut target.distance),
        );
        all
    }

    /// The operations that it reads.
    pub(crate) fn operands_mut(&mut self) -> Vec<&mut OpId> {
        let distances = self.distances_mut().into_iter();
        distances
            .filter_map(|distance| match distance {
                Distance::Times { of, .. } => Some(of),
                _ => None,
            })
            .collect()
    }

    /// Whether every figure is above 0, and every percentage of what can be lost at most 100.
    pub(crate) fn is_valid(&self) -> bool {
        let positive = |value: Decimal| value > Decimal::ZERO;
        let percent = |value: Decimal| positive(value) && value <= Decimal::ONE_HUNDRED;
        let kind = match self.kind {
            OrderKind::Market => true,
            OrderKind::Limit { limit } => positive(limit),
            OrderKind::Stop { stop } => positive(stop),
            OrderKind::StopLimit { stop, limit } => positive(stop) && positive(limit),
            OrderKind::TrailingStop { percent: by } => percent(by),
        };
        let distance = |distance: Distance| positive(distance.factor());
        let sizing = self.sizing.as_ref().is_none_or(|sizing| {
            let own = match sizing.method {
                SizingMethod::PercentOfEquity(by) => percent(by),
                SizingMethod::PercentAtRisk { percent: by, .. } => percent(by),
                SizingMethod::AmountAtRisk { amount, .. } => positive(amount),
            };
            let distance = sizing
                .method
                .distance()
                .is_none_or(|d| distance(d) && !matches!(d, Distance::Risk(_)));
            own && distance && sizing.most.is_none_or(positive)
        });
        let stop = self.stop_loss.as_ref().is_none_or(|stop| {
            let below = !matches!(stop.distance, Distance::Percent(by) if !percent(by));
            let not_of_itself = !matches!(stop.distance, Distance::Risk(_));
            below && not_of_itself && distance(stop.distance) && stop.trailing.is_none_or(percent)
        });
        let targets = self.take_profit.iter().all(|target| {
            let needs_stop = matches!(target.distance, Distance::Risk(_));
            distance(target.distance)
                && percent(target.portion)
                && (!needs_stop || self.stop_loss.is_some())
        });
        kind && sizing && stop && targets
    }
}
