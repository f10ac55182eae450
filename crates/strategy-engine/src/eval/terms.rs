//! An order's terms at the moment of its signal.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::cell::Results;
use crate::plan::{Distance, OrderTerms};

/// The terms with what their operations give now; none inside for a plain market order, and none at
/// all if an operation has no value from which a distance could be made.
pub(super) fn in_figures(terms: &OrderTerms, results: &Results) -> Option<Option<Box<OrderTerms>>> {
    if terms.is_plain() {
        return Some(None);
    }
    let mut terms = Box::new(terms.clone());
    for distance in terms.distances_mut() {
        if let Distance::Times { of, by } = *distance {
            let value = results.numbers[of as usize];
            let amount = Decimal::from_f64(value)?.checked_mul(by)?;
            if amount <= Decimal::ZERO {
                return None;
            }
            *distance = Distance::Amount(amount.normalize());
        }
    }
    Some(Some(terms))
}
