//! What came of a backtest, as the API tells it. Amounts are in the quote currency.

use std::collections::BTreeMap;

use backtest::{Point, Result as Outcome};
use chrono::{DateTime, Utc};
use paper_exchange::Execution;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use super::data::Part;

/// What came of all combinations, the best first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BacktestResult {
    /// Trades of the market, or candles.
    ticks: u64,
    /// Marks of missing trades among them.
    gaps: u64,
    /// Trades whose price can't be traded on; they were passed over.
    skipped: u64,
    /// Event time of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<DateTime<Utc>>,
    /// Event time of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<DateTime<Utc>>,
    /// Which part of the log was read; none of candles.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Part>,
    /// Each combination, the one with the most equity at its end first.
    runs: Vec<RunResult>,
    /// Equity of the best one, thinned out to what a picture can show.
    equity: Vec<PointResult>,
    /// The market's price, thinned out likewise.
    prices: Vec<PointResult>,
    /// Every order of the best one, as far as it is kept.
    trades: Vec<TradeResult>,
    /// Orders of the best one that aren't kept.
    trades_omitted: u64,
}

/// One combination.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RunResult {
    parameters: BTreeMap<String, String>,
    evaluations: u64,
    /// Calculations without a value, such as divisions by zero: none of them trades.
    undefined_values: u64,
    signals: u64,
    fills: u64,
    rejected: u64,
    wins: u64,
    losses: u64,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fees: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    max_drawdown: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    max_drawdown_pct: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    final_equity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
    /// Fingerprint of the ledger: that of a forward test on the same trades.
    ledger_sha256: String,
}

/// A figure at a time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PointResult {
    time: DateTime<Utc>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    value: Decimal,
}

/// An order that was filled or rejected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TradeResult {
    sequence: u64,
    timestamp: DateTime<Utc>,
    /// `FILLED` or `REJECTED`.
    status: &'static str,
    /// `BUY` or `SELL`.
    action: &'static str,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    quantity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    price: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fee: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    slippage: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    realized_pnl: Decimal,
    /// Cash after it.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    cash: Decimal,
    /// Units held after it.
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    position: Decimal,
    reason: String,
    /// Fills of one order share it.
    order_id: Uuid,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) gaps: u64,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) log: Option<Part>,
}

impl BacktestResult {
    pub(super) fn new(read: Read, mut runs: Vec<(BTreeMap<String, String>, Outcome)>) -> Self {
        // Of equal ones, in the order of the grid.
        runs.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.final_equity));
        let mut best = runs.first_mut().map(|(_, outcome)| outcome);
        let points = |points: Vec<Point>| {
            let points = points.into_iter();
            let point = |Point { time, value }| PointResult { time, value };
            points.map(point).collect::<Vec<_>>()
        };
        let mut taken = |of: fn(&mut Outcome) -> &mut Vec<Point>| {
            let taken = best.as_deref_mut().map(|best| std::mem::take(of(best)));
            points(taken.unwrap_or_default())
        };
        let equity = taken(|best| &mut best.equity);
        let prices = taken(|best| &mut best.prices);
        let best = runs.first_mut().map(|(_, outcome)| outcome);
        let (ticks, skipped, trades_omitted) = best.as_ref().map_or((0, 0, 0), |best| {
            (best.ticks, best.skipped, best.executions_omitted)
        });
        let executions = best.map(|best| std::mem::take(&mut best.executions));
        let executions = executions.unwrap_or_default().into_iter();
        Self {
            ticks,
            gaps: read.gaps,
            skipped,
            from: read.from,
            to: read.to,
            log: read.log,
            equity,
            prices,
            trades: executions.map(TradeResult::from).collect(),
            trades_omitted,
            runs: runs.into_iter().map(RunResult::from).collect(),
        }
    }
}

impl From<(BTreeMap<String, String>, Outcome)> for RunResult {
    fn from((parameters, outcome): (BTreeMap<String, String>, Outcome)) -> Self {
        Self {
            parameters,
            evaluations: outcome.evaluations,
            undefined_values: outcome.undefined_values,
            signals: outcome.signals,
            fills: outcome.fills,
            rejected: outcome.rejected,
            wins: outcome.wins,
            losses: outcome.losses,
            fees: outcome.fees,
            max_drawdown: outcome.max_drawdown,
            max_drawdown_pct: outcome.max_drawdown_pct,
            final_equity: outcome.final_equity,
            return_pct: outcome.return_pct,
            ledger_sha256: outcome.ledger_sha256,
        }
    }
}

impl From<Execution> for TradeResult {
    fn from(execution: Execution) -> Self {
        Self {
            order_id: execution.order_id(),
            sequence: execution.sequence,
            timestamp: execution.time,
            status: execution.status.as_str(),
            action: execution.action.as_str(),
            quantity: execution.quantity,
            price: execution.price,
            fee: execution.fee,
            slippage: execution.slippage,
            realized_pnl: execution.realized_pnl,
            cash: execution.cash,
            position: execution.position,
            reason: execution.reason,
        }
    }
}
