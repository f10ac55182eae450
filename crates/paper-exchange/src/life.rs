//! How a session goes on and ends: pause, resume, close, stop, fail; and what its limits do to it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::account::{Account, SessionState};
use crate::kind::OrderTerms;
use crate::open::OpenOrder;
use crate::order::{Action, OrderRequest, QuantityType};
use crate::output::{OrderStatus, Output, RiskHit};
use crate::reject::Reject;

impl Account {
    /// Stops the session: orders still waiting end, and the final equity is noted. Does nothing if
    /// the session isn't running.
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
        for order in std::mem::take(&mut self.pending) {
            if order.is_closed() {
                continue;
            }
            if self.is_silent(&order) {
                let quantity = order.request.units_as_asked();
                self.refuse(&order, quantity, time, &Reject::SessionStopped, out);
            } else {
                let reason = Reject::SessionStopped.to_string();
                self.finish(&order, OrderStatus::Cancelled, time, reason, out);
            }
        }
        true
    }

    /// Rejects the strategy's orders from here on; open orders, exits above all, stay. Does nothing
    /// if the session isn't running, or is paused.
    pub fn pause(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.state == SessionState::Running && !self.paused {
            self.paused = true;
            out.push(Output::Paused(self.marker(time)));
        }
    }

    /// Takes orders again after a pause or a hit limit; losses count from here. Does nothing if the
    /// session isn't running, or takes orders anyway.
    pub fn resume(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let held = self.paused || self.risk.blocked().is_some();
        if self.state == SessionState::Running && held {
            self.paused = false;
            self.risk.clear(self.equity);
            out.push(Output::Resumed(self.marker(time)));
        }
    }

    /// Cancels every order, sells the position at the market, and stops when that is done. `id`
    /// stands for the signal of the sale.
    pub fn close(&mut self, id: Uuid, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.state != SessionState::Running || self.closing {
            return;
        }
        self.closing = true;
        self.cancel_all(
            "closing: the session sells its position and stops",
            time,
            out,
        );
        if !self.ledger.position.is_zero() {
            let request = OrderRequest {
                signal_id: id,
                action: Action::Sell,
                quantity: Decimal::ONE_HUNDRED,
                quantity_type: QuantityType::PercentOfPosition,
                reason: "the session closes its position".to_owned(),
                time,
            };
            self.counts.signals += 1;
            let order = OpenOrder::new(request, OrderTerms::default());
            self.admit(order, time, out);
        }
        self.stop_if_closed(time, out);
    }

    pub(crate) fn stop_if_closed(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.closing && self.pending.is_empty() {
            self.stop(time, out);
        }
    }

    fn cancel_all(&mut self, reason: &str, time: DateTime<Utc>, out: &mut Vec<Output>) {
        for order in std::mem::take(&mut self.pending) {
            self.finish(&order, OrderStatus::Cancelled, time, reason.to_owned(), out);
        }
    }

    /// Trades of the market are missing here. By the session's policy, orders that would go to the
    /// market are rejected; those that wait for a price go on waiting.
    pub fn on_gap(&mut self, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if self.state != SessionState::Running {
            return;
        }
        if self.terms.market().gap == crate::model::Unsure::Reject {
            for index in 0..self.pending.len() {
                if self.pending[index].goes_to_market() {
                    self.give_up(index, None, time, &Reject::MarketGap, out);
                }
            }
            self.pending.retain(|order| !order.is_closed());
            self.stop_if_closed(time, out);
        }
    }

    /// After the equity at a new trade is known, before orders meet it.
    pub(crate) fn watch_losses(
        &mut self,
        time: DateTime<Utc>,
        before: Decimal,
        out: &mut Vec<Output>,
    ) {
        let limits = *self.terms.risk();
        let Some(reason) = self.risk.observe(&limits, time, before, self.equity) else {
            return;
        };
        let halted = self.is_halted();
        out.push(Output::Risk(RiskHit {
            sequence: self.next_sequence(),
            time,
            reason: reason.clone(),
            halted,
        }));
        if halted && !self.closing {
            self.cancel_all(&reason, time, out);
        }
    }
}
