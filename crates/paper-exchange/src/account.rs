//! One session's account: the state machine that turns trades and signals into outputs.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::LedgerError;
use crate::exact::{normalized, percentage, round8, sub};
use crate::figures::Figures;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::open::OpenOrder;
use crate::order::OrderRequest;
use crate::output::{EquityPoint, Execution, ExecutionStatus, Marker, Output};
use crate::quiet::Quiet;
use crate::reject::Reject;
use crate::risk::RiskState;
use crate::terms::SessionTerms;
use crate::trade::{MarketTrade, Quote};

/// Raised whenever the snapshot changes.
const SNAPSHOT_VERSION: u32 = 2;
/// Version 1 had plain market orders only: everything that is new has a default, except what the
/// metrics would have had to see from the start.
const OLDEST_READABLE: u32 = 1;

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
    /// Fills.
    pub fills: u64,
    /// Orders rejected.
    pub rejected: u64,
    /// Orders that ended unfilled, or filled in part: cancelled or expired.
    #[serde(default)]
    pub cancelled: u64,
}

/// The whole state of a session. Serialised it is a snapshot: restored anywhere, it goes on with
/// the same outputs. See the crate's front page for the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    #[serde(deserialize_with = "readable_version")]
    version: u32,
    pub(crate) terms: SessionTerms,
    pub(crate) state: SessionState,
    /// Of the last output.
    sequence: u64,
    pub(crate) ledger: Ledger,
    /// Oldest first. New ones are taken up to `MAX_PENDING_ORDERS`; the exits of those that fill
    /// come on top.
    pub(crate) pending: Vec<OpenOrder>,
    /// 0 before the first trade.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) last_price: Decimal,
    /// At `last_price`. Kept so that stopping can't fail.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) equity: Decimal,
    /// Latest minute (since 1970) of any trade.
    last_minute: Option<i64>,
    pub(crate) counts: Counts,
    pub(crate) metrics: Metrics,
    #[serde(default)]
    pub(crate) risk: RiskState,
    #[serde(default)]
    pub(crate) paused: bool,
    /// It stops when no order is open any more.
    #[serde(default)]
    pub(crate) closing: bool,
    /// Where no trade concerns any of `pending`.
    #[serde(skip)]
    pub(crate) quiet: Quiet,
}

fn readable_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if (OLDEST_READABLE..=SNAPSHOT_VERSION).contains(&version) {
        return Ok(SNAPSHOT_VERSION);
    }
    Err(serde::de::Error::custom(format!(
        "snapshot version {version} can't be read by this build, which reads {OLDEST_READABLE} to \
         {SNAPSHOT_VERSION}: replay the session from its start"
    )))
}

impl Account {
    /// An account that hasn't started.
    pub fn new(terms: SessionTerms) -> Self {
        let initial_balance = terms.initial_balance();
        let ledger = Ledger::new(initial_balance, terms.cost_method());
        Self {
            version: SNAPSHOT_VERSION,
            terms,
            state: SessionState::Created,
            sequence: 0,
            ledger,
            pending: Vec::new(),
            last_price: Decimal::ZERO,
            equity: initial_balance,
            last_minute: None,
            counts: Counts::default(),
            metrics: Metrics::new(initial_balance),
            risk: RiskState::default(),
            paused: false,
            closing: false,
            quiet: Quiet::default(),
        }
    }

    /// Starts the session; does nothing if it was started before.
    pub fn start(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.state == SessionState::Created {
            self.state = SessionState::Running;
            out.push(Output::Started(self.marker(time)));
        }
    }

    /// Applies a trade of the market that came without bid and ask; see
    /// [`Account::on_quoted_trade`].
    ///
    /// # Errors
    /// See [`LedgerError`] for what each asks of the caller. Outputs in `out` stay valid.
    pub fn on_trade(
        &mut self,
        trade: &MarketTrade,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        self.on_quoted_trade(trade, None, out)
    }

    /// Applies a trade of the market: open orders meet it, and equity is noted where the rules say
    /// so. Does nothing if the session isn't running.
    ///
    /// # Errors
    /// See [`LedgerError`] for what each asks of the caller. Outputs in `out` stay valid.
    pub fn on_quoted_trade(
        &mut self,
        trade: &MarketTrade,
        quote: Option<&Quote>,
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
        let minute = trade.minute();
        let new_minute = self.last_minute.is_none_or(|last| minute > last);
        let holds = !self.ledger.position.is_zero();
        self.metrics.observe_trade(trade.time, price, holds);
        if new_minute {
            let passed = self.last_minute.map(|last| minute.saturating_sub(last));
            self.metrics.close_minutes(passed, self.equity);
            self.last_minute = Some(minute);
        }
        let before = std::mem::replace(&mut self.equity, equity);
        self.last_price = price;
        self.counts.trades += 1;
        if self.terms.risk().watches_equity() {
            self.watch_losses(trade.time, before, out);
        }
        let fills_before = self.counts.fills;
        if !self.pending.is_empty() && !self.quiet.holds(price) {
            self.meet_all(trade, quote, out)?;
        }
        if new_minute && self.counts.fills == fills_before {
            let point = self.equity_point(trade.time);
            out.push(Output::Equity(point));
        }
        self.stop_if_closed(trade.time, out);
        Ok(())
    }

    pub(crate) fn refuse(
        &mut self,
        order: &OpenOrder,
        quantity: Decimal,
        time: DateTime<Utc>,
        why: &Reject,
        out: &mut Vec<Output>,
    ) {
        self.counts.rejected += 1;
        let sequence = self.next_sequence();
        let rejected = ExecutionStatus::Rejected;
        let mut execution = self.execution(sequence, rejected, order, quantity, time);
        execution.reason = why.to_string();
        out.push(Output::Execution(execution));
    }

    /// An execution that states the ledger as it is now, without fee and realised PnL.
    pub(crate) fn execution(
        &self,
        sequence: u64,
        status: ExecutionStatus,
        order: &OpenOrder,
        quantity: Decimal,
        time: DateTime<Utc>,
    ) -> Execution {
        Execution {
            sequence,
            ordinal: order.progress.executions,
            status,
            action: order.request.action,
            quantity: normalized(quantity),
            price: self.last_price,
            fee: Decimal::ZERO,
            slippage: Decimal::ZERO,
            realized_pnl: Decimal::ZERO,
            cash: normalized(self.ledger.cash),
            position: normalized(self.ledger.position),
            reason: order.request.reason.clone(),
            time,
            signal_id: order.request.signal_id,
            leg: order.progress.leg,
            kind: order.terms.kind,
            liquidity: None,
            remaining: Decimal::ZERO,
        }
    }

    pub(crate) fn equity_point(&mut self, time: DateTime<Utc>) -> EquityPoint {
        self.metrics.observe_equity(time, self.equity);
        EquityPoint {
            sequence: self.next_sequence(),
            time,
            price: self.last_price,
            cash: normalized(self.ledger.cash),
            position: normalized(self.ledger.position),
            equity: normalized(self.equity),
        }
    }

    pub(crate) fn marker(&mut self, time: DateTime<Utc>) -> Marker {
        Marker {
            sequence: self.next_sequence(),
            time,
        }
    }

    pub(crate) fn next_sequence(&mut self) -> u64 {
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

    /// What was asked for by the orders that wait for the market, oldest first.
    pub fn pending(&self) -> impl ExactSizeIterator<Item = &OrderRequest> {
        self.pending.iter().map(OpenOrder::request)
    }

    /// Orders that wait for the market, oldest first.
    pub fn open_orders(&self) -> &[OpenOrder] {
        &self.pending
    }

    /// Whether the strategy's orders are rejected because a user wants it so.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether every order is rejected because a risk limit was hit.
    pub fn is_halted(&self) -> bool {
        self.risk.blocked().is_some_and(|blocked| blocked.halted)
    }

    /// The session in figures.
    pub fn figures(&self) -> Figures {
        Figures::of(self)
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
