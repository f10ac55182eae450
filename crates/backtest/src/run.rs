//! A strategy over trades, one after the other.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use paper_exchange::{Execution, ExecutionStatus, LedgerHasher};
use rust_decimal::Decimal;
use serde::Serialize;
use strategy_engine::{Evaluator, Plan, Tick, Timeframe};

use crate::exchange::{Exchange, Happened, Refused};
use crate::thin::Thin;

/// On what terms a strategy is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// When the plan is evaluated.
    pub timeframe: Timeframe,
    /// Cash to begin with, in the quote currency.
    pub initial_balance: Decimal,
    /// Fee as a fraction of a fill's notional.
    pub fee_rate: Decimal,
}

impl Default for Terms {
    /// On ticks, with 100,000 and a fee of 0.1 %.
    fn default() -> Self {
        Self {
            timeframe: Timeframe::Tick,
            initial_balance: Decimal::from(100_000),
            fee_rate: Decimal::new(1, 3),
        }
    }
}

/// Why a backtest can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BacktestError {
    /// The terms are refused, each with the field and what to do.
    #[error("{0}")]
    Terms(String),
    /// The books of the account don't balance any more.
    #[error("the ledger check failed: {0}")]
    Ledger(String),
}

/// A figure at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Event time.
    pub time: DateTime<Utc>,
    /// In the quote currency.
    pub value: Decimal,
}

/// What came of a backtest. Amounts are in the quote currency.
#[derive(Debug, Clone)]
pub struct Result {
    /// Trades of the market.
    pub ticks: u64,
    /// Trades that were skipped, because their price can't be traded on.
    pub skipped: u64,
    /// How often the plan was evaluated.
    pub evaluations: u64,
    /// Calculations without a value, such as divisions by zero.
    pub undefined_values: u64,
    /// Orders that the strategy asked for.
    pub signals: u64,
    /// Orders that were filled.
    pub fills: u64,
    /// Orders that were rejected.
    pub rejected: u64,
    /// Every order, in order.
    pub executions: Vec<Execution>,
    /// Equity after each fill and at the first trade of each minute.
    pub equity: Vec<Point>,
    /// The price, thinned out to what a picture can show.
    pub prices: Vec<Point>,
    /// Equity at the end.
    pub final_equity: Decimal,
    /// Gain in percent of the initial balance.
    pub return_pct: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// The largest fall from a peak of the equity.
    pub max_drawdown: Decimal,
    /// The same in percent of that peak.
    pub max_drawdown_pct: Decimal,
    /// Sales with a gain.
    pub wins: u64,
    /// Sales with a loss.
    pub losses: u64,
    /// Fingerprint of the ledger: that of a forward test on the same trades.
    pub ledger_sha256: String,
}

/// A strategy that is being tried.
#[derive(Debug)]
pub struct Backtest {
    evaluator: Evaluator,
    exchange: Exchange,
    last: Option<DateTime<Utc>>,
    ticks: u64,
    skipped: u64,
    signals: u64,
    executions: Vec<Execution>,
    equity: Vec<Point>,
    prices: Thin,
    hasher: LedgerHasher,
}

impl Backtest {
    /// Begins.
    ///
    /// # Errors
    /// [`BacktestError::Terms`].
    pub fn new(plan: &Arc<Plan>, terms: &Terms) -> std::result::Result<Self, BacktestError> {
        Ok(Self {
            evaluator: plan.start(terms.timeframe),
            exchange: Exchange::new(terms)?,
            last: None,
            ticks: 0,
            skipped: 0,
            signals: 0,
            executions: Vec::new(),
            equity: Vec::new(),
            prices: Thin::default(),
            hasher: LedgerHasher::new(),
        })
    }

    /// Applies the next trade of the market: first to the orders that wait, then to the strategy.
    ///
    /// # Errors
    /// [`BacktestError::Ledger`], which is a bug.
    pub fn on_tick(&mut self, tick: &Tick) -> std::result::Result<(), BacktestError> {
        if self.last.is_none() {
            self.exchange.start(tick.time);
        }
        self.last = Some(tick.time);
        self.ticks += 1;
        self.prices.push(tick.time, tick.price);
        match self.exchange.on_trade(tick) {
            Ok(()) => {}
            Err(Refused::Price) => self.skipped += 1,
            Err(Refused::Ledger(error)) => return Err(BacktestError::Ledger(error.to_string())),
        }
        for signal in self.evaluator.on_tick(tick) {
            self.signals += 1;
            self.exchange.on_signal(signal, tick.time);
        }
        self.collect();
        Ok(())
    }

    fn collect(&mut self) {
        let Self {
            exchange,
            executions,
            equity,
            hasher,
            ..
        } = self;
        exchange.drain(|happened| match happened {
            Happened::Execution(execution) => {
                hasher.push(&execution);
                executions.push(execution);
            }
            Happened::Equity(point) => equity.push(Point {
                time: point.time,
                value: point.equity,
            }),
        });
    }

    /// Ends it.
    pub fn finish(mut self) -> Result {
        if let Some(last) = self.last {
            self.exchange.stop(last);
            self.collect();
        }
        let figures = self.exchange.figures();
        let is_filled = |execution: &&Execution| execution.status == ExecutionStatus::Filled;
        let fills = self.executions.iter().filter(is_filled).count() as u64;
        Result {
            ticks: self.ticks,
            skipped: self.skipped,
            evaluations: self.evaluator.evaluations(),
            undefined_values: self.evaluator.undefined_values(),
            signals: self.signals,
            fills,
            rejected: self.executions.len() as u64 - fills,
            executions: self.executions,
            equity: self.equity,
            prices: self.prices.points(),
            final_equity: figures.equity,
            return_pct: figures.return_pct,
            fees: figures.fees,
            max_drawdown: figures.max_drawdown,
            max_drawdown_pct: figures.max_drawdown_pct,
            wins: figures.wins,
            losses: figures.losses,
            ledger_sha256: self.hasher.finish(),
        }
    }
}
