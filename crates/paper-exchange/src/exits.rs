//! What a fill or a trigger does to the orders that belong with it: exits of a purchase, orders of
//! a group, and orders that only reduce a position.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::account::Account;
use crate::exact::{add, mul, sub};
use crate::kind::{OrderKind, OrderTerms};
use crate::open::{Leg, OpenOrder, Phase, floor_to};
use crate::order::{Action, OrderRequest, QuantityType};
use crate::output::{OrderStatus, Output};
use crate::sizing::fall_of;

impl Account {
    /// The trigger of the `index`-th order was reached.
    pub(crate) fn triggered(&mut self, index: usize, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let order = self.pending[index].clone();
        let reason = order.request.reason.clone();
        let event = self.order_event(&order, OrderStatus::Triggered, time, reason);
        out.push(Output::Order(event));
        if order.is_exit() {
            self.cancel_siblings(&order, time, out);
        }
        self.cancel_group(&order, time, out);
    }

    /// The `index`-th order was filled, for `quantity` at `price`.
    pub(crate) fn after_fill(
        &mut self,
        index: usize,
        quantity: Decimal,
        price: Decimal,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) {
        let order = self.pending[index].clone();
        if order.terms.exits() > 0 {
            match order.progress.executions {
                1 => self.place_exits(&order, quantity, price, time, out),
                _ => self.grow_exits(&order, quantity, time, out),
            }
        }
        if let Leg::TakeProfit(_) = order.progress.leg {
            self.cancel_entry(&order, time, out);
            self.shrink_stop(&order, quantity, time, out);
        }
        self.cancel_group(&order, time, out);
        if self.ledger.position.is_zero() {
            let reason = "position_closed: there is nothing left to sell";
            self.close_where(time, reason, out, |other| other.terms.reduce_only);
        }
    }

    fn close_where(
        &mut self,
        time: DateTime<Utc>,
        reason: &str,
        out: &mut Vec<Output>,
        which: impl Fn(&OpenOrder) -> bool,
    ) {
        for index in 0..self.pending.len() {
            if !self.pending[index].is_closed() && which(&self.pending[index]) {
                let reason = reason.to_owned();
                self.close_order(index, OrderStatus::Cancelled, time, reason, out);
            }
        }
    }

    /// A stop was reached: the targets, and what is left of the purchase, are off.
    fn cancel_siblings(&mut self, of: &OpenOrder, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let (signal, own) = (of.request.signal_id, of.progress.leg);
        let reason = "bracket: another exit was reached";
        self.close_where(time, reason, out, |other| {
            other.request.signal_id == signal && other.progress.leg != own
        });
    }

    /// A target was reached: what is left of the purchase is off.
    fn cancel_entry(&mut self, of: &OpenOrder, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let signal = of.request.signal_id;
        let reason = "bracket: an exit was reached";
        self.close_where(time, reason, out, |other| {
            other.request.signal_id == signal && !other.is_exit()
        });
    }

    fn cancel_group(&mut self, of: &OpenOrder, time: DateTime<Utc>, out: &mut Vec<Output>) {
        let Some(group) = of.terms.group else {
            return;
        };
        let own = of.id();
        let reason = "oco: another order of the group was reached";
        self.close_where(time, reason, out, |other| {
            other.terms.group == Some(group) && other.id() != own
        });
    }

    fn place_exits(
        &mut self,
        entry: &OpenOrder,
        quantity: Decimal,
        price: Decimal,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) {
        let mut risk = Decimal::ZERO;
        if let Some(stop_loss) = entry.terms.stop_loss {
            risk = fall_of(stop_loss.distance, price, risk);
            let stop = self.exit_price(price - risk);
            let kind = match stop_loss.trailing {
                Some(percent) => OrderKind::TrailingStop { percent },
                None => OrderKind::Stop { stop },
            };
            let mut exit = exit_order(entry, Leg::StopLoss, kind, time);
            exit.progress.ordered = Some(quantity);
            exit.progress.level = stop_loss.trailing.map(|_| stop);
            self.admit(exit, time, out);
        }
        let shares = self.shares(entry, quantity);
        let targets = entry.terms.take_profit.iter().zip(shares);
        for (number, (target, share)) in (0_u8..).zip(targets) {
            let limit = self.exit_price(price + fall_of(target.distance, price, risk));
            let kind = OrderKind::Limit { limit };
            let mut exit = exit_order(entry, Leg::TakeProfit(number), kind, time);
            exit.progress.ordered = Some(share);
            if !share.is_zero() {
                self.admit(exit, time, out);
            }
        }
    }

    fn grow_exits(
        &mut self,
        entry: &OpenOrder,
        quantity: Decimal,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) {
        let shares = self.shares(entry, quantity);
        for index in 0..self.pending.len() {
            let exit = &mut self.pending[index];
            if exit.request.signal_id != entry.request.signal_id || exit.is_closed() {
                continue;
            }
            let more = match exit.progress.leg {
                Leg::Entry => continue,
                Leg::StopLoss => quantity,
                Leg::TakeProfit(number) => {
                    shares.get(usize::from(number)).copied().unwrap_or_default()
                }
            };
            exit.progress.ordered = exit.progress.ordered.and_then(|so_far| add(so_far, more));
            let reason = "bracket: more was bought".to_owned();
            let exit = exit.clone();
            let event = self.order_event(&exit, OrderStatus::Open, time, reason);
            out.push(Output::Order(event));
        }
    }

    /// A target took units away: the stop is for the rest.
    fn shrink_stop(
        &mut self,
        target: &OpenOrder,
        quantity: Decimal,
        time: DateTime<Utc>,
        out: &mut Vec<Output>,
    ) {
        let signal = target.request.signal_id;
        let Some(index) = self.pending.iter().position(|other| {
            let is_stop = other.progress.leg == Leg::StopLoss && !other.is_closed();
            other.request.signal_id == signal && is_stop
        }) else {
            return;
        };
        let stop = &mut self.pending[index];
        let left = stop
            .progress
            .ordered
            .and_then(|ordered| sub(ordered, quantity));
        let left = left.unwrap_or_default();
        if left <= stop.progress.filled {
            let reason = "bracket: another exit was reached".to_owned();
            self.close_order(index, OrderStatus::Cancelled, time, reason, out);
            return;
        }
        stop.progress.ordered = Some(left);
        let reason = "bracket: a target sold a part".to_owned();
        let stop = stop.clone();
        let event = self.order_event(&stop, OrderStatus::Open, time, reason);
        out.push(Output::Order(event));
    }

    /// How much of a purchase each target sells: rounded down, but all of it in the end where the
    /// portions add up to 100.
    fn shares(&self, entry: &OpenOrder, quantity: Decimal) -> Vec<Decimal> {
        let increment = self.terms.market().product.quantity_increment;
        let targets = &entry.terms.take_profit;
        let complete = targets.iter().map(|t| t.portion).sum::<Decimal>() == Decimal::ONE_HUNDRED;
        let mut left = quantity;
        let mut shares = Vec::with_capacity(targets.len());
        for (index, target) in targets.iter().enumerate() {
            let share = match complete && index + 1 == targets.len() {
                true => left,
                false => {
                    let exactly = mul(quantity, target.portion);
                    let share = exactly.map_or(Decimal::ZERO, |x| x / Decimal::ONE_HUNDRED);
                    floor_to(share, increment)
                }
            };
            left -= share;
            shares.push(share);
        }
        shares
    }

    /// A price that the product takes: rounded down to its increment, and at least that.
    fn exit_price(&self, price: Decimal) -> Decimal {
        let increment = self.terms.market().product.price_increment;
        let least = increment.unwrap_or(Decimal::new(1, 8));
        let most = crate::terms::MAX_PRICE;
        floor_to(price.min(most), increment).max(least).normalize()
    }
}

fn exit_order(entry: &OpenOrder, leg: Leg, kind: OrderKind, time: DateTime<Utc>) -> OpenOrder {
    let what = match leg {
        Leg::StopLoss => "stop-loss",
        _ => "take-profit",
    };
    let request = OrderRequest {
        signal_id: entry.request.signal_id,
        action: Action::Sell,
        quantity: Decimal::ONE_HUNDRED,
        quantity_type: QuantityType::PercentOfPosition,
        reason: format!("{what}: {}", entry.request.reason),
        time,
    };
    let terms = OrderTerms {
        kind,
        reduce_only: true,
        ..OrderTerms::default()
    };
    let mut exit = OpenOrder::new(request.normalized(), terms);
    exit.progress.leg = leg;
    exit.progress.phase = match kind.waits() {
        true => Phase::Armed,
        false => Phase::Live,
    };
    exit
}
