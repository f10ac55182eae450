//! Open orders meet a trade of the market.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::account::Account;
use crate::check;
use crate::error::LedgerError;
use crate::exact::{MONEY_SCALE, add, from_units, mul, sub};
use crate::fill::Fill;
use crate::kind::TimeInForce;
use crate::model::{FillModel, Unsure};
use crate::open::{OpenOrder, Phase};
use crate::order::Action;
use crate::output::{ExecutionStatus, Liquidity, OrderStatus, Output};
use crate::price::{self, Tick};
use crate::reject::Reject;
use crate::sizing::quantity_at;
use crate::trade::{MarketTrade, Quote};

impl OpenOrder {
    /// Whether it takes the market's price, whatever that is, as soon as it can.
    pub(crate) fn goes_to_market(&self) -> bool {
        self.progress.phase == Phase::Live && self.terms.kind.limit().is_none()
    }
}

impl Account {
    /// Every order that is open before the trade meets it once, oldest first.
    pub(crate) fn meet_all(
        &mut self,
        trade: &MarketTrade,
        quote: Option<&Quote>,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let model = &self.terms.market().fill_model;
        let mut tick = Tick::new(self.last_price, trade, quote.copied(), model);
        for index in 0..self.pending.len() {
            if !self.pending[index].is_closed() {
                self.meet(index, &mut tick, out)?;
            }
        }
        self.pending.retain(|order| !order.is_closed());
        Ok(())
    }

    fn meet(
        &mut self,
        index: usize,
        tick: &mut Tick,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let order = &mut self.pending[index];
        if order.has_expired(tick.time) {
            let reason = match order.terms.time_in_force {
                TimeInForce::Day => "day: the order's day is over",
                _ => "gtd: the order's time is over",
            };
            self.close_order(
                index,
                OrderStatus::Expired,
                tick.time,
                reason.to_owned(),
                out,
            );
            return Ok(());
        }
        if order
            .progress
            .arrives
            .is_some_and(|arrives| arrives > tick.time)
        {
            return Ok(());
        }
        match order.progress.phase {
            Phase::Closed => Ok(()),
            Phase::Armed => {
                if order.reached(tick.price) {
                    order.progress.phase = Phase::Live;
                    self.triggered(index, tick.time, out);
                }
                Ok(())
            }
            Phase::Live => self.go_to_market(index, tick, out),
            Phase::Resting => self.wait_in_book(index, tick, out),
        }
    }

    fn go_to_market(
        &mut self,
        index: usize,
        tick: &mut Tick,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let model = self.terms.market().fill_model;
        let order = &mut self.pending[index];
        let action = order.request.action;
        let base = match price::of_model(action, &model, tick) {
            Ok(base) => base,
            Err(why) => {
                let since = *order.progress.waits_since.get_or_insert(tick.time);
                let waited = tick.time.signed_duration_since(since).num_seconds();
                let may_wait = match model {
                    FillModel::Quote {
                        stale: Unsure::Wait,
                        max_wait_seconds,
                        ..
                    } => waited < i64::from(max_wait_seconds),
                    _ => false,
                };
                if !may_wait || order.terms.time_in_force.is_immediate() {
                    self.give_up(index, None, tick.time, &why, out);
                }
                return Ok(());
            }
        };
        if let Some(limit) = order.terms.kind.limit() {
            if is_worse(action, base, limit) {
                self.enter_book(index, tick.time, out);
                return Ok(());
            }
            if order.terms.post_only {
                let why = Reject::PostOnly {
                    price: base.normalize(),
                };
                self.give_up(index, None, tick.time, &why, out);
                return Ok(());
            }
        }
        if tick.left() == Some(0) {
            return self.unfilled(index, tick.time, out);
        }
        let taken = match self.price_and_size(index, base, tick) {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                self.enter_book(index, tick.time, out);
                return Ok(());
            }
            Err((quantity, why)) => {
                self.give_up(index, quantity, tick.time, &why, out);
                return Ok(());
            }
        };
        let order = &mut self.pending[index];
        if taken.remaining.is_zero() {
            let reason = "position_closed: there is nothing left to sell".to_owned();
            self.close_order(index, OrderStatus::Cancelled, tick.time, reason, out);
            return Ok(());
        }
        let whole = taken.quantity == taken.remaining;
        if order.terms.time_in_force == TimeInForce::Fok && !whole {
            let reason = "fok: the order could not be filled whole at once".to_owned();
            self.close_order(index, OrderStatus::Cancelled, tick.time, reason, out);
            return Ok(());
        }
        let ordered = add(order.progress.filled, taken.remaining);
        order.progress.ordered = ordered;
        self.fill(
            index,
            taken.quantity,
            taken.price,
            base,
            Liquidity::Taker,
            tick,
            out,
        )?;
        if !self.pending[index].is_closed() {
            return self.unfilled(index, tick.time, out);
        }
        Ok(())
    }

    /// What is left of an order that has been to the market goes on, rests, or ends.
    fn unfilled(
        &mut self,
        index: usize,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let terms = &self.pending[index].terms;
        if terms.kind.limit().is_some() || terms.time_in_force.is_immediate() {
            self.enter_book(index, time, out);
        }
        Ok(())
    }

    /// A limit order that the market doesn't meet waits in the book, if it may.
    fn enter_book(&mut self, index: usize, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let order = &mut self.pending[index];
        if order.terms.time_in_force.is_immediate() {
            let reason = match order.terms.time_in_force {
                TimeInForce::Fok => "fok: the order could not be filled whole at once",
                _ => "ioc: the order could not be filled at once",
            };
            self.close_order(index, OrderStatus::Cancelled, time, reason.to_owned(), out);
            return;
        }
        order.progress.phase = Phase::Resting;
        if let FillModel::Volume { queue, .. } = self.terms.market().fill_model {
            order.progress.ahead = queue;
        }
    }

    /// Price, size in all and size now of an order at the market's price; nothing for a limit order
    /// that slippage would take beyond its limit. A refusal comes with the size, if it was known.
    fn price_and_size(
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

    /// A limit order in the book: the market trades through its price, or at it.
    fn wait_in_book(
        &mut self,
        index: usize,
        tick: &mut Tick,
        out: &mut Vec<Output>,
    ) -> Result<(), LedgerError> {
        let order = &mut self.pending[index];
        let (Some(limit), Some(remaining)) = (order.terms.kind.limit(), order.remaining()) else {
            return Ok(());
        };
        let action = order.request.action;
        let through = is_worse(action, limit, tick.price);
        if !through && limit != tick.price {
            return Ok(());
        }
        let remaining = match order.terms.reduce_only {
            true => remaining.min(self.ledger.position),
            false => remaining,
        };
        let quantity = match tick.left() {
            None if through => remaining,
            None => return Ok(()),
            Some(left) => {
                let most = match through {
                    true => left,
                    false => tick.left_after(&mut order.progress.ahead).min(left),
                };
                let most = from_units(most, MONEY_SCALE).unwrap_or(remaining);
                remaining.min(most)
            }
        };
        if quantity.is_zero() {
            return Ok(());
        }
        let order = &mut self.pending[index];
        order.progress.ordered = add(order.progress.filled, remaining);
        self.fill(index, quantity, limit, limit, Liquidity::Maker, tick, out)
    }

    /// Applies one fill, or gives the order up where the ledger can't take it.
    #[allow(clippy::too_many_arguments)] // a fill has that many sides; a struct would be used once
    fn fill(
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
        let quantity = quantity.normalize();
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
        let order = order.clone();
        let mut execution = self.execution(ExecutionStatus::Filled, &order, quantity, time);
        execution.price = price.normalize();
        execution.fee = settlement.fee.normalize();
        execution.slippage = slippage.normalize();
        execution.realized_pnl = settlement.realized_pnl.normalize();
        execution.liquidity = Some(liquidity);
        execution.remaining = remaining.normalize();
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

/// A fill at the market as it is worked out.
struct Taken {
    price: Decimal,
    /// Units that the order is still for.
    remaining: Decimal,
    /// Units of them that fill now.
    quantity: Decimal,
}

/// Whether a price is worse than another for a side.
fn is_worse(action: Action, price: Decimal, than: Decimal) -> bool {
    match action {
        Action::Buy => price > than,
        Action::Sell => price < than,
    }
}
