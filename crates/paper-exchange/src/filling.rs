//! A fill: its price and size, its settlement, and the end of an order that can't be filled.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::account::Account;
use crate::check;
use crate::error::LedgerError;
use crate::exact::{MONEY_SCALE, add, from_units, mul, normalized, sub};
use crate::fill::Fill;
use crate::open::Phase;
use crate::order::Action;
use crate::output::{ExecutionStatus, Liquidity, OrderStatus, Output};
use crate::price::{self, Tick, is_worse};
use crate::reject::Reject;
use crate::sizing::quantity_at;

/// A fill at the market as it is worked out.
pub(crate) struct Taken {
    pub(crate) price: Decimal,
    /// Units that the order is still for.
    pub(crate) remaining: Decimal,
    /// Units of them that fill now.
    pub(crate) quantity: Decimal,
}

impl Account {
    /// Price, size in all and size now of an order at the market's price; nothing for a limit order
    /// that slippage would take beyond its limit. A refusal comes with the size, if it was known.
    pub(crate) fn price_and_size(
        &self,
        index: usize,
        base: Decimal,
        tick: &Tick,
    ) -> Result<Option<Taken>, (Option<Decimal>, Reject)> {
        let order = &self.pending[index];
        let action = order.request.action;
        let fee_rate = self.terms.fees().taker;
        let unknown = |why| (None, why);
        let size_at = |price: Decimal| {
            if let Some(remaining) = order.remaining() {
                return Ok(remaining);
            }
            let means = self.means(price, fee_rate, Some(index));
            let means = means.ok_or(unknown(Reject::PrecisionExceeded { price }))?;
            quantity_at(&order.request, &order.terms, &means).map_err(unknown)
        };
        let left = tick.left().and_then(|steps| from_units(steps, MONEY_SCALE));
        let now = |remaining: Decimal| left.map_or(remaining, |left| remaining.min(left));
        let slippage = self.terms.market().slippage;
        let first = size_at(base)?;
        let price = price::slipped(action, base, now(first), &slippage, tick).map_err(unknown)?;
        if let Some(limit) = order.terms.kind.limit()
            && is_worse(action, price, limit)
        {
            return Ok(None);
        }
        let remaining = match price == base {
            true => first,
            false => size_at(price)?,
        };
        if order.progress.ordered.is_none() {
            check::size(remaining, price, &self.terms).map_err(|why| (Some(remaining), why))?;
        }
        let remaining = match order.terms.reduce_only {
            true => remaining.min(self.ledger.position),
            false => remaining,
        };
        Ok(Some(Taken {
            price,
            remaining,
            quantity: now(remaining),
        }))
    }

    /// Applies one fill, or gives the order up where the ledger can't take it.
    #[allow(clippy::too_many_arguments)] // a fill has that many sides; a struct would be used once
    pub(crate) fn fill(
        &mut self,
        index: usize,
        quantity: Decimal,
        price: Decimal,
        base: Decimal,
        liquidity: Liquidity,
        tick: &mut Tick,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let time = tick.time;
        let quantity = normalized(quantity);
        let action = self.pending[index].request.action;
        let fees = self.terms.fees();
        let beyond = match action {
            Action::Buy => sub(price, base),
            Action::Sell => sub(base, price),
        };
        let inexact = Reject::PrecisionExceeded { price };
        let figures = beyond
            .and_then(|beyond| mul(beyond, quantity))
            .zip(self.available_cash(Some(index)));
        let Some((slippage, available)) = figures else {
            self.give_up(index, Some(quantity), time, &inexact, out);
            return Ok(());
        };
        if let Err(why) = self.within_position_limit(action, quantity, price) {
            self.give_up(index, Some(quantity), time, &why, out);
            return Ok(());
        }
        let fill = Fill {
            action,
            quantity,
            price,
            fee_rate: match liquidity {
                Liquidity::Maker => fees.maker,
                Liquidity::Taker => fees.taker,
            },
            available,
            last_price: self.last_price,
        };
        let settlement = match fill.settle(&self.ledger)? {
            Ok(settlement) => settlement,
            Err(why) => {
                self.give_up(index, Some(quantity), time, &why, out);
                return Ok(());
            }
        };
        tick.use_up(quantity);
        self.ledger = settlement.ledger;
        self.equity = settlement.equity;
        self.counts.fills += 1;
        if action == Action::Sell {
            self.metrics.observe_sale(settlement.realized_pnl);
        }
        self.metrics.observe_fill(quantity, price, slippage);
        let order = &mut self.pending[index];
        order.progress.filled = add(order.progress.filled, quantity).unwrap_or(quantity);
        let remaining = order.remaining().unwrap_or_default();
        let sequence = self.next_sequence();
        let order = &self.pending[index];
        let filled = ExecutionStatus::Filled;
        let mut execution = self.execution(sequence, filled, order, quantity, time);
        execution.price = normalized(price);
        execution.fee = normalized(settlement.fee);
        execution.slippage = normalized(slippage);
        execution.realized_pnl = normalized(settlement.realized_pnl);
        execution.liquidity = Some(liquidity);
        execution.remaining = normalized(remaining);
        out.push(Output::Execution(execution));
        let point = self.equity_point(time);
        out.push(Output::Equity(point));
        let order = &mut self.pending[index];
        order.progress.executions += 1;
        if remaining.is_zero() {
            order.progress.phase = Phase::Closed;
        }
        if !self.is_silent(&self.pending[index]) || self.pending.len() > 1 {
            self.after_fill(index, quantity, price, time, out);
        }
        Ok(())
    }

    fn within_position_limit(
        &self,
        action: Action,
        quantity: Decimal,
        price: Decimal,
    ) -> Result<(), Reject> {
        let (Action::Buy, Some(limit)) = (action, self.terms.risk().max_position) else {
            return Ok(());
        };
        let worth = add(self.ledger.position, quantity).and_then(|units| mul(units, price));
        let worth = worth
            .ok_or(Reject::PrecisionExceeded { price })?
            .normalize();
        match worth > limit {
            true => Err(Reject::RiskPosition {
                worth,
                limit: limit.normalize(),
            }),
            false => Ok(()),
        }
    }

    /// Ends an order that can't be filled: a rejection, or the end of what is left of it.
    pub(crate) fn give_up(
        &mut self,
        index: usize,
        quantity: Option<Decimal>,
        time: DateTime<Utc>,
        why: &Reject,
        out: &mut Vec<Output>,
    ) {
        let order = &mut self.pending[index];
        if order.progress.filled.is_zero() {
            order.progress.phase = Phase::Closed;
            let order = order.clone();
            let asked = order
                .progress
                .ordered
                .unwrap_or(order.request.units_as_asked());
            self.refuse(&order, quantity.unwrap_or(asked), time, why, out);
        } else {
            self.close_order(index, OrderStatus::Cancelled, time, why.to_string(), out);
        }
    }

    /// Ends an order without an execution.
    pub(crate) fn close_order(
        &mut self,
        index: usize,
        status: OrderStatus,
        time: DateTime<Utc>,
        reason: String,
        out: &mut Vec<Output>,
    ) {
        self.pending[index].progress.phase = Phase::Closed;
        let order = self.pending[index].clone();
        self.finish(&order, status, time, reason, out);
    }
}
