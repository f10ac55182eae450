//! A session in figures, as the database, the log and HTTP show them.

use paper_exchange::Figures;
use rust_decimal::Decimal;
use serde::Serialize;

/// How a session has done. Amounts in the quote currency; a figure that has no value is null.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FiguresAnswer {
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
    /// What buying at the session's first trade and holding would have made.
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    buy_and_hold_pct: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    max_drawdown: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    max_drawdown_pct: Decimal,
    /// The longest time below a peak.
    max_drawdown_seconds: i64,
    /// By returns of minutes, for a year.
    sharpe: Option<f64>,
    sortino: Option<f64>,
    calmar: Option<f64>,
    profit_factor: Option<f64>,
    /// What a sale realised on average.
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    expectancy: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    win_rate_pct: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    average_win: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    average_loss: Option<Decimal>,
    wins: u64,
    losses: u64,
    fills: u64,
    rejected: u64,
    cancelled: u64,
    /// Time with a position, of the time between trades.
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    exposure_pct: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    turnover: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fees: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    slippage: Decimal,
    /// Minutes that the ratios are computed from.
    minutes: i64,
}

impl From<Figures> for FiguresAnswer {
    fn from(figures: Figures) -> Self {
        Self {
            equity: figures.equity,
            return_pct: figures.return_pct,
            buy_and_hold_pct: figures.buy_and_hold_pct,
            max_drawdown: figures.max_drawdown,
            max_drawdown_pct: figures.max_drawdown_pct,
            max_drawdown_seconds: figures.max_drawdown_seconds,
            sharpe: figures.sharpe,
            sortino: figures.sortino,
            calmar: figures.calmar,
            profit_factor: figures.profit_factor,
            expectancy: figures.expectancy,
            win_rate_pct: figures.win_rate_pct,
            average_win: figures.average_win,
            average_loss: figures.average_loss,
            wins: figures.wins,
            losses: figures.losses,
            fills: figures.fills,
            rejected: figures.rejected,
            cancelled: figures.cancelled,
            exposure_pct: figures.exposure_pct,
            turnover: figures.turnover,
            fees: figures.fees,
            slippage: figures.slippage,
            minutes: figures.minutes,
        }
    }
}

/// As JSON text; none, with a log line, if it can't be written.
pub(crate) fn json(figures: Figures) -> Option<String> {
    serde_json::to_string(&FiguresAnswer::from(figures))
        .inspect_err(|error| tracing::error!(%error, "figures can't be written"))
        .ok()
}
