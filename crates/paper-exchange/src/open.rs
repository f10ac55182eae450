//! An order that waits: its states, and what is known of it so far.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::exact::{MONEY_SCALE, round8, sub};
use crate::ids::leg_id;
use crate::kind::{OrderKind, OrderTerms, TimeInForce};
use crate::order::{Action, OrderRequest};

/// Which part of a signal's order this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// What the signal asked for.
    #[default]
    Entry,
    /// The exit at a loss.
    StopLoss,
    /// The exit at a profit; its number, from 0.
    TakeProfit(u8),
}

impl Leg {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::StopLoss => "stop_loss",
            Self::TakeProfit(_) => "take_profit",
        }
    }
}

/// Where an open order is. `Armed` becomes `Live` by its trigger; `Live` becomes `Resting` if it is
/// a limit order that the market doesn't meet; every state may become `Closed`, and nothing comes
/// after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Goes to the market at the next trade that it meets.
    #[default]
    Live,
    /// Waits for the price that triggers it.
    Armed,
    /// A limit order in the book.
    Resting,
    /// Filled, rejected, cancelled or expired; removed at the end of the call.
    Closed,
}

/// What has become of an order so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) leg: Leg,
    pub(crate) phase: Phase,
    /// Units, once they are known.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub(crate) ordered: Option<Decimal>,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) filled: Decimal,
    /// Executions so far: the ordinal of the next.
    pub(crate) executions: u32,
    /// With latency: it meets no trade before.
    pub(crate) arrives: Option<DateTime<Utc>>,
    /// Where a trailing stop is now.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub(crate) level: Option<Decimal>,
    /// Units ahead of it in the book.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) ahead: Decimal,
    /// Since when it waits for a quote.
    pub(crate) waits_since: Option<DateTime<Utc>>,
}

impl Progress {
    fn is_new(&self) -> bool {
        *self == Self::default()
    }
}

/// An order that waits for the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    #[serde(flatten)]
    pub(crate) request: OrderRequest,
    #[serde(default, skip_serializing_if = "OrderTerms::is_plain")]
    pub(crate) terms: OrderTerms,
    #[serde(default, skip_serializing_if = "Progress::is_new")]
    pub(crate) progress: Progress,
}

impl OpenOrder {
    pub(crate) fn new(request: OrderRequest, mut terms: OrderTerms) -> Self {
        terms.kind = terms.kind.normalized();
        let phase = match terms.kind.waits() {
            true => Phase::Armed,
            false => Phase::Live,
        };
        Self {
            request,
            terms,
            progress: Progress {
                phase,
                ..Progress::default()
            },
        }
    }

    /// The signal's id, or one derived from it for an exit.
    pub fn id(&self) -> Uuid {
        leg_id(self.request.signal_id, self.progress.leg)
    }

    /// What was asked for.
    pub fn request(&self) -> &OrderRequest {
        &self.request
    }

    /// How it is to be filled.
    pub fn terms(&self) -> &OrderTerms {
        &self.terms
    }

    /// Units in all; none until they are known.
    pub fn ordered(&self) -> Option<Decimal> {
        self.progress.ordered
    }

    /// Units filled.
    pub fn filled(&self) -> Decimal {
        self.progress.filled
    }

    /// Units still to be filled, once they are known.
    pub(crate) fn remaining(&self) -> Option<Decimal> {
        sub(self.progress.ordered?, self.progress.filled)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.progress.phase == Phase::Closed
    }

    pub(crate) fn is_exit(&self) -> bool {
        self.progress.leg != Leg::Entry
    }

    pub(crate) fn has_expired(&self, time: DateTime<Utc>) -> bool {
        let day = |time: DateTime<Utc>| time.timestamp().div_euclid(86_400);
        match self.terms.time_in_force {
            TimeInForce::Gtd { until } => time >= until,
            TimeInForce::Day => day(time) > day(self.request.time),
            _ => false,
        }
    }

    /// Where it is triggered now: a stop's price, or where a trailing stop has come to.
    pub fn trigger(&self) -> Option<Decimal> {
        self.progress.level.or(self.terms.kind.trigger())
    }

    /// Lets a trailing stop follow, and tells whether the price has reached the trigger.
    pub(crate) fn reached(&mut self, price: Decimal) -> bool {
        let sells = self.request.action == Action::Sell;
        if let OrderKind::TrailingStop { percent } = self.terms.kind {
            let share = match sells {
                true => Decimal::ONE_HUNDRED - percent,
                false => Decimal::ONE_HUNDRED + percent,
            };
            // A price and a percentage of at most 8 decimals: the product is in range.
            let here = round8(price * share / Decimal::ONE_HUNDRED).normalize();
            let level = self.progress.level.unwrap_or(here);
            self.progress.level = Some(match sells {
                true => level.max(here),
                false => level.min(here),
            });
        }
        let Some(trigger) = self.trigger() else {
            return false;
        };
        let falls = sells != matches!(self.terms.kind, OrderKind::TakeProfit { .. });
        match falls {
            true => price <= trigger,
            false => price >= trigger,
        }
    }
}

/// Half of the increments' arithmetic: the largest multiple of `increment` that is at most `value`.
/// Both have at most 8 decimals; without an increment it is the value.
pub(crate) fn floor_to(value: Decimal, increment: Option<Decimal>) -> Decimal {
    match increment {
        Some(increment) => (value - value % increment).normalize(),
        None => value.trunc_with_scale(MONEY_SCALE).normalize(),
    }
}
