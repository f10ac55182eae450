//! A plan's order terms as the signal carries them.

use kafka_common::messages::{
    OrderDetails, OrderDistance, OrderStopLoss, OrderTakeProfit, QuantityType,
};
use rust_decimal::Decimal;
use strategy_engine::{Distance, OrderKind, OrderTerms, SizeType, SizingMethod};

/// The order type's name, what it carries, and its size.
pub(crate) struct Order {
    pub(crate) order_type: &'static str,
    pub(crate) details: Option<Box<OrderDetails>>,
    pub(crate) quantity: Decimal,
    pub(crate) quantity_type: QuantityType,
}

/// An order of a size, with terms if it has any.
pub(crate) fn order(quantity: Decimal, size: SizeType, terms: Option<&OrderTerms>) -> Order {
    let mut order = Order {
        order_type: "market",
        details: None,
        quantity,
        quantity_type: quantity_type(size),
    };
    let Some(terms) = terms else {
        return order;
    };
    let mut details = OrderDetails::default();
    order.order_type = match terms.kind {
        OrderKind::Market => "market",
        OrderKind::Limit { limit } => {
            details.limit_price = Some(limit);
            "limit"
        }
        OrderKind::Stop { stop } => {
            details.stop_price = Some(stop);
            "stop"
        }
        OrderKind::StopLimit { stop, limit } => {
            details.stop_price = Some(stop);
            details.limit_price = Some(limit);
            "stop_limit"
        }
        OrderKind::TrailingStop { percent } => {
            details.trail_percent = Some(percent);
            "trailing_stop"
        }
    };
    if let Some(sizing) = &terms.sizing {
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
        (order.quantity, order.quantity_type) = (quantity, quantity_type);
        details.risk_distance = fall.map(wire_distance);
        details.max_cost = sizing.most;
    }
    details.stop_loss = terms.stop_loss.as_ref().map(|stop| OrderStopLoss {
        distance: wire_distance(stop.distance),
        trailing_percent: stop.trailing,
    });
    details.take_profit = terms
        .take_profit
        .iter()
        .map(|target| OrderTakeProfit {
            distance: wire_distance(target.distance),
            portion: target.portion,
        })
        .collect();
    order.details = Some(Box::new(details));
    order
}

fn quantity_type(size: SizeType) -> QuantityType {
    match size {
        SizeType::Units => QuantityType::Units,
        SizeType::CashAmount => QuantityType::CashAmount,
        SizeType::PercentOfCash => QuantityType::PercentOfCash,
        SizeType::PercentOfPosition => QuantityType::PercentOfPosition,
    }
}

fn wire_distance(distance: Distance) -> OrderDistance {
    let mut wire = OrderDistance::default();
    match distance {
        Distance::Percent(percent) => wire.percent = Some(percent),
        // Of a signal, `Times` has become an amount: its factor alone would mean nothing.
        Distance::Amount(amount) => wire.amount = Some(amount),
        Distance::Times { .. } => {}
        Distance::Risk(times) => wire.risk_multiple = Some(times),
    }
    wire
}
