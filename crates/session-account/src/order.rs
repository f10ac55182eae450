//! Orders as the wire has them, in the paper exchange's terms.

use kafka_common::messages as wire;
use paper_exchange as exchange;

/// An order's side; none for HOLD.
pub fn action(action: wire::SignalAction) -> Option<exchange::Action> {
    match action {
        wire::SignalAction::Buy => Some(exchange::Action::Buy),
        wire::SignalAction::Sell => Some(exchange::Action::Sell),
        wire::SignalAction::Hold => None,
    }
}

/// What an order's quantity counts.
pub fn quantity_type(quantity_type: wire::QuantityType) -> exchange::QuantityType {
    match quantity_type {
        wire::QuantityType::Units => exchange::QuantityType::Units,
        wire::QuantityType::CashAmount => exchange::QuantityType::CashAmount,
        wire::QuantityType::PercentOfCash => exchange::QuantityType::PercentOfCash,
        wire::QuantityType::PercentOfPosition => exchange::QuantityType::PercentOfPosition,
        wire::QuantityType::PercentOfEquity => exchange::QuantityType::PercentOfEquity,
        wire::QuantityType::PercentAtRisk => exchange::QuantityType::PercentAtRisk,
        wire::QuantityType::AmountAtRisk => exchange::QuantityType::AmountAtRisk,
    }
}

/// An order's terms.
///
/// # Errors
/// The field that is wrong, and what to do about it.
pub fn order_terms(
    order_type: Option<&str>,
    details: Option<&wire::OrderDetails>,
) -> Result<exchange::OrderTerms, (&'static str, &'static str)> {
    let none = wire::OrderDetails::default();
    let details = details.unwrap_or(&none);
    let limit = details
        .limit_price
        .ok_or(("limit_price", "the order type needs one"));
    let stop = details
        .stop_price
        .ok_or(("stop_price", "the order type needs one"));
    let kind = match order_type.unwrap_or("market") {
        "market" => exchange::OrderKind::Market,
        "limit" => exchange::OrderKind::Limit { limit: limit? },
        "stop" => exchange::OrderKind::Stop { stop: stop? },
        "stop_limit" => exchange::OrderKind::StopLimit {
            stop: stop?,
            limit: limit?,
        },
        "trailing_stop" => exchange::OrderKind::TrailingStop {
            percent: details
                .trail_percent
                .ok_or(("trail_percent", "the order type needs one"))?,
        },
        "take_profit" => exchange::OrderKind::TakeProfit { target: stop? },
        _ => {
            return Err((
                "order_type",
                "use market, limit, stop, stop_limit, trailing_stop or take_profit",
            ));
        }
    };
    let time_in_force = match details.time_in_force.as_deref().unwrap_or("gtc") {
        "gtc" => exchange::TimeInForce::Gtc,
        "ioc" => exchange::TimeInForce::Ioc,
        "fok" => exchange::TimeInForce::Fok,
        "day" => exchange::TimeInForce::Day,
        "gtd" => exchange::TimeInForce::Gtd {
            until: details.expires_at.ok_or(("expires_at", "gtd needs it"))?,
        },
        _ => return Err(("time_in_force", "use gtc, ioc, fok, gtd or day")),
    };
    let stop_loss = match &details.stop_loss {
        Some(stop) => Some(exchange::StopLoss {
            distance: distance(&stop.distance).ok_or(("stop_loss", ONE_DISTANCE))?,
            trailing: stop.trailing_percent,
        }),
        None => None,
    };
    let take_profit = details.take_profit.iter().map(|target| {
        Ok::<_, (&str, &str)>(exchange::Target {
            distance: distance(&target.distance).ok_or(("take_profit", ONE_DISTANCE))?,
            portion: target.portion,
        })
    });
    let risk_distance = details
        .risk_distance
        .as_ref()
        .map(|fall| distance(fall).ok_or(("risk_distance", ONE_DISTANCE)));
    Ok(exchange::OrderTerms {
        kind,
        time_in_force,
        reduce_only: details.reduce_only,
        post_only: details.post_only,
        group: details.group,
        stop_loss,
        take_profit: take_profit.collect::<Result<_, _>>()?,
        risk_distance: risk_distance.transpose()?,
        most: details.max_cost,
    })
}

const ONE_DISTANCE: &str = "give a percent, an amount or a risk_multiple, and only one of them";

fn distance(wire: &wire::OrderDistance) -> Option<exchange::Distance> {
    match (wire.percent, wire.amount, wire.risk_multiple) {
        (Some(percent), None, None) => Some(exchange::Distance::Percent(percent)),
        (None, Some(amount), None) => Some(exchange::Distance::Amount(amount)),
        (None, None, Some(times)) => Some(exchange::Distance::Risk(times)),
        _ => None,
    }
}
