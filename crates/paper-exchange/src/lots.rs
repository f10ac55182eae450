//! Purchases that are still held, oldest first: what FIFO needs to know.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exact::{add, sub};
use crate::ledger::share_of;

/// Lots kept apart. Beyond it a purchase joins the newest one, so that a snapshot stays bounded.
const MAX_LOTS: usize = 1000;

/// What is left of one purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Lot {
    #[serde(with = "rust_decimal::serde::str")]
    quantity: Decimal,
    #[serde(with = "rust_decimal::serde::str")]
    cost: Decimal,
}

/// All lots, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Lots(Vec<Lot>);

impl Lots {
    /// With a purchase more; `None` if it can't be added exactly.
    pub(crate) fn bought(&self, quantity: Decimal, cost: Decimal) -> Option<Self> {
        let mut lots = self.0.clone();
        match lots.last_mut() {
            Some(newest) if self.0.len() >= MAX_LOTS => {
                newest.quantity = add(newest.quantity, quantity)?;
                newest.cost = add(newest.cost, cost)?;
            }
            _ => lots.push(Lot { quantity, cost }),
        }
        Some(Self(lots))
    }

    /// The cost of the oldest `quantity` units, and the lots without them.
    pub(crate) fn sold(&self, quantity: Decimal) -> Option<(Decimal, Self)> {
        let (mut left, mut cost) = (quantity, Decimal::ZERO);
        let mut lots = Vec::with_capacity(self.0.len());
        for lot in &self.0 {
            let taken = left.min(lot.quantity);
            let cost_taken = share_of(lot.cost, taken, lot.quantity)?;
            cost = add(cost, cost_taken)?;
            left = sub(left, taken)?;
            if taken < lot.quantity {
                lots.push(Lot {
                    quantity: sub(lot.quantity, taken)?,
                    cost: sub(lot.cost, cost_taken)?,
                });
            }
        }
        Some((cost, Self(lots)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use rust_decimal_macros::dec;

    #[test]
    fn what_was_bought_first_is_sold_first() {
        let lots = Lots::default().bought(dec!(2), dec!(20)).unwrap();
        let lots = lots.bought(dec!(3), dec!(60)).unwrap();
        let (cost, left) = lots.sold(dec!(3)).unwrap();
        assert_eq!(cost, dec!(40), "two at 10 and one at 20");
        assert_eq!(left.sold(dec!(2)).unwrap(), (dec!(40), Lots::default()));
    }

    #[test]
    fn lots_are_bounded_and_lose_no_cost() {
        let mut lots = Lots::default();
        for _ in 0..MAX_LOTS + 5 {
            lots = lots.bought(dec!(1), dec!(7)).unwrap();
        }
        assert_eq!(lots.0.len(), MAX_LOTS);
        let all = Decimal::from(MAX_LOTS + 5);
        assert_eq!(lots.sold(all).unwrap(), (all * dec!(7), Lots::default()));
    }
}
