//! One session's account: the state machine that turns trades and signals into outputs.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::LedgerError;
use crate::exact::{percentage, round8, sub};
use crate::fill::{Outcome, fill};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::order::{Action, Disposition, OrderRequest};
use crate::output::{EquityPoint, Execution, ExecutionStatus, Marker, Output};
use crate::reject::Reject;
use crate::terms::SessionTerms;
use crate::trade::MarketTrade;

/// Raised whenever a field of the snapshot changes its meaning.
const SNAPSHOT_VERSION: u32 = 1;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SessionState {
    /// Not started.
    Created,
    /// Trading.
    Running,
    /// Ended as asked.
    Stopped,
    /// Ended by an error.
    Failed,
}

/// How many of what the session has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Trades of the market.
    pub trades: u64,
    /// Signals that asked for an order.
    pub signals: u64,
    /// Orders filled.
    pub fills: u64,
    /// Orders rejected.
    pub rejected: u64,
}

/// The whole state of a session. Serialised it is a snapshot: restored anywhere, it goes on with
/// the same outputs. See the crate's front page for the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    #[serde(deserialize_with = "readable_version")]
    version: u32,
    terms: SessionTerms,
    state: SessionState,
    /// Of the last output.
    sequence: u64,
    ledger: Ledger,
    /// Oldest first; at most `MAX_PENDING_ORDERS`.
    pending: VecDeque<OrderRequest>,
    /// 0 before the first trade.
    #[serde(with = "rust_decimal::serde::str")]
    last_price: Decimal,
    /// At `last_price`. Kept so that stopping can't fail.
    #[serde(with = "rust_decimal::serde::str")]
    equity: Decimal,
    /// Latest minute (since 1970) of any trade.
    last_minute: Option<i64>,
    counts: Counts,
    metrics: Metrics,
}

fn readable_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == SNAPSHOT_VERSION {
        return Ok(version);
    }
    Err(serde::de::Error::custom(format!(
        "snapshot version {version} can't be read by this build, which reads {SNAPSHOT_VERSION}: \
         replay the session from its start"
    )))
}

impl Account {
    /// An account that hasn't started.
    pub fn new(terms: SessionTerms) -> Self {
        let initial_balance = terms.initial_balance();
        Self {
            version: SNAPSHOT_VERSION,
            terms,
            state: SessionState::Created,
            sequence: 0,
            ledger: Ledger::new(initial_balance),
            pending: VecDeque::new(),
            last_price: Decimal::ZERO,
            equity: initial_balance,
            last_minute: None,
            counts: Counts::default(),
            metrics: Metrics::new(initial_balance),
        }
    }

    /// Starts the session; does nothing if it was started before.
    pub fn start(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.state == SessionState::Created {
            self.state = SessionState::Running;
            out.push(Output::Started(self.marker(time)));
        }
    }

    /// Applies a trade of the market: pending orders meet it, and equity is noted where the rules
    /// say so. Does nothing if the session isn't running.
    ///
    /// # Errors
    /// See [`LedgerError`] for what each asks of the caller. Outputs in `out` stay valid.
    pub fn on_trade(
        &mut self,
        trade: &MarketTrade,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        if self.state != SessionState::Running {
            return Ok(());
        }
        let price = trade.checked_price()?;
        let Some(equity) = self.ledger.equity(price) else {
            let (position, cash) = (self.ledger.position, self.ledger.cash);
            return Err(LedgerError::NotExact {
                price,
                position,
                cash,
            });
        };
        self.last_price = price;
        self.equity = equity;
        self.counts.trades += 1;
        let new_minute = self.last_minute.is_none_or(|last| trade.minute() > last);
        if new_minute {
            self.last_minute = Some(trade.minute());
        }
        let fills_before = self.counts.fills;
        while let Some(order) = self.pending.pop_front() {
            self.meet(order, trade.time, out)?;
        }
        if new_minute && self.counts.fills == fills_before {
            let point = self.equity_point(trade.time);
            out.push(Output::Equity(point));
        }
        Ok(())
    }

    /// Takes an order, which then waits for the next trade, or rejects it at once.
    pub fn on_signal(&mut self, order: OrderRequest, out: &mut Vec<Output>) -> Disposition {
        if self.state != SessionState::Running {
            return Disposition::NotRunning;
        }
        self.counts.signals += 1;
        let order = order.normalized();
        match order.check(self.pending.len()) {
            Ok(()) => {
                self.pending.push_back(order);
                Disposition::Accepted
            }
            Err(why) => {
                let (quantity, time) = (order.units_as_asked(), order.time);
                self.reject(order, quantity, time, &why, out);
                Disposition::Rejected
            }
        }
    }

    /// Stops the session: orders still waiting are rejected, and the final equity is noted. Does
    /// nothing if the session isn't running.
    pub fn stop(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.end(SessionState::Stopped, time, out) {
            let point = self.equity_point(time);
            out.push(Output::Stopped(point));
        }
    }

    /// Ends the session after an error, like [`Account::stop`] but with a marker instead of equity,
    /// which may have no value any more.
    pub fn fail(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.end(SessionState::Failed, time, out) {
            out.push(Output::Failed(self.marker(time)));
        }
    }

    fn end(&mut self, state: SessionState, time: DateTime<Utc>, out: &mut Vec<Output>) -> bool {
        if self.state != SessionState::Running {
            return false;
        }
        self.state = state;
        while let Some(order) = self.pending.pop_front() {
            let quantity = order.units_as_asked();
            self.reject(order, quantity, time, &Reject::SessionStopped, out);
        }
        true
    }

    /// Fills or rejects one order at the last price.
    fn meet(
        &mut self,
        order: OrderRequest,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        match fill(&order, &self.ledger, self.terms.fee_rate(), self.last_price)? {
            Outcome::Rejected { quantity, why } => self.reject(order, quantity, time, &why, out),
            Outcome::Filled {
                quantity,
                settlement,
            } => {
                self.ledger = settlement.ledger;
                self.equity = settlement.equity;
                self.counts.fills += 1;
                if order.action == Action::Sell {
                    self.metrics.observe_sale(settlement.realized_pnl);
                }
                let mut execution = self.execution(ExecutionStatus::Filled, order, quantity, time);
                execution.fee = settlement.fee.normalize();
                execution.realized_pnl = settlement.realized_pnl.normalize();
                out.push(Output::Execution(execution));
                let point = self.equity_point(time);
                out.push(Output::Equity(point));
            }
        }
        Ok(())
    }

    fn reject(
        &mut self,
        order: OrderRequest,
        quantity: Decimal,
        time: DateTime<Utc>,
        why: &Reject,
        out: &mut Vec<Output>,
    ) {
        self.counts.rejected += 1;
        let mut execution = self.execution(ExecutionStatus::Rejected, order, quantity, time);
        execution.reason = why.to_string();
        out.push(Output::Execution(execution));
    }

    /// An execution that states the ledger as it is now, without fee and realised PnL.
    fn execution(
        &mut self,
        status: ExecutionStatus,
        order: OrderRequest,
        quantity: Decimal,
        time: DateTime<Utc>,
    ) -> Execution {
        Execution {
            sequence: self.next_sequence(),
            ordinal: 0,
            status,
            action: order.action,
            quantity: quantity.normalize(),
            price: self.last_price,
            fee: Decimal::ZERO,
            slippage: Decimal::ZERO,
            realized_pnl: Decimal::ZERO,
            cash: self.ledger.cash.normalize(),
            position: self.ledger.position.normalize(),
            reason: order.reason,
            time,
            signal_id: order.signal_id,
        }
    }

    fn equity_point(&mut self, time: DateTime<Utc>) -> EquityPoint {
        self.metrics.observe_equity(self.equity);
        EquityPoint {
            sequence: self.next_sequence(),
            time,
            price: self.last_price,
            cash: self.ledger.cash.normalize(),
            position: self.ledger.position.normalize(),
            equity: self.equity.normalize(),
        }
    }

    fn marker(&mut self, time: DateTime<Utc>) -> Marker {
        Marker {
            sequence: self.next_sequence(),
            time,
        }
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// What can be read of an account. Amounts in the quote currency, without trailing zeros.
impl Account {
    /// The terms that it runs with.
    pub fn terms(&self) -> &SessionTerms {
        &self.terms
    }

    /// Where it is in its life.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Sequence number of the last output; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Cash.
    pub fn cash(&self) -> Decimal {
        self.ledger.cash.normalize()
    }

    /// Units held.
    pub fn position(&self) -> Decimal {
        self.ledger.position.normalize()
    }

    /// What the units held were bought for, fees excluded.
    pub fn cost_basis(&self) -> Decimal {
        self.ledger.cost_basis.normalize()
    }

    /// Cost basis of one unit to 8 decimals, for display; `None` without a position.
    pub fn average_cost(&self) -> Option<Decimal> {
        let average = self.ledger.cost_basis.checked_div(self.ledger.position)?;
        Some(round8(average).normalize())
    }

    /// Realised over all fills, fees included.
    pub fn realized_pnl(&self) -> Decimal {
        self.ledger.realized_pnl.normalize()
    }

    /// What the position is worth beyond its cost at the last price; `None` if that number has more
    /// digits than `Decimal` holds (the equity, which it is a part of, may have fewer).
    pub fn unrealized_pnl(&self) -> Option<Decimal> {
        let pnl = self.ledger.unrealized_pnl(self.last_price)?;
        Some(pnl.normalize())
    }

    /// Fees paid.
    pub fn fees(&self) -> Decimal {
        self.ledger.fees.normalize()
    }

    /// Cash + position at the last price.
    pub fn equity(&self) -> Decimal {
        self.equity.normalize()
    }

    /// Price of the last trade; `None` before the first.
    pub fn last_price(&self) -> Option<Decimal> {
        (!self.last_price.is_zero()).then_some(self.last_price)
    }

    /// Orders that wait for a trade, oldest first.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &OrderRequest> {
        self.pending.iter()
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Drawdown, wins and losses.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Change of the equity since the start in percent of the initial balance, to 8 decimals.
    pub fn return_pct(&self) -> Decimal {
        let initial = self.terms.initial_balance();
        sub(self.equity, initial).map_or(Decimal::MAX, |gain| percentage(gain, initial))
    }

    /// Checks that realised and unrealised PnL explain the equity; for use after a restore.
    ///
    /// # Errors
    /// [`LedgerError::Unexplained`]: the snapshot was damaged, replay the session instead.
    pub fn audit(&self) -> Result<(), LedgerError> {
        self.ledger
            .audit(self.terms.initial_balance(), self.last_price)
    }
}
