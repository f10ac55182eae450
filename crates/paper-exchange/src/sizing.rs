//! How many units an order is for, in whole numbers: quantities count 1e-8 units, prices and fees
//! 1e-8 of the quote currency, money *grains* of 1e-16, so that quantity * price is in grains.

use rust_decimal::Decimal;

use crate::exact::{
    MONEY_SCALE, from_units, magnitude, mul_div, normalized, pow10, round8, to_units,
};
use crate::kind::{Distance, OrderTerms};
use crate::order::{Action, OrderRequest, QuantityType};
use crate::reject::Reject;
use crate::terms::MAX_PRICE;

const GRAIN_SCALE: u32 = 2 * MONEY_SCALE;
const UNIT: u128 = 10_u128.pow(MONEY_SCALE);
const GRAINS: u128 = 10_u128.pow(GRAIN_SCALE);
/// 1e20 of the quote currency: a budget below it leaves room for a product with 1e8 in 128 bits.
const BUDGET_LIMIT: u128 = GRAINS * 10_u128.pow(20);
/// A percentage in units of 1e-8 percent is a fraction in units of 1e-10.
const PERCENT_SCALE: u32 = MONEY_SCALE + 2;

/// What an order's size is computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means {
    /// Cash that no open order has reserved.
    pub(crate) cash: Decimal,
    pub(crate) position: Decimal,
    /// All cash + position at `price`; none if it isn't exact.
    pub(crate) equity: Option<Decimal>,
    pub(crate) price: Decimal,
    pub(crate) fee_rate: Decimal,
    /// What sizes are rounded down to, and sizes in units must be.
    pub(crate) increment: Option<Decimal>,
}

/// The units that `order` is for, at least 1e-8.
pub(crate) fn quantity_at(
    order: &OrderRequest,
    terms: &OrderTerms,
    means: &Means,
) -> Result<Decimal, Reject> {
    let (quantity, price) = (order.quantity, means.price);
    let inexact = Reject::PrecisionExceeded { price };
    if order.action == Action::Sell && means.position.is_zero() {
        return Err(Reject::NoPosition);
    }
    let steps = match order.quantity_type {
        QuantityType::Units => to_units(quantity, MONEY_SCALE),
        QuantityType::CashAmount => {
            let cash = means.cash.normalize();
            if order.action == Action::Buy && quantity > cash {
                return Err(Reject::AmountAboveCash {
                    amount: quantity,
                    cash,
                });
            }
            let budget = to_units(quantity, GRAIN_SCALE);
            budget.and_then(|budget| steps_for(budget, price, means.fee_rate))
        }
        QuantityType::PercentOfCash => {
            let budget = percent_of_cash(means.cash, quantity)
                .filter(|grains| *grains < BUDGET_LIMIT)
                .ok_or(Reject::BudgetTooLarge { quantity })?;
            steps_for(budget, price, means.fee_rate)
        }
        QuantityType::PercentOfPosition => percent_of_position(means.position, quantity),
        QuantityType::PercentOfEquity
        | QuantityType::PercentAtRisk
        | QuantityType::AmountAtRisk => from_equity(order, terms, means)?,
    };
    let Some(steps) = steps else {
        return Err(inexact);
    };
    let steps = match means.increment {
        Some(increment) if order.quantity_type == QuantityType::Units => {
            if !(quantity % increment).is_zero() {
                return Err(Reject::QuantityIncrement {
                    quantity,
                    increment: increment.normalize(),
                });
            }
            steps
        }
        Some(increment) => {
            let increment = to_units(increment, MONEY_SCALE).unwrap_or(1).max(1);
            steps - steps % increment
        }
        None => steps,
    };
    if steps == 0 {
        let quantity_type = order.quantity_type;
        return Err(Reject::RoundsToZero {
            quantity,
            quantity_type,
            price,
        });
    }
    from_units(steps, MONEY_SCALE)
        .map(normalized)
        .ok_or(inexact)
}

/// Sizes from the equity: at most what `most` and the cash pay, or what there is to sell.
fn from_equity(
    order: &OrderRequest,
    terms: &OrderTerms,
    means: &Means,
) -> Result<Option<u128>, Reject> {
    let quantity = order.quantity;
    let too_large = || Reject::BudgetTooLarge { quantity };
    let all_cash = percent_of_cash(means.cash, Decimal::ONE_HUNDRED);
    let most = terms.most.and_then(|most| to_units(most, GRAIN_SCALE));
    let ceiling = match order.action {
        Action::Buy => all_cash.map(|cash| most.map_or(cash, |most| most.min(cash))),
        Action::Sell => Some(most.unwrap_or(BUDGET_LIMIT - 1)),
    };
    let ceiling = ceiling
        .filter(|grains| *grains < BUDGET_LIMIT)
        .ok_or_else(too_large)?;
    let amount = match order.quantity_type {
        QuantityType::AmountAtRisk => to_units(quantity, GRAIN_SCALE),
        _ => means
            .equity
            .and_then(|equity| percent_of_cash(equity, quantity)),
    };
    let amount = amount.ok_or_else(too_large)?;
    let steps = match order.quantity_type {
        QuantityType::PercentOfEquity => {
            steps_for(amount.min(ceiling), means.price, means.fee_rate)
        }
        _ => {
            let distance = terms
                .risk_distance
                .unwrap_or(Distance::Percent(Decimal::ONE_HUNDRED));
            let fall = fall_of(distance, means.price, Decimal::ZERO);
            let fall = to_units(fall, MONEY_SCALE).filter(|fall| *fall > 0);
            fall.zip(steps_for(ceiling, means.price, means.fee_rate))
                .map(|(fall, affordable)| (amount / fall).min(affordable))
        }
    };
    let held = to_units(means.position, MONEY_SCALE);
    Ok(match order.action {
        Action::Buy => steps,
        Action::Sell => steps.zip(held).map(|(steps, held)| steps.min(held)),
    })
}

/// A distance at a price, rounded to 8 decimals and at least 1e-8; `risk` is the stop's.
pub(crate) fn fall_of(distance: Distance, price: Decimal, risk: Decimal) -> Decimal {
    let exactly = match distance {
        Distance::Percent(percent) => price.checked_mul(percent).map(|x| x / Decimal::ONE_HUNDRED),
        Distance::Amount(amount) => Some(amount),
        Distance::Risk(times) => risk.checked_mul(times),
    };
    let least = Decimal::new(1, MONEY_SCALE);
    exactly.map_or(MAX_PRICE, |fall| round8(fall).clamp(least, MAX_PRICE))
}

/// Grains, rounded down: costs are whole grains, so the fraction of one can't buy anything.
fn percent_of_cash(cash: Decimal, percent: Decimal) -> Option<u128> {
    let fraction = to_units(percent, MONEY_SCALE)?;
    // cash is mantissa / 10^scale; grains = mantissa * fraction / 10^(scale + 10 - 16).
    let (up, down) = (
        pow10((GRAIN_SCALE - PERCENT_SCALE).saturating_sub(cash.scale()))?,
        pow10((cash.scale() + PERCENT_SCALE).saturating_sub(GRAIN_SCALE))?,
    );
    Some(mul_div(magnitude(cash).checked_mul(up)?, fraction, down)?.0)
}

fn percent_of_position(position: Decimal, percent: Decimal) -> Option<u128> {
    let held = to_units(position, MONEY_SCALE)?;
    let fraction = to_units(percent, MONEY_SCALE)?;
    Some(mul_div(held, fraction, pow10(PERCENT_SCALE)?)?.0)
}

/// The largest number of 1e-8 units whose cost with fee is within `budget` grains.
fn steps_for(budget: u128, price: Decimal, fee_rate: Decimal) -> Option<u128> {
    let price = to_units(price, MONEY_SCALE)?;
    let rate = to_units(fee_rate, MONEY_SCALE)?;
    // Without the rounding of the fee, k steps cost k * price * (1 + rate). The rounding moves
    // that by at most half of 1e-8, which is less than `slack` steps are worth: the answer
    // lies within `slack` of the unrounded one.
    let full_price = price * (UNIT + rate);
    let near = (budget / full_price) * UNIT + (budget % full_price) * UNIT / full_price;
    let slack = UNIT / price + 1;
    let mut affordable = near.saturating_sub(slack);
    let mut too_many = near + slack + 1;
    while too_many - affordable > 1 {
        let middle = affordable + (too_many - affordable) / 2;
        if cost(middle, price, rate)? <= budget {
            affordable = middle;
        } else {
            too_many = middle;
        }
    }
    Some(affordable)
}

/// Notional and fee of `steps`, in grains.
fn cost(steps: u128, price: u128, rate: u128) -> Option<u128> {
    let notional = steps.checked_mul(price)?;
    // The fee, rounded half up to 1e-8: notional * rate / 1e16, split so that it can't overflow.
    let (whole, rest) = (notional / GRAINS, notional % GRAINS);
    let fee = whole * rate + (rest * rate + GRAINS / 2) / GRAINS;
    notional.checked_add(fee.checked_mul(UNIT)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::ledger::fee;
    use proptest::prelude::*;
    use rust_decimal_macros::dec;

    #[test]
    fn the_whole_balance_can_be_spent_to_the_last_step() {
        // 1e12 at 1e-8 without a fee: 1e20 units.
        let steps = steps_for(GRAINS * 10_u128.pow(12), dec!(0.00000001), dec!(0)).unwrap();
        assert_eq!(steps, 10_u128.pow(28));
        // 100 at 10 with 0.1 %: 9.99000999 costs 99.9000999 + 0.0999001 = 100.0000000 exactly.
        let steps = steps_for(GRAINS * 100, dec!(10), dec!(0.001)).unwrap();
        assert_eq!(steps, 999_000_999);
    }

    proptest! {
        #[test]
        fn the_next_step_would_cost_too_much(
            budget in 0_u128..BUDGET_LIMIT, shift in 0_u32..110,
            price in 1_u128..10_u128.pow(20), price_shift in 0_u32..66,
            rate in 0_u128..=10_000_000,
        ) {
            let (budget, price) = (budget >> shift, (price >> price_shift).max(1));
            let p = from_units(price, 8).unwrap();
            let r = from_units(rate, 8).unwrap();
            let steps = steps_for(budget, p, r).unwrap();
            prop_assert!(cost(steps, price, rate).unwrap() <= budget);
            prop_assert!(cost(steps + 1, price, rate).unwrap() > budget);
        }

        #[test]
        fn the_fee_in_grains_is_the_ledgers_fee(
            steps in 1_u128..10_u128.pow(16), price in 1_u128..10_u128.pow(11),
            rate in 0_u128..=10_000_000,
        ) {
            let notional = from_units(steps * price, GRAIN_SCALE).unwrap();
            let expected = fee(notional, from_units(rate, 8).unwrap()).unwrap();
            let actual = cost(steps, price, rate).unwrap() - steps * price;
            prop_assert_eq!(from_units(actual, GRAIN_SCALE).unwrap(), expected);
        }
    }
}
