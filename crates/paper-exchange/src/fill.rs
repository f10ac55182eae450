//! One fill: what it costs and whether the ledger can take it. Nothing is applied here.

use rust_decimal::Decimal;

use crate::error::LedgerError;
use crate::ledger::{Cost, Ledger, Settlement};
use crate::order::Action;
use crate::reject::Reject;

/// A fill to be settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) action: Action,
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
    pub(crate) fee_rate: Decimal,
    /// Cash that no other order has reserved.
    pub(crate) available: Decimal,
    /// What the position is valued at afterwards.
    pub(crate) last_price: Decimal,
}

impl Fill {
    /// The ledger after it, or why it can't be.
    ///
    /// # Errors
    /// [`LedgerError::Conservation`] or [`LedgerError::DoubleEntry`].
    pub(crate) fn settle(
        &self,
        ledger: &Ledger,
    ) -> Result<Result<Settlement, Reject>, LedgerError> {
        let settlement = match self.checked(ledger) {
            Ok(settlement) => settlement,
            Err(why) => return Ok(Err(why)),
        };
        if !settlement.ledger.conserves(ledger, self.price)? {
            return Ok(Err(self.inexact()));
        }
        // Sums that can't be computed exactly can't be compared; conservation has been.
        let _ = settlement.ledger.is_double_entry(ledger)?;
        Ok(Ok(settlement))
    }

    fn inexact(&self) -> Reject {
        Reject::PrecisionExceeded { price: self.price }
    }

    fn checked(&self, ledger: &Ledger) -> Result<Settlement, Reject> {
        let (quantity, price) = (self.quantity, self.price);
        if self.action == Action::Sell && quantity > ledger.position {
            let position = ledger.position.normalize();
            return Err(Reject::ExceedsPosition { quantity, position });
        }
        let cost = Cost::of(quantity, price, self.fee_rate).ok_or_else(|| self.inexact())?;
        if self.action == Action::Buy {
            let total = cost.total().ok_or_else(|| self.inexact())?;
            if total > self.available {
                return Err(Reject::CostAboveCash {
                    quantity,
                    price,
                    cost: total.normalize(),
                    fee: cost.fee.normalize(),
                    cash: self.available.normalize(),
                });
            }
        }
        let settled = ledger.settle(self.action, quantity, self.last_price, cost);
        settled.ok_or_else(|| self.inexact())
    }
}
