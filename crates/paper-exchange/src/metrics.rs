//! Figures about a session that can be kept while it runs. They never enter the ledger.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exact::{mul, percentage};

/// Drawdown over the equity points, how sales ended, returns by minutes, time in the market.
///
/// Sums are exact where `Decimal` can hold them; beyond that they keep what they had, for they are
/// for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The highest equity so far, at least the initial balance.
    #[serde(with = "rust_decimal::serde::str")]
    pub peak_equity: Decimal,
    /// The largest fall from a peak, in the quote currency.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown: Decimal,
    /// The largest fall from a peak, in percent of that peak, to 8 decimals.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown_pct: Decimal,
    /// Sales with a gain, fee included.
    pub wins: u64,
    /// Sales with a loss, fee included.
    pub losses: u64,
    /// What version 1 of the snapshots didn't keep.
    #[serde(default)]
    pub(crate) more: Sums,
}

/// Sums from which [`crate::Figures`] are computed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sums {
    /// Event time of the latest peak, and the longest time from a peak to a later point below it,
    /// in microseconds.
    pub(crate) peak_at: Option<i64>,
    pub(crate) longest_drawdown: i64,
    /// Sales that realised nothing.
    pub(crate) evens: u64,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) gross_profit: Decimal,
    /// 0 or more.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) gross_loss: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) turnover: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) slippage: Decimal,
    /// Price of the first trade.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub(crate) first_price: Option<Decimal>,
    /// Latest event time of a trade; time between trades, and of that with a position, in
    /// microseconds.
    pub(crate) latest: Option<i64>,
    pub(crate) elapsed: i64,
    pub(crate) exposed: i64,
    /// Equity at the end of the latest minute that is over.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) minute_close: Decimal,
    /// Returns by minutes: how many, their sum, the sum of their squares, and that of the negative
    /// ones' squares.
    pub(crate) minutes: i64,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) sum: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) squares: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) falling_squares: Decimal,
}

fn add_to(sum: &mut Decimal, more: Option<Decimal>) {
    *sum = more.and_then(|more| sum.checked_add(more)).unwrap_or(*sum);
}

impl Metrics {
    pub(crate) fn new(initial_balance: Decimal) -> Self {
        Self {
            peak_equity: initial_balance,
            max_drawdown: Decimal::ZERO,
            max_drawdown_pct: Decimal::ZERO,
            wins: 0,
            losses: 0,
            more: Sums {
                minute_close: initial_balance,
                ..Sums::default()
            },
        }
    }

    pub(crate) fn observe_equity(&mut self, time: DateTime<Utc>, equity: Decimal) {
        let now = time.timestamp_micros();
        let since = *self.more.peak_at.get_or_insert(now);
        if equity >= self.peak_equity {
            self.more.peak_at = Some(now);
            self.peak_equity = equity;
            return;
        }
        self.more.longest_drawdown = self.more.longest_drawdown.max(now - since);
        // Both are within 0..=peak, so the difference can't overflow; it may round in the 29th
        // digit, which a figure for display may.
        let fall = self.peak_equity - equity;
        self.max_drawdown = self.max_drawdown.max(fall);
        // A fall that is no larger a part of its peak than the largest rounds to no more than that;
        // whether it is, products tell sooner than a quotient.
        let no_larger = mul(fall, Decimal::ONE_HUNDRED)
            .zip(mul(self.max_drawdown_pct, self.peak_equity))
            .is_some_and(|(now, largest)| now <= largest);
        if !no_larger {
            let percent = percentage(fall, self.peak_equity);
            self.max_drawdown_pct = self.max_drawdown_pct.max(percent);
        }
    }

    pub(crate) fn observe_sale(&mut self, realized_pnl: Decimal) {
        if realized_pnl > Decimal::ZERO {
            self.wins += 1;
            add_to(&mut self.more.gross_profit, Some(realized_pnl));
        } else if realized_pnl < Decimal::ZERO {
            self.losses += 1;
            add_to(&mut self.more.gross_loss, Some(-realized_pnl));
        } else {
            self.more.evens += 1;
        }
    }

    pub(crate) fn observe_fill(&mut self, quantity: Decimal, price: Decimal, slippage: Decimal) {
        add_to(&mut self.more.turnover, quantity.checked_mul(price));
        add_to(&mut self.more.slippage, Some(slippage));
    }

    /// Time passes until a trade; `holds` tells whether with a position.
    pub(crate) fn observe_trade(&mut self, time: DateTime<Utc>, price: Decimal, holds: bool) {
        let sums = &mut self.more;
        let now = time.timestamp_micros();
        let latest = *sums.latest.get_or_insert(now);
        if now > latest {
            sums.elapsed = sums.elapsed.saturating_add(now - latest);
            if holds {
                sums.exposed = sums.exposed.saturating_add(now - latest);
            }
            sums.latest = Some(now);
        }
        if sums.first_price.is_none() {
            sums.first_price = Some(price);
        }
    }

    /// A new minute begins, `passed` after the latest one; none for the first. `equity` is what it
    /// was before. Minutes without a trade have a return of 0.
    pub(crate) fn close_minutes(&mut self, passed: Option<i64>, equity: Decimal) {
        let Some(passed) = passed else {
            return;
        };
        let sums = &mut self.more;
        let change = equity.checked_sub(sums.minute_close);
        let result = change.and_then(|change| change.checked_div(sums.minute_close));
        let square = result.and_then(|result| result.checked_mul(result));
        sums.minutes = sums.minutes.saturating_add(passed);
        add_to(&mut sums.sum, result);
        add_to(&mut sums.squares, square);
        if result.is_some_and(|result| result.is_sign_negative()) {
            add_to(&mut sums.falling_squares, square);
        }
        sums.minute_close = equity;
    }
}
