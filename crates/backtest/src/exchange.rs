//! The paper exchange, as a backtest uses it: all that is known of its interface is here.

use chrono::{DateTime, Utc};
use paper_exchange::{
    Account, Disposition, EquityPoint, Execution, LedgerError, MarketTrade, Origin, Output,
    SessionTerms,
};
use rust_decimal::Decimal;
use strategy_engine::{Holding, Signal, Tick};
use uuid::Uuid;

use crate::holding::Openings;
use crate::order::order;
use crate::run::{BacktestError, Terms};

/// A session's account without a session.
#[derive(Debug)]
pub(crate) struct Exchange {
    account: Account,
    openings: Openings,
    outputs: Vec<Output>,
    orders: u64,
}

/// What an account came to.
#[derive(Debug)]
pub(crate) struct Figures {
    pub equity: Decimal,
    pub return_pct: Decimal,
    pub fees: Decimal,
    pub max_drawdown: Decimal,
    pub max_drawdown_pct: Decimal,
    pub wins: u64,
    pub losses: u64,
}

/// Why a trade wasn't applied.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its price can't be traded on.
    Price,
    /// The books don't balance any more.
    Ledger(LedgerError),
}

impl Exchange {
    pub(crate) fn new(terms: &Terms) -> Result<Self, BacktestError> {
        let terms = SessionTerms::new(terms.initial_balance, terms.fee_rate).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            BacktestError::Terms(all.join("; "))
        })?;
        Ok(Self {
            account: Account::new(terms),
            openings: Openings::default(),
            outputs: Vec::new(),
            orders: 0,
        })
    }

    pub(crate) fn start(&mut self, time: DateTime<Utc>) {
        self.account.start(time, &mut self.outputs);
    }

    pub(crate) fn on_trade(&mut self, tick: &Tick) -> Result<(), Refused> {
        let trade = MarketTrade {
            price: tick.price,
            volume: tick.volume,
            time: tick.time,
        };
        let told = self.outputs.len();
        let applied = self.account.on_trade(&trade, &mut self.outputs);
        // Nothing is filled but by a trade.
        self.openings.note(&self.outputs[told..]);
        applied.map_err(|error| match error {
            LedgerError::InvalidTrade { .. } => Refused::Price,
            other => Refused::Ledger(other),
        })
    }

    /// Trades of the market are missing here.
    pub(crate) fn on_gap(&mut self, time: DateTime<Utc>) {
        self.account.on_gap(time, &mut self.outputs);
    }

    /// Orders of the strategy are refused from here on.
    pub(crate) fn pause(&mut self, time: DateTime<Utc>) {
        self.account.pause(time, &mut self.outputs);
    }

    /// Whether anything is held.
    pub(crate) fn holds(&self) -> bool {
        !self.account.position().is_zero()
    }

    /// What the strategy can know of it.
    pub(crate) fn holding(&self) -> Holding {
        self.openings.holding(&self.account)
    }

    pub(crate) fn on_signal(&mut self, signal: Signal, time: DateTime<Utc>) {
        self.orders += 1;
        // A forward test's ids come from the log; here the order's number is enough.
        let id = Uuid::from_u128(u128::from(self.orders));
        let (request, terms) = order(signal, id, time);
        // Rejected ones are among the outputs, and the account runs until the end.
        let _: Disposition =
            self.account
                .on_order(request, terms, Origin::Strategy, &mut self.outputs);
    }

    pub(crate) fn stop(&mut self, time: DateTime<Utc>) {
        self.account.stop(time, &mut self.outputs);
    }

    /// What has happened since the last call.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Happened)) {
        for output in self.outputs.drain(..) {
            match output {
                Output::Execution(execution) => each(Happened::Execution(execution)),
                Output::Equity(point) | Output::Stopped(point) => each(Happened::Equity(point)),
                _ => {}
            }
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let metrics = self.account.metrics();
        Figures {
            equity: self.account.equity(),
            return_pct: self.account.return_pct(),
            fees: self.account.fees(),
            max_drawdown: metrics.max_drawdown,
            max_drawdown_pct: metrics.max_drawdown_pct,
            wins: metrics.wins,
            losses: metrics.losses,
        }
    }
}

/// An output that a result shows.
#[derive(Debug)]
pub(crate) enum Happened {
    Execution(Execution),
    Equity(EquityPoint),
}
