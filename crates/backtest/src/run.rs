//! A strategy over trades, one after the other.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use paper_exchange::{Execution, ExecutionStatus, LedgerHasher};
use rust_decimal::Decimal;
use serde::Serialize;
use strategy_engine::{Evaluator, OnGap, Plan, Tick, Timeframe};

use crate::candle::Candle;
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
    /// A strategy can't be evaluated more often than a candle ends, nor within one.
    #[error(
        "timeframe: a strategy on {timeframe} can't be tried on candles of {interval} s; \
         choose a timeframe that is one candle or several whole ones"
    )]
    Timeframe {
        /// When the strategy is evaluated.
        timeframe: Timeframe,
        /// The candles' length in seconds.
        interval: NonZeroU32,
    },
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
    /// Trades of the market, or candles.
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
    /// Every order, in order, as far as they were to be [kept](Backtest::keeping).
    pub executions: Vec<Execution>,
    /// Orders beyond those that were kept; they count in every other figure.
    pub executions_omitted: u64,
    /// Equity after each fill and at the first trade of each minute, thinned out to what a picture
    /// can show.
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
    /// Executions that are kept, at most.
    most: usize,
    fills: u64,
    rejected: u64,
    equity: Thin,
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
            most: usize::MAX,
            fills: 0,
            rejected: 0,
            equity: Thin::default(),
            prices: Thin::default(),
            hasher: LedgerHasher::new(),
        })
    }

    /// Keeps the first `most` executions only, which bounds its memory whatever the strategy does.
    #[must_use]
    pub fn keeping(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Applies the next trade of the market: first to the orders that wait, then to the strategy.
    ///
    /// # Errors
    /// [`BacktestError::Ledger`], which is a bug.
    pub fn on_tick(&mut self, tick: &Tick) -> std::result::Result<(), BacktestError> {
        self.begin(tick.time);
        self.prices.push(tick.time, tick.price);
        self.meet(tick)?;
        self.evaluate(tick, tick.time);
        self.collect();
        Ok(())
    }

    /// Trades of the market are missing here: the exchange and the strategy take it as in a session,
    /// where a pause has nobody who ends it.
    pub fn on_gap(&mut self, time: DateTime<Utc>) {
        if self.last.is_some() {
            self.exchange.on_gap(time);
            if self.evaluator.on_gap() == OnGap::Pause {
                self.exchange.pause(time);
            }
            self.collect();
        }
    }

    /// Counts the next trade or candle.
    fn begin(&mut self, time: DateTime<Utc>) {
        if self.last.is_none() {
            self.exchange.start(time);
        }
        self.last = Some(time);
        self.ticks += 1;
    }

    /// The orders that wait meet a trade.
    fn meet(&mut self, tick: &Tick) -> std::result::Result<(), BacktestError> {
        match self.exchange.on_trade(tick) {
            Ok(()) => Ok(()),
            Err(Refused::Price) => {
                self.skipped += 1;
                Ok(())
            }
            Err(Refused::Ledger(error)) => Err(BacktestError::Ledger(error.to_string())),
        }
    }

    /// The strategy sees a trade; its orders are given at `time`.
    fn evaluate(&mut self, tick: &Tick, time: DateTime<Utc>) {
        let signals = match self.evaluator.plan().reads_position() {
            true => {
                let holding = self.exchange.holding();
                self.evaluator.on_tick_holding(tick, &holding)
            }
            false => self.evaluator.on_tick(tick),
        };
        for signal in signals {
            self.signals += 1;
            self.exchange.on_signal(signal, time);
        }
    }

    /// Applies the next candle of `interval`. The strategy first: it has seen the candles before
    /// this one, and its orders meet this one's open. Then the orders meet the trades that the
    /// candle is taken for, in the order that is worse for them.
    pub(crate) fn on_candle(
        &mut self,
        candle: &Candle,
        interval: NonZeroU32,
    ) -> std::result::Result<(), BacktestError> {
        // As late as can be and still before anything of this candle is known.
        let given = self.last.unwrap_or(candle.time);
        self.begin(candle.time);
        for tick in candle.seen() {
            self.prices.push(tick.time, tick.price);
            // A bar is closed by what comes after it: only the open can have the plan evaluated.
            self.evaluate(&tick, given);
        }
        let mut path = candle.path(interval);
        self.meet(&path.open)?;
        self.meet(&path.open)?;
        path.decide(self.exchange.holds());
        for tick in path.rest() {
            self.meet(tick)?;
            self.last = Some(tick.time);
        }
        self.collect();
        Ok(())
    }

    fn collect(&mut self) {
        let Self {
            exchange,
            executions,
            most,
            fills,
            rejected,
            equity,
            hasher,
            ..
        } = self;
        exchange.drain(|happened| match happened {
            Happened::Execution(execution) => {
                hasher.push(&execution);
                match execution.status {
                    ExecutionStatus::Filled => *fills += 1,
                    _ => *rejected += 1,
                }
                if executions.len() < *most {
                    executions.push(execution);
                }
            }
            Happened::Equity(point) => equity.push(point.time, point.equity),
        });
    }

    /// Ends it.
    pub fn finish(mut self) -> Result {
        if let Some(last) = self.last {
            self.exchange.stop(last);
            self.collect();
        }
        let figures = self.exchange.figures();
        Result {
            ticks: self.ticks,
            skipped: self.skipped,
            evaluations: self.evaluator.evaluations(),
            undefined_values: self.evaluator.undefined_values(),
            signals: self.signals,
            fills: self.fills,
            rejected: self.rejected,
            executions_omitted: self.fills + self.rejected - self.executions.len() as u64,
            executions: self.executions,
            equity: self.equity.points(),
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
