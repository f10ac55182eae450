//! Rules for orders that need no market.

use rust_decimal::Decimal;

use crate::exact::{MONEY_SCALE, mul, normalized};
use crate::kind::{Distance, OrderKind, OrderTerms, TimeInForce};
use crate::model::ProductRules;
use crate::order::{Action, OrderRequest, QuantityType};
use crate::reject::Reject;
use crate::terms::{MAX_PRICE, SessionTerms};

const MAX_TARGETS: usize = 9;

/// Checks what an order carries besides side and size, in the order of the rules.
pub(crate) fn terms(
    request: &OrderRequest,
    terms: &OrderTerms,
    product: &ProductRules,
) -> Result<(), Reject> {
    let wrong = |what| Err(Reject::Invalid(what));
    let at_risk = matches!(
        request.quantity_type,
        QuantityType::PercentAtRisk | QuantityType::AmountAtRisk
    );
    if terms.is_plain() {
        return match at_risk {
            true => wrong("a size by what is at risk needs a distance"),
            false => Ok(()),
        };
    }
    for price in [terms.kind.trigger(), terms.kind.limit()]
        .into_iter()
        .flatten()
    {
        if price <= Decimal::ZERO || price > MAX_PRICE || price.normalize().scale() > MONEY_SCALE {
            return wrong(
                "a price must be above 0, at most 1000000000000, with at most 8 decimals",
            );
        }
        if let Some(increment) = product.price_increment
            && !(price % increment).is_zero()
        {
            return Err(Reject::PriceIncrement {
                price: price.normalize(),
                increment: increment.normalize(),
            });
        }
    }
    let trails = |percent: Decimal| {
        percent > Decimal::ZERO
            && percent < Decimal::ONE_HUNDRED
            && percent.normalize().scale() <= MONEY_SCALE
    };
    let of_kind = match terms.kind {
        OrderKind::TrailingStop { percent } => Some(percent),
        _ => None,
    };
    let of_exit = terms.stop_loss.and_then(|stop| stop.trailing);
    if of_kind
        .into_iter()
        .chain(of_exit)
        .any(|percent| !trails(percent))
    {
        return wrong(
            "a trailing percentage must be above 0 and below 100, with at most 8 decimals",
        );
    }
    if terms.post_only && (terms.kind.limit().is_none() || terms.time_in_force.is_immediate()) {
        return wrong("post-only is for limit orders that may wait");
    }
    if terms.reduce_only && request.action == Action::Buy {
        return wrong("a purchase never reduces the position");
    }
    if let TimeInForce::Gtd { until } = terms.time_in_force
        && until <= request.time
    {
        return wrong("its time is over before it is placed");
    }
    if terms.exits() > 0 && request.action == Action::Sell {
        return wrong("a stop-loss and a take-profit belong to a purchase");
    }
    let portions: Option<Decimal> =
        terms
            .take_profit
            .iter()
            .try_fold(Decimal::ZERO, |sum, target| match target.portion {
                portion if portion <= Decimal::ZERO => None,
                portion => sum.checked_add(portion),
            });
    let portions_fit = portions.is_some_and(|sum| sum <= Decimal::ONE_HUNDRED);
    if terms.take_profit.len() > MAX_TARGETS || !portions_fit {
        return wrong("at most 9 targets, of portions above 0 that add up to at most 100");
    }
    let of_targets = terms.take_profit.iter().map(|target| target.distance);
    let of_stop = terms.stop_loss.map(|stop| stop.distance);
    let of_risk = terms.risk_distance;
    for distance in of_targets.clone().chain(of_stop).chain(of_risk) {
        let figure = distance.figure();
        if figure <= Decimal::ZERO || figure > MAX_PRICE {
            return wrong("a distance must be above 0 and at most 1000000000000");
        }
    }
    let of_itself = |distance: Option<Distance>| matches!(distance, Some(Distance::Risk(_)));
    let by_risk = of_targets
        .into_iter()
        .any(|distance| of_itself(Some(distance)));
    if of_itself(of_stop) || of_itself(of_risk) || (by_risk && of_stop.is_none()) {
        return wrong("a distance in multiples of the stop's needs a stop that has its own");
    }
    if at_risk && of_risk.is_none() {
        return wrong("a size by what is at risk needs a distance");
    }
    let fits = |most: Decimal| {
        most > Decimal::ZERO && most <= MAX_PRICE && most.normalize().scale() <= MONEY_SCALE
    };
    if terms.most.is_some_and(|most| !fits(most)) {
        return wrong(
            "the most that it may cost must be above 0, at most 1000000000000, with at most 8 decimals",
        );
    }
    Ok(())
}

/// Checks an order's size at a price against the product's minimums and the largest order.
pub(crate) fn size(
    quantity: Decimal,
    price: Decimal,
    session: &SessionTerms,
) -> Result<(), Reject> {
    let product = session.market().product;
    let quantity = normalized(quantity);
    if let Some(increment) = product.quantity_increment
        && !(quantity % increment).is_zero()
    {
        return Err(Reject::QuantityIncrement {
            quantity,
            increment: increment.normalize(),
        });
    }
    if let Some(least) = product.min_quantity
        && quantity < least
    {
        let least = least.normalize();
        return Err(Reject::MinQuantity { quantity, least });
    }
    let limit = session.risk().max_order;
    if product.min_notional.is_none() && limit.is_none() {
        return Ok(());
    }
    let worth = mul(quantity, price).ok_or(Reject::PrecisionExceeded { price })?;
    let worth = worth.normalize();
    if let Some(least) = product.min_notional
        && worth < least
    {
        let least = least.normalize();
        return Err(Reject::MinNotional { worth, least });
    }
    match limit {
        Some(limit) if worth > limit => Err(Reject::RiskOrder {
            worth,
            limit: limit.normalize(),
        }),
        _ => Ok(()),
    }
}
