//! One pending order meets one trade.

use rust_decimal::Decimal;

use crate::error::LedgerError;
use crate::ledger::{Cost, Ledger, Settlement};
use crate::order::{Action, OrderRequest};
use crate::reject::Reject;
use crate::sizing::quantity_at;

/// What came of it. Nothing is applied yet.
pub(crate) enum Outcome {
    Filled {
        quantity: Decimal,
        settlement: Settlement,
    },
    Rejected {
        quantity: Decimal,
        why: Reject,
    },
}

/// Fills the whole order at `price`, or says why not.
///
/// # Errors
/// [`LedgerError::Conservation`].
pub(crate) fn fill(
    order: &OrderRequest,
    ledger: &Ledger,
    fee_rate: Decimal,
    price: Decimal,
) -> Result<Outcome, LedgerError> {
    let quantity = match quantity_at(order, ledger, fee_rate, price) {
        Ok(quantity) => quantity,
        Err(why) => {
            return Ok(Outcome::Rejected {
                quantity: order.units_as_asked(),
                why,
            });
        }
    };
    match settle(order.action, quantity, ledger, fee_rate, price) {
        Ok(settlement) if settlement.ledger.conserves(ledger, price)? => Ok(Outcome::Filled {
            quantity,
            settlement,
        }),
        Ok(_) => Ok(Outcome::Rejected {
            quantity,
            why: Reject::PrecisionExceeded { price },
        }),
        Err(why) => Ok(Outcome::Rejected { quantity, why }),
    }
}

fn settle(
    action: Action,
    quantity: Decimal,
    ledger: &Ledger,
    fee_rate: Decimal,
    price: Decimal,
) -> Result<Settlement, Reject> {
    let inexact = || Reject::PrecisionExceeded { price };
    if action == Action::Sell && quantity > ledger.position {
        let position = ledger.position.normalize();
        return Err(Reject::ExceedsPosition { quantity, position });
    }
    let cost = Cost::of(quantity, price, fee_rate).ok_or_else(inexact)?;
    if action == Action::Buy {
        let total = cost.total().ok_or_else(inexact)?;
        if total > ledger.cash {
            return Err(Reject::CostAboveCash {
                quantity,
                price,
                cost: total.normalize(),
                fee: cost.fee.normalize(),
                cash: ledger.cash.normalize(),
            });
        }
    }
    ledger
        .settle(action, quantity, price, cost)
        .ok_or_else(inexact)
}
