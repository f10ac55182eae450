//! A session in figures, computed when they are asked for. They are for people: the ratios are
//! binary floats, and nothing that trades reads them.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::exact::percentage;

/// Minutes of a year of 365 days: crypto markets never close.
const MINUTES_A_YEAR: f64 = 525_600.0;

/// How a session has done. Amounts in the quote currency; a ratio is absent where it has no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Cash + position at the last price.
    #[serde(with = "rust_decimal::serde::str")]
    pub equity: Decimal,
    /// Change of the equity in percent of the initial balance.
    #[serde(with = "rust_decimal::serde::str")]
    pub return_pct: Decimal,
    /// Change of the price since the session's first trade, in percent: what buying then and
    /// holding would have made.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub buy_and_hold_pct: Option<Decimal>,
    /// The largest fall of the equity from a peak.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown: Decimal,
    /// The same in percent of that peak.
    #[serde(with = "rust_decimal::serde::str")]
    pub max_drawdown_pct: Decimal,
    /// The longest time below a peak, in seconds.
    pub max_drawdown_seconds: i64,
    /// Mean of the returns by minutes over their deviation, times the root of the minutes in a year.
    pub sharpe: Option<f64>,
    /// The same over the deviation of the falling minutes below 0.
    pub sortino: Option<f64>,
    /// The return in a year at this pace, over the largest fall; both as fractions.
    pub calmar: Option<f64>,
    /// What won sales made over what lost ones lost.
    pub profit_factor: Option<f64>,
    /// What a sale realised on average.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub expectancy: Option<Decimal>,
    /// Won sales in percent of all.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub win_rate_pct: Option<Decimal>,
    /// What a won sale made on average.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub average_win: Option<Decimal>,
    /// What a lost sale lost on average, above 0.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub average_loss: Option<Decimal>,
    /// Sales with a gain.
    pub wins: u64,
    /// Sales with a loss.
    pub losses: u64,
    /// Fills.
    pub fills: u64,
    /// Rejected orders.
    pub rejected: u64,
    /// Cancelled and expired orders.
    pub cancelled: u64,
    /// Time with a position in percent of the time between trades.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub exposure_pct: Option<Decimal>,
    /// The worth of all fills.
    #[serde(with = "rust_decimal::serde::str")]
    pub turnover: Decimal,
    /// Fees paid.
    #[serde(with = "rust_decimal::serde::str")]
    pub fees: Decimal,
    /// Paid beyond the market's price.
    #[serde(with = "rust_decimal::serde::str")]
    pub slippage: Decimal,
    /// Minutes that the ratios are computed from.
    pub minutes: i64,
}

impl Figures {
    pub(crate) fn of(account: &Account) -> Self {
        let metrics = account.metrics();
        let sums = &metrics.more;
        let sales = metrics.wins + metrics.losses + sums.evens;
        let mean = |sum: Decimal, count: u64| {
            let mean = sum.checked_div(count.into())?;
            Some(mean.round_dp(8).normalize())
        };
        let share =
            |part: Decimal, whole: Decimal| (!whole.is_zero()).then(|| percentage(part, whole));
        let price = account.last_price().zip(sums.first_price);
        let hold = price.and_then(|(last, first)| share(last.checked_sub(first)?, first));
        let net = sums.gross_profit.checked_sub(sums.gross_loss);
        let initial = account.terms().initial_balance();
        let growth = ratio(account.equity(), initial);
        Self {
            equity: account.equity(),
            return_pct: account.return_pct(),
            buy_and_hold_pct: hold,
            max_drawdown: metrics.max_drawdown.normalize(),
            max_drawdown_pct: metrics.max_drawdown_pct,
            max_drawdown_seconds: sums.longest_drawdown / 1_000_000,
            sharpe: sharpe(sums.minutes, sums.sum, sums.squares),
            sortino: sortino(sums.minutes, sums.sum, sums.falling_squares),
            calmar: growth.and_then(|g| calmar(g, sums.minutes, metrics.max_drawdown_pct)),
            profit_factor: ratio(sums.gross_profit, sums.gross_loss),
            expectancy: net.and_then(|net| mean(net, sales)),
            win_rate_pct: share(metrics.wins.into(), sales.into()),
            average_win: mean(sums.gross_profit, metrics.wins),
            average_loss: mean(sums.gross_loss, metrics.losses),
            wins: metrics.wins,
            losses: metrics.losses,
            fills: account.counts().fills,
            rejected: account.counts().rejected,
            cancelled: account.counts().cancelled,
            exposure_pct: share(sums.exposed.into(), sums.elapsed.into()),
            turnover: sums.turnover.normalize(),
            fees: account.fees(),
            slippage: sums.slippage.normalize(),
            minutes: sums.minutes,
        }
    }
}

fn ratio(part: Decimal, whole: Decimal) -> Option<f64> {
    finite(part.to_f64()? / whole.to_f64()?)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn sharpe(minutes: i64, sum: Decimal, squares: Decimal) -> Option<f64> {
    let count = Decimal::from(minutes);
    let mean = sum.checked_div(count)?;
    // The difference of two close numbers: in decimals, which have 28 digits for it.
    let spread = squares.checked_sub(sum.checked_mul(mean)?)?;
    let variance = spread.checked_div(count - Decimal::ONE)?.to_f64()?;
    finite(mean.to_f64()? / variance.sqrt() * MINUTES_A_YEAR.sqrt())
}

fn sortino(minutes: i64, sum: Decimal, falling_squares: Decimal) -> Option<f64> {
    let count = Decimal::from(minutes);
    let mean = sum.checked_div(count)?.to_f64()?;
    let below = falling_squares.checked_div(count)?.to_f64()?;
    finite(mean / below.sqrt() * MINUTES_A_YEAR.sqrt())
}

fn calmar(growth: f64, minutes: i64, max_drawdown_pct: Decimal) -> Option<f64> {
    // Minutes of a session are far below 2^53.
    let years = minutes as f64 / MINUTES_A_YEAR;
    let yearly = growth.powf(1.0 / years) - 1.0;
    finite(yearly / (max_drawdown_pct.to_f64()? / 100.0))
}
