//! Limits that a session was given, and what has come near them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exact::{mul, sub};
use crate::terms::{Checks, MAX_PRICE};

/// What happens at a limit of loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskAction {
    /// Purchases are rejected: for the rest of the day after a daily loss, until the session is
    /// resumed after a drawdown.
    #[default]
    Reject,
    /// Open orders are cancelled, and every order is rejected until the session is resumed.
    Halt,
}

/// A session's limits; amounts in the quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskLimits {
    /// The most that the position may be worth after a purchase.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub max_position: Option<Decimal>,
    /// The most that an order may be worth.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub max_order: Option<Decimal>,
    /// Orders in a minute of event time.
    pub max_orders_per_minute: Option<u32>,
    /// The most that the equity may fall in a UTC day.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub max_daily_loss: Option<Decimal>,
    /// The most that the equity may fall from its highest, in percent of that.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub max_drawdown: Option<Decimal>,
    /// What a daily loss or a drawdown does.
    pub action: RiskAction,
}

impl RiskLimits {
    pub(crate) fn check(&self, checks: &mut Checks) {
        for (field, value, most) in [
            ("risk.max_position", self.max_position, MAX_PRICE),
            ("risk.max_order", self.max_order, MAX_PRICE),
            ("risk.max_daily_loss", self.max_daily_loss, MAX_PRICE),
            ("risk.max_drawdown", self.max_drawdown, Decimal::ONE_HUNDRED),
        ] {
            if let Some(value) = value {
                checks.above_zero(field, value, most);
            }
        }
        if self.max_orders_per_minute == Some(0) {
            checks.above_zero("risk.max_orders_per_minute", Decimal::ZERO, Decimal::MAX);
        }
    }

    pub(crate) fn watches_equity(&self) -> bool {
        self.max_daily_loss.is_some() || self.max_drawdown.is_some()
    }
}

/// What counts towards the limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RiskState {
    minute: i64,
    orders: u32,
    day: Option<i64>,
    #[serde(with = "rust_decimal::serde::str")]
    day_start: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    highest: Decimal,
    /// Why purchases are rejected, and whether only for the day.
    blocked: Option<Blocked>,
}

/// Why purchases, or all orders, are rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocked {
    pub(crate) reason: String,
    until_tomorrow: bool,
    pub(crate) halted: bool,
}

impl RiskState {
    /// Counts an order; false above the limit.
    pub(crate) fn admits(&mut self, limits: &RiskLimits, time: DateTime<Utc>) -> bool {
        let Some(most) = limits.max_orders_per_minute else {
            return true;
        };
        let minute = time.timestamp().div_euclid(60);
        if minute != self.minute {
            (self.minute, self.orders) = (minute, 0);
        }
        if self.orders >= most {
            return false;
        }
        self.orders += 1;
        true
    }

    pub(crate) fn blocked(&self) -> Option<&Blocked> {
        self.blocked.as_ref()
    }

    /// Forgets what has happened: losses count from `equity` again.
    pub(crate) fn clear(&mut self, equity: Decimal) {
        self.blocked = None;
        self.day_start = equity;
        self.highest = equity;
    }

    /// Looks at the equity at a trade; `before` is what it was at the trade before. Tells the reason
    /// of a limit that was just hit.
    pub(crate) fn observe(
        &mut self,
        limits: &RiskLimits,
        time: DateTime<Utc>,
        before: Decimal,
        equity: Decimal,
    ) -> Option<String> {
        let day = time.timestamp().div_euclid(86_400);
        match self.day {
            None => (self.day_start, self.highest) = (before, before),
            Some(latest) if day > latest => {
                self.day_start = before;
                if self.blocked.as_ref().is_some_and(|b| b.until_tomorrow) {
                    self.blocked = None;
                }
            }
            Some(_) => {}
        }
        self.day = self.day.max(Some(day));
        self.highest = self.highest.max(equity);
        if self.blocked.is_some() {
            return None;
        }
        let halted = limits.action == RiskAction::Halt;
        let loss = sub(self.day_start, equity);
        if let (Some(limit), Some(loss)) = (limits.max_daily_loss, loss)
            && loss >= limit
        {
            let (loss, limit) = (loss.normalize(), limit.normalize());
            let reason =
                format!("risk_max_daily_loss: the day's loss is {loss}, the limit is {limit}");
            self.block(&reason, !halted, halted);
            return Some(reason);
        }
        let limit = limits.max_drawdown?;
        let fall = sub(self.highest, equity)?;
        // Compared without a division. Where the products aren't exact, equity is beyond 1e15.
        if mul(fall, Decimal::ONE_HUNDRED)? >= mul(limit, self.highest)? {
            let (fall, highest) = (fall.normalize(), self.highest.normalize());
            let limit = limit.normalize();
            let reason = format!(
                "risk_max_drawdown: equity fell by {fall} from {highest}, the limit is {limit} percent"
            );
            self.block(&reason, false, halted);
            return Some(reason);
        }
        None
    }

    fn block(&mut self, reason: &str, until_tomorrow: bool, halted: bool) {
        self.blocked = Some(Blocked {
            reason: reason.to_owned(),
            until_tomorrow,
            halted,
        });
    }
}
