//! Taking orders, changing them and taking them back.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::account::{Account, SessionState};
use crate::check;
use crate::exact::{add, sub};
use crate::kind::{OrderKind, OrderTerms};
use crate::ledger::Cost;
use crate::model::Fees;
use crate::open::{OpenOrder, Phase};
use crate::order::{Action, Disposition, OrderRequest};
use crate::output::{OrderEvent, OrderStatus, Output};
use crate::quiet::Quiet;
use crate::reject::Reject;
use crate::sizing::{Means, quantity_at};

/// Whose order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The strategy's: rejected while the session is paused.
    Strategy,
    /// The user's own.
    User,
}

/// What shall change of an open order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replacement {
    /// Units in all, those that are filled included.
    pub quantity: Option<Decimal>,
    /// A new worst price.
    pub limit: Option<Decimal>,
    /// A new trigger.
    pub trigger: Option<Decimal>,
}

impl Account {
    /// Takes a strategy's market order, which then waits for the next trade, or rejects it at once.
    pub fn on_signal(&mut self, order: OrderRequest, out: &mut Vec<Output>) -> Disposition {
        self.on_order(order, OrderTerms::default(), Origin::Strategy, out)
    }

    /// Takes an order, which then waits for the market, or rejects it at once.
    pub fn on_order(
        &mut self,
        request: OrderRequest,
        terms: OrderTerms,
        origin: Origin,
        out: &mut Vec<Output>,
    ) -> Disposition {
        if self.state != SessionState::Running {
            return Disposition::NotRunning;
        }
        self.counts.signals += 1;
        let mut order = OpenOrder::new(request.normalized(), terms);
        match self.check(&mut order, origin) {
            Ok(()) => {
                let time = order.request.time;
                self.admit(order, time, out);
                Disposition::Accepted
            }
            Err((quantity, why)) => {
                let time = order.request.time;
                let quantity = quantity.unwrap_or(order.request.units_as_asked());
                self.refuse(&order, quantity, time, &why, out);
                Disposition::Rejected
            }
        }
    }

    /// The checks at once, and the size of an order with a limit; a refusal comes with the size, if
    /// it was known.
    fn check(
        &mut self,
        order: &mut OpenOrder,
        origin: Origin,
    ) -> Result<(), (Option<Decimal>, Reject)> {
        let unsized_ = |why| (None, why);
        if self.closing {
            return Err(unsized_(Reject::SessionClosing));
        }
        if self.paused && origin == Origin::Strategy {
            return Err(unsized_(Reject::SessionPaused));
        }
        if let Some(blocked) = self.risk.blocked()
            && (blocked.halted || order.request.action == Action::Buy)
        {
            return Err(unsized_(Reject::RiskBlocked(blocked.reason.clone())));
        }
        order.request.check(self.pending.len()).map_err(unsized_)?;
        let product = self.terms.market().product;
        check::terms(&order.request, &order.terms, &product).map_err(unsized_)?;
        if let Some(limit) = order.terms.kind.limit() {
            let fee_rate = self.terms.fees().highest();
            let means = self.means(limit, fee_rate, None);
            let means = means.ok_or(unsized_(Reject::PrecisionExceeded { price: limit }))?;
            let quantity = quantity_at(&order.request, &order.terms, &means).map_err(unsized_)?;
            let sized = |why| (Some(quantity), why);
            check::size(quantity, limit, &self.terms).map_err(sized)?;
            let total = Cost::of(quantity, limit, fee_rate).and_then(|cost| cost.total());
            let total = total.ok_or(sized(Reject::PrecisionExceeded { price: limit }))?;
            if order.request.action == Action::Buy && total > means.cash {
                let notional = Cost::of(quantity, limit, fee_rate);
                return Err(sized(Reject::CostAboveCash {
                    quantity,
                    price: limit,
                    cost: total.normalize(),
                    fee: notional.map_or(Decimal::ZERO, |cost| cost.fee.normalize()),
                    cash: means.cash.normalize(),
                }));
            }
            let position = means.position.normalize();
            if order.request.action == Action::Sell && quantity > position {
                if !order.terms.reduce_only {
                    return Err(sized(Reject::ExceedsPosition { quantity, position }));
                }
                order.progress.ordered = Some(position);
            } else {
                order.progress.ordered = Some(quantity);
            }
        }
        let limits = *self.terms.risk();
        if !self.risk.admits(&limits, order.request.time) {
            let limit = limits.max_orders_per_minute.unwrap_or_default();
            return Err((order.progress.ordered, Reject::RiskOrders { limit }));
        }
        if let Some(ms) = self.terms.market().latency.of(self.counts.signals) {
            let later = chrono::TimeDelta::milliseconds(ms.into());
            order.progress.arrives = order.request.time.checked_add_signed(later);
        }
        Ok(())
    }

    /// Lets an order wait, and says so unless it is silent.
    pub(crate) fn admit(&mut self, order: OpenOrder, time: DateTime<Utc>, out: &mut Vec<Output>) {
        if !self.is_silent(&order) {
            let reason = order.request.reason.clone();
            let event = self.order_event(&order, OrderStatus::Open, time, reason);
            out.push(Output::Order(event));
        }
        self.quiet = Quiet::default();
        self.pending.push(order);
    }

    /// Whether its execution is all that is said of an order: it can't wait.
    pub(crate) fn is_silent(&self, order: &OpenOrder) -> bool {
        self.terms.fills_at_once() && order.terms.is_plain()
    }

    /// Takes back an order; false if it isn't open.
    pub fn cancel(&mut self, id: Uuid, time: DateTime<Utc>, out: &mut Vec<Output>) -> bool {
        let Some(index) = self.pending.iter().position(|order| order.id() == id) else {
            return false;
        };
        let order = self.pending.remove(index);
        let reason = "cancelled: as asked".to_owned();
        self.finish(&order, OrderStatus::Cancelled, time, reason, out);
        self.stop_if_closed(time, out);
        true
    }

    /// Changes an open order, which loses its place in the book; false if it isn't open. A change
    /// that breaks a rule changes nothing, and the order's event says why.
    pub fn replace(
        &mut self,
        id: Uuid,
        change: Replacement,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(index) = self.pending.iter().position(|order| order.id() == id) else {
            return false;
        };
        let reason = match self.replaced(index, change) {
            Ok(order) => {
                self.quiet = Quiet::default();
                self.pending[index] = order;
                "replaced: as asked".to_owned()
            }
            Err(why) => format!("replace_rejected: {why}"),
        };
        let order = self.pending[index].clone();
        let event = self.order_event(&order, OrderStatus::Open, time, reason);
        out.push(Output::Order(event));
        true
    }

    fn replaced(&self, index: usize, change: Replacement) -> Result<OpenOrder, Reject> {
        let mut order = self.pending[index].clone();
        let wrong = |what| Err(Reject::Invalid(what));
        if let Some(limit) = change.limit {
            match &mut order.terms.kind {
                OrderKind::Limit { limit: old } | OrderKind::StopLimit { limit: old, .. } => {
                    *old = limit.normalize();
                }
                _ => return wrong("the order has no limit"),
            }
        }
        if let Some(trigger) = change.trigger {
            match &mut order.terms.kind {
                OrderKind::Stop { stop } | OrderKind::StopLimit { stop, .. } => *stop = trigger,
                OrderKind::TakeProfit { target } => *target = trigger,
                _ => return wrong("the order has no trigger that can be changed"),
            }
            if order.progress.phase != Phase::Armed {
                return wrong("the order was triggered already");
            }
        }
        if let Some(quantity) = change.quantity {
            let quantity = quantity.normalize();
            if quantity <= order.progress.filled || quantity.scale() > 8 {
                return wrong("the quantity must be above what is filled, with at most 8 decimals");
            }
            order.progress.ordered = Some(quantity);
        }
        order.terms.kind = order.terms.kind.normalized();
        let product = self.terms.market().product;
        check::terms(&order.request, &order.terms, &product)?;
        if let (Some(limit), Some(ordered)) = (order.terms.kind.limit(), order.progress.ordered) {
            check::size(ordered, limit, &self.terms)?;
            let inexact = Reject::PrecisionExceeded { price: limit };
            let available = self.available_cash(Some(index)).ok_or(inexact.clone())?;
            let needed = reserved_by(&order, self.terms.fees()).ok_or(inexact)?;
            if needed > available {
                return Err(Reject::AmountAboveCash {
                    amount: needed.normalize(),
                    cash: available.normalize(),
                });
            }
        }
        if order.progress.phase == Phase::Resting {
            order.progress.phase = Phase::Live;
        }
        Ok(order)
    }

    /// Cash that no order but the `index`-th has reserved; none if it can't be computed exactly.
    pub(crate) fn available_cash(&self, index: Option<usize>) -> Option<Decimal> {
        let mut available = self.ledger.cash;
        for (other, order) in self.pending.iter().enumerate() {
            if Some(other) != index && !order.is_closed() {
                available = sub(available, reserved_by(order, self.terms.fees())?)?;
            }
        }
        Some(available.max(Decimal::ZERO))
    }

    /// What a size is computed from at `price`, for the `index`-th order or a new one.
    pub(crate) fn means(
        &self,
        price: Decimal,
        fee_rate: Decimal,
        index: Option<usize>,
    ) -> Option<Means> {
        Some(Means {
            cash: self.available_cash(index)?,
            position: self.ledger.position,
            equity: self.ledger.equity(price),
            price,
            fee_rate,
            increment: self.terms.market().product.quantity_increment,
        })
    }

    pub(crate) fn order_event(
        &mut self,
        order: &OpenOrder,
        status: OrderStatus,
        time: DateTime<Utc>,
        reason: String,
    ) -> OrderEvent {
        OrderEvent {
            sequence: self.next_sequence(),
            signal_id: order.request.signal_id,
            leg: order.progress.leg,
            status,
            action: order.request.action,
            kind: order.terms.kind,
            time_in_force: order.terms.time_in_force,
            quantity: order.progress.ordered.map(|ordered| ordered.normalize()),
            filled: order.progress.filled.normalize(),
            trigger: order.trigger().map(|trigger| trigger.normalize()),
            reason,
            time,
        }
    }

    /// The last word on an order that isn't open any more.
    pub(crate) fn finish(
        &mut self,
        order: &OpenOrder,
        status: OrderStatus,
        time: DateTime<Utc>,
        reason: String,
        out: &mut Vec<Output>,
    ) {
        self.counts.cancelled += 1;
        let event = self.order_event(order, status, time, reason);
        out.push(Output::Order(event));
    }
}

/// What a purchase with a limit may still cost; nothing for other orders.
fn reserved_by(order: &OpenOrder, fees: Fees) -> Option<Decimal> {
    let (Action::Buy, Some(limit)) = (order.request.action, order.terms.kind.limit()) else {
        return Some(Decimal::ZERO);
    };
    let cost = Cost::of(order.remaining()?, limit, fees.highest())?;
    add(cost.notional, cost.fee)
}
