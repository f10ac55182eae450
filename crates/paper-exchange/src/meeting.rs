//! Open orders meet a trade of the market.

use chrono::{DateTime, Utc};

use crate::account::Account;
use crate::error::LedgerError;
use crate::exact::{MONEY_SCALE, add, from_units};
use crate::kind::TimeInForce;
use crate::model::{FillModel, Unsure};
use crate::open::{OpenOrder, Phase};
use crate::output::{Liquidity, OrderStatus, Output};
use crate::price::{self, Tick, is_worse};
use crate::quiet::Quiet;
use crate::reject::Reject;
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
        self.quiet = Quiet::default();
        let mut tick = Tick::new(self.last_price, trade, quote.copied(), model);
        for index in 0..self.pending.len() {
            if !self.pending[index].is_closed() {
                self.meet(index, &mut tick, out)?;
            }
        }
        self.pending.retain(|order| !order.is_closed());
        self.quiet = Quiet::of(&self.pending);
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
}
