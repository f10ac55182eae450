//! Prices at which no open order has anything to do: a trade there needs not meet them, one by one.

use rust_decimal::Decimal;

use crate::exact::{normalized, steps_of};
use crate::kind::{OrderKind, TimeInForce};
use crate::open::{OpenOrder, Phase};
use crate::order::Action;

/// A range of prices, in steps of 1e-8, without its ends. It is derived from the open orders, so it
/// is neither kept in snapshots nor compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet(Option<(i128, i128)>);

impl PartialEq for Quiet {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Quiet {}

impl Quiet {
    /// As far as all of the orders wait for a price only. One that the clock may end, or that has
    /// yet to meet its first trade, or that follows the price, has to be looked at every time.
    pub(crate) fn of(orders: &[OpenOrder]) -> Self {
        let mut range = (i128::MIN, i128::MAX);
        for order in orders {
            let Some((price, below)) = waits_for(order) else {
                return Self(None);
            };
            let Some(steps) = steps_of(normalized(price)) else {
                return Self(None);
            };
            match below {
                true => range.0 = range.0.max(steps),
                false => range.1 = range.1.min(steps),
            }
        }
        Self(Some(range))
    }

    /// Whether nothing happens to any order at this price.
    pub(crate) fn holds(&self, price: Decimal) -> bool {
        let (Some((low, high)), Some(steps)) = (self.0, steps_of(price)) else {
            return false;
        };
        low < steps && steps < high
    }
}

/// The price that an order waits for, and whether the market has to fall to it.
fn waits_for(order: &OpenOrder) -> Option<(Decimal, bool)> {
    let by_time = matches!(
        order.terms.time_in_force,
        TimeInForce::Gtd { .. } | TimeInForce::Day
    );
    if by_time || order.progress.arrives.is_some() {
        return None;
    }
    let buys = order.request.action == Action::Buy;
    match (order.progress.phase, order.terms.kind) {
        (Phase::Resting, kind) => Some((kind.limit()?, buys)),
        (Phase::Armed, OrderKind::TrailingStop { .. }) => None,
        (Phase::Armed, OrderKind::TakeProfit { target }) => Some((target, buys)),
        (Phase::Armed, kind) => Some((kind.trigger()?, !buys)),
        (Phase::Live | Phase::Closed, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rust_decimal_macros::dec;
    use uuid::Uuid;

    use super::*;
    use crate::kind::OrderTerms;
    use crate::order::{OrderRequest, QuantityType};

    fn order(action: Action, kind: OrderKind, phase: Phase) -> OpenOrder {
        let request = OrderRequest {
            signal_id: Uuid::nil(),
            action,
            quantity: Decimal::ONE,
            quantity_type: QuantityType::Units,
            reason: String::new(),
            time: DateTime::UNIX_EPOCH,
        };
        let terms = OrderTerms {
            kind,
            ..OrderTerms::default()
        };
        let mut order = OpenOrder::new(request, terms);
        order.progress.phase = phase;
        order
    }

    #[test]
    fn it_is_quiet_between_the_prices_that_orders_wait_for() {
        let limit = |limit| OrderKind::Limit { limit };
        let orders = [
            order(Action::Buy, limit(dec!(90)), Phase::Resting),
            order(Action::Buy, limit(dec!(80.5)), Phase::Resting),
            order(Action::Sell, limit(dec!(120)), Phase::Resting),
            order(
                Action::Sell,
                OrderKind::Stop { stop: dec!(85) },
                Phase::Armed,
            ),
            order(
                Action::Buy,
                OrderKind::Stop { stop: dec!(115) },
                Phase::Armed,
            ),
            order(
                Action::Sell,
                OrderKind::TakeProfit { target: dec!(118) },
                Phase::Armed,
            ),
        ];
        let quiet = Quiet::of(&orders);
        for (price, expected) in [
            (dec!(90), false),
            (dec!(90.00000001), true),
            (dec!(100), true),
            (dec!(114.99999999), true),
            (dec!(115), false),
            (dec!(10), false),
        ] {
            assert_eq!(quiet.holds(price), expected, "{price}");
        }
    }

    #[test]
    fn what_the_clock_or_every_trade_changes_is_never_quiet() {
        let limit = OrderKind::Limit { limit: dec!(90) };
        let trailing = OrderKind::TrailingStop { percent: dec!(1) };
        let mut day = order(Action::Buy, limit, Phase::Resting);
        day.terms.time_in_force = TimeInForce::Day;
        let mut late = order(Action::Buy, limit, Phase::Resting);
        late.progress.arrives = Some(DateTime::UNIX_EPOCH);
        for restless in [
            day,
            late,
            order(Action::Buy, limit, Phase::Live),
            order(Action::Sell, trailing, Phase::Armed),
        ] {
            let quiet = Quiet::of(&[order(Action::Buy, limit, Phase::Resting), restless]);
            assert!(!quiet.holds(dec!(100)));
        }
        assert!(!Quiet::default().holds(dec!(100)));
    }
}
