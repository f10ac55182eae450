//! A strategy's signal as the paper exchange takes it. On its way through the log a forward test's
//! signal becomes the same order: a test holds the two ledgers equal.

use chrono::{DateTime, Utc};
use paper_exchange::{
    Action, Distance, OrderKind, OrderRequest, OrderTerms, QuantityType, StopLoss, Target,
};
use strategy_engine::{Side, Signal, SizeType, SizingMethod};
use uuid::Uuid;

/// The order, and its terms.
pub(crate) fn order(
    signal: Signal,
    signal_id: Uuid,
    time: DateTime<Utc>,
) -> (OrderRequest, OrderTerms) {
    let mut request = OrderRequest {
        signal_id,
        action: match signal.action {
            Side::Buy => Action::Buy,
            Side::Sell => Action::Sell,
        },
        quantity: signal.quantity,
        quantity_type: match signal.quantity_type {
            SizeType::Units => QuantityType::Units,
            SizeType::CashAmount => QuantityType::CashAmount,
            SizeType::PercentOfCash => QuantityType::PercentOfCash,
            SizeType::PercentOfPosition => QuantityType::PercentOfPosition,
        },
        reason: signal.reason,
        time,
    };
    let Some(wanted) = signal.terms else {
        return (request, OrderTerms::default());
    };
    let mut terms = OrderTerms {
        kind: kind(wanted.kind),
        ..OrderTerms::default()
    };
    if let Some(sizing) = &wanted.sizing {
        let (quantity, quantity_type, fall) = match sizing.method {
            SizingMethod::PercentOfEquity(percent) => {
                (percent, QuantityType::PercentOfEquity, None)
            }
            SizingMethod::PercentAtRisk { percent, distance } => {
                (percent, QuantityType::PercentAtRisk, Some(distance))
            }
            SizingMethod::AmountAtRisk { amount, distance } => {
                (amount, QuantityType::AmountAtRisk, Some(distance))
            }
        };
        (request.quantity, request.quantity_type) = (quantity, quantity_type);
        terms.risk_distance = fall.and_then(distance);
        terms.most = sizing.most;
    }
    terms.stop_loss = wanted.stop_loss.as_ref().and_then(|stop| {
        Some(StopLoss {
            distance: distance(stop.distance)?,
            trailing: stop.trailing,
        })
    });
    let targets = wanted.take_profit.iter().filter_map(|target| {
        Some(Target {
            distance: distance(target.distance)?,
            portion: target.portion,
        })
    });
    terms.take_profit = targets.collect();
    (request, terms)
}

fn kind(kind: strategy_engine::OrderKind) -> OrderKind {
    use strategy_engine::OrderKind as Wanted;
    match kind {
        Wanted::Market => OrderKind::Market,
        Wanted::Limit { limit } => OrderKind::Limit { limit },
        Wanted::Stop { stop } => OrderKind::Stop { stop },
        Wanted::StopLimit { stop, limit } => OrderKind::StopLimit { stop, limit },
        Wanted::TrailingStop { percent } => OrderKind::TrailingStop { percent },
    }
}

/// None of a multiple of an operation: in a signal it has become an amount.
fn distance(distance: strategy_engine::Distance) -> Option<Distance> {
    use strategy_engine::Distance as Wanted;
    match distance {
        Wanted::Percent(percent) => Some(Distance::Percent(percent)),
        Wanted::Amount(amount) => Some(Distance::Amount(amount)),
        Wanted::Risk(times) => Some(Distance::Risk(times)),
        Wanted::Times { .. } => None,
    }
}
