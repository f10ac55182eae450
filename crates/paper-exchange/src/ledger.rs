//! The ledger: what a fill does to cash, position, cost basis, realised PnL and fees.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::error::LedgerError;
use crate::exact::{MONEY_SCALE, add, from_units, magnitude, mul, mul_div, pow10, sub, to_units};
use crate::lots::Lots;
use crate::order::Action;

/// What a sale had cost, which decides how much of the profit is realised by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostMethod {
    /// Its share of what the whole position cost.
    #[default]
    Average,
    /// What was bought first is sold first.
    Fifo,
}

/// The books of one session; amounts in the quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Cash, never negative.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) cash: Decimal,
    /// Units held, never negative.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) position: Decimal,
    /// What the units held were bought for, fees excluded.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) cost_basis: Decimal,
    /// Sum over all fills, fees included.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) realized_pnl: Decimal,
    /// Sum over all fills.
    #[serde(with = "rust_decimal::serde::str")]
    pub(crate) fees: Decimal,
    /// With [`CostMethod::Fifo`]: what the position was bought for, purchase by purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lots: Option<Lots>,
}

/// The ledger after a fill, and the fill's own figures.
pub(crate) struct Settlement {
    pub(crate) ledger: Ledger,
    pub(crate) fee: Decimal,
    pub(crate) realized_pnl: Decimal,
    pub(crate) equity: Decimal,
}

/// What a quantity costs at a price.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) notional: Decimal,
    pub(crate) fee: Decimal,
}

impl Cost {
    /// `None` if it can't be computed exactly.
    pub(crate) fn of(quantity: Decimal, price: Decimal, fee_rate: Decimal) -> Option<Self> {
        let notional = mul(quantity, price)?;
        Some(Self {
            notional,
            fee: fee(notional, fee_rate)?,
        })
    }

    /// Notional + fee: what a buyer pays.
    pub(crate) fn total(&self) -> Option<Decimal> {
        add(self.notional, self.fee)
    }
}

/// `notional * fee_rate` rounded to 8 decimals, half away from zero; neither is negative.
pub(crate) fn fee(notional: Decimal, fee_rate: Decimal) -> Option<Decimal> {
    // 96 bits times a rate of at most 24 bits.
    let product = magnitude(notional).checked_mul(magnitude(fee_rate))?;
    let scale = notional.scale() + fee_rate.scale();
    if scale <= MONEY_SCALE {
        return from_units(product, scale);
    }
    let divisor = pow10(scale - MONEY_SCALE)?;
    let rounded_up = product % divisor >= divisor / 2;
    from_units(product / divisor + u128::from(rounded_up), MONEY_SCALE)
}

/// What `part` of `whole` units cost if all of them cost `basis`: rounded to 8 decimals, half away
/// from zero, and never more than the basis.
pub(crate) fn share_of(basis: Decimal, part: Decimal, whole: Decimal) -> Option<Decimal> {
    if part == whole {
        return Some(basis);
    }
    let sold = to_units(part, MONEY_SCALE)?;
    let held = to_units(whole, MONEY_SCALE)?;
    let scale = basis.scale();
    // In units of 10^-max(scale, 8).
    let grains = magnitude(basis).checked_mul(pow10(MONEY_SCALE.saturating_sub(scale))?)?;
    let (share, remainder) = mul_div(grains, sold, held)?;
    let divisor = pow10(scale.saturating_sub(MONEY_SCALE))?;
    // Half away from zero. With a divisor above 1, its half decides whatever the remainder is.
    let rounded_up = if divisor == 1 {
        remainder >= held - remainder
    } else {
        share % divisor >= divisor / 2
    };
    let rounded = from_units(share / divisor + u128::from(rounded_up), MONEY_SCALE)?;
    Some(rounded.min(basis))
}

impl Ledger {
    pub(crate) fn new(initial_balance: Decimal, method: CostMethod) -> Self {
        Self {
            lots: (method == CostMethod::Fifo).then(Lots::default),
            cash: initial_balance,
            position: Decimal::ZERO,
            cost_basis: Decimal::ZERO,
            realized_pnl: Decimal::ZERO,
            fees: Decimal::ZERO,
        }
    }

    /// Cash + position * price, or `None` if it isn't exact.
    pub(crate) fn equity(&self, price: Decimal) -> Option<Decimal> {
        add(self.cash, mul(self.position, price)?)
    }

    /// The ledger after a fill; `None` if a figure can't be computed exactly. The caller has
    /// checked that cash or position suffices.
    pub(crate) fn settle(
        &self,
        action: Action,
        quantity: Decimal,
        price: Decimal,
        cost: Cost,
    ) -> Option<Settlement> {
        let (ledger, realized_pnl) = match action {
            Action::Buy => self.bought(quantity, cost)?,
            Action::Sell => self.sold(quantity, cost)?,
        };
        let equity = ledger.equity(price)?;
        Some(Settlement {
            ledger,
            fee: cost.fee,
            realized_pnl,
            equity,
        })
    }

    fn bought(&self, quantity: Decimal, cost: Cost) -> Option<(Self, Decimal)> {
        let realized = -cost.fee;
        let lots = match &self.lots {
            Some(lots) => Some(lots.bought(quantity, cost.notional)?),
            None => None,
        };
        let ledger = Self {
            lots,
            cash: sub(self.cash, cost.total()?)?,
            position: add(self.position, quantity)?,
            cost_basis: add(self.cost_basis, cost.notional)?,
            realized_pnl: add(self.realized_pnl, realized)?,
            fees: add(self.fees, cost.fee)?,
        };
        Some((ledger, realized))
    }

    fn sold(&self, quantity: Decimal, cost: Cost) -> Option<(Self, Decimal)> {
        let proceeds = sub(cost.notional, cost.fee)?;
        let (cost_of_sold, lots) = match &self.lots {
            Some(lots) => {
                let (cost, left) = lots.sold(quantity)?;
                (cost, Some(left))
            }
            None => (self.cost_of(quantity)?, None),
        };
        let realized = sub(proceeds, cost_of_sold)?;
        let ledger = Self {
            lots,
            cash: add(self.cash, proceeds)?,
            position: sub(self.position, quantity)?,
            cost_basis: sub(self.cost_basis, cost_of_sold)?,
            realized_pnl: add(self.realized_pnl, realized)?,
            fees: add(self.fees, cost.fee)?,
        };
        Some((ledger, realized))
    }

    /// The share of the cost basis that belongs to `quantity` of the position, to 8 decimals. What
    /// rounding leaves over stays in the basis, and the last sale takes all of it.
    fn cost_of(&self, quantity: Decimal) -> Option<Decimal> {
        share_of(self.cost_basis, quantity, self.position)
    }

    /// Checks that a fill at `price` that turned `before` into `self` neither created nor
    /// destroyed money. `Ok(false)` if the sums can't be computed exactly.
    pub(crate) fn conserves(&self, before: &Self, price: Decimal) -> Result<bool, LedgerError> {
        let (Some(before), Some(after)) = (before.accounted(price), self.accounted(price)) else {
            return Ok(false);
        };
        if before != after {
            return Err(LedgerError::Conservation { before, after });
        }
        Ok(true)
    }

    /// Checks that what a fill posted to cash and to the cost of the position is what it posted to
    /// realised PnL. `Ok(false)` if the sums can't be computed exactly.
    pub(crate) fn is_double_entry(&self, before: &Self) -> Result<bool, LedgerError> {
        let assets = |ledger: &Self| sub(add(ledger.cash, ledger.cost_basis)?, ledger.realized_pnl);
        let (Some(before), Some(after)) = (assets(before), assets(self)) else {
            return Ok(false);
        };
        if before != after {
            return Err(LedgerError::DoubleEntry { before, after });
        }
        Ok(true)
    }

    fn accounted(&self, price: Decimal) -> Option<Decimal> {
        add(self.equity(price)?, self.fees)
    }

    /// Position value at `price` - cost basis, or `None` if it isn't exact.
    pub fn unrealized_pnl(&self, price: Decimal) -> Option<Decimal> {
        sub(mul(self.position, price)?, self.cost_basis)
    }

    /// Checks that realised and unrealised PnL explain the equity at `price` to the last digit;
    /// for use after a snapshot was restored. Passes if `price` can't value the ledger exactly.
    ///
    /// # Errors
    /// [`LedgerError::Unexplained`] with both sums.
    pub fn audit(&self, initial_balance: Decimal, price: Decimal) -> Result<(), LedgerError> {
        let unrealized = self.unrealized_pnl(price);
        let explained = unrealized.and_then(|unrealized| add(self.realized_pnl, unrealized));
        let actual = self
            .equity(price)
            .and_then(|equity| sub(equity, initial_balance));
        match (explained, actual) {
            (Some(explained), Some(actual)) if explained != actual => {
                Err(LedgerError::Unexplained { explained, actual })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use rust_decimal_macros::dec;

    fn holding(position: Decimal, cost_basis: Decimal) -> Ledger {
        Ledger {
            position,
            cost_basis,
            ..Ledger::new(dec!(100), CostMethod::Average)
        }
    }

    #[test]
    fn a_fee_is_rounded_half_away_from_zero() {
        assert_eq!(fee(dec!(0.00000005), dec!(0.1)), Some(dec!(0.00000001)));
        assert_eq!(fee(dec!(0.0000000499999999), dec!(0.1)), Some(dec!(0)));
        assert_eq!(fee(dec!(1000), dec!(0.001)), Some(dec!(1)));
        assert_eq!(
            fee(Decimal::MAX, dec!(0.1)),
            Some(dec!(7922816251426433759354395033.5))
        );
        assert_eq!(fee(Decimal::MAX, dec!(0.09999999)), None);
    }

    #[test]
    fn the_cost_of_a_part_is_rounded_once() {
        let ledger = holding(dec!(7), dec!(50));
        assert_eq!(ledger.cost_of(dec!(1)), Some(dec!(7.14285714)));
        assert_eq!(ledger.cost_of(dec!(7)), Some(dec!(50)));
        // 1.5e-8 of 3e-8: exactly half of a step.
        let halves = holding(dec!(2), dec!(0.00000003));
        assert_eq!(halves.cost_of(dec!(1)), Some(dec!(0.00000002)));
        // A third of 0.0000000149999999 is 0.00000000499...: below half, although its quotient
        // with the remainder cut off is not far from it.
        let below = holding(dec!(3), dec!(0.0000000149999999));
        assert_eq!(below.cost_of(dec!(1)), Some(dec!(0)));
        let fine = holding(dec!(3), dec!(0.000000015));
        assert_eq!(fine.cost_of(dec!(1)), Some(dec!(0.00000001)));
    }

    #[test]
    fn the_cost_of_a_part_is_never_more_than_the_whole() {
        let dust = holding(dec!(0.00000003), dec!(0.000000009));
        assert_eq!(dust.cost_of(dec!(0.00000002)), Some(dec!(0.000000009)));
    }

    #[test]
    fn money_out_of_nothing_is_noticed() {
        let before = Ledger::new(dec!(100), CostMethod::Average);
        let price = dec!(10);
        let cost = Cost::of(dec!(2), price, dec!(0.001)).unwrap();
        let mut after = before
            .settle(Action::Buy, dec!(2), price, cost)
            .unwrap()
            .ledger;
        assert_eq!(after.conserves(&before, price), Ok(true));
        after.cash += dec!(0.0000000000000001);
        let error = after.conserves(&before, price).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cash + position value + fees would change from 100 to 100.0000000000000001"
        );
        assert!(after.audit(dec!(100), price).is_err());
        assert!(after.is_double_entry(&before).is_err());
    }
}
