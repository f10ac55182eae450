//! Between the wire's types and the paper exchange's.

use kafka_common::messages as wire;
use paper_exchange as exchange;
use rust_decimal::Decimal;
use uuid::Uuid;

/// An order's side; none for HOLD.
pub(crate) fn action(action: wire::SignalAction) -> Option<exchange::Action> {
    match action {
        wire::SignalAction::Buy => Some(exchange::Action::Buy),
        wire::SignalAction::Sell => Some(exchange::Action::Sell),
        wire::SignalAction::Hold => None,
    }
}

pub(crate) fn quantity_type(quantity_type: wire::QuantityType) -> exchange::QuantityType {
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

pub(crate) fn equity(point: &exchange::EquityPoint) -> wire::Equity {
    wire::Equity {
        price: point.price,
        cash: point.cash,
        position: point.position,
        equity: point.equity,
    }
}

/// An execution, still without the session's own fields.
pub(crate) fn execution(execution: exchange::Execution) -> wire::TradeExecution {
    let number = |value: Decimal| Some(value.normalize());
    let order = wire::ExecutedOrder {
        order_id: execution.order_id(),
        order_type: execution.kind.as_str().to_owned(),
        leg: execution.leg.as_str().to_owned(),
        liquidity: execution.liquidity.map(|side| side.as_str().to_owned()),
        remaining: execution.remaining,
    };
    wire::TradeExecution {
        trade_id: execution.trade_id(),
        session_id: Uuid::nil(),
        symbol: String::new(),
        action: trade_action(execution.action),
        quantity: execution.quantity.normalize(),
        price: execution.price.normalize(),
        status: match execution.status {
            exchange::ExecutionStatus::Filled => wire::ExecutionStatus::Filled,
            exchange::ExecutionStatus::Rejected => wire::ExecutionStatus::Rejected,
        },
        timestamp: execution.time,
        user_id: None,
        strategy_id: None,
        signal_id: Some(execution.signal_id),
        fee: number(execution.fee),
        slippage: number(execution.slippage),
        realized_pnl: number(execution.realized_pnl),
        cash: number(execution.cash),
        position: number(execution.position),
        reason: Some(execution.reason),
        sequence: Some(execution.sequence),
        order: Some(Box::new(order)),
    }
}

/// An execution of the wire as the exchange wrote it, as far as the ledger's fingerprint reads it.
pub(crate) fn executed(wire: &wire::TradeExecution) -> exchange::Execution {
    exchange::Execution {
        sequence: wire.sequence.unwrap_or_default(),
        ordinal: 0,
        status: match wire.status {
            wire::ExecutionStatus::Filled => exchange::ExecutionStatus::Filled,
            wire::ExecutionStatus::Rejected => exchange::ExecutionStatus::Rejected,
        },
        action: match wire.action {
            wire::TradeAction::Buy => exchange::Action::Buy,
            wire::TradeAction::Sell => exchange::Action::Sell,
        },
        quantity: wire.quantity,
        price: wire.price,
        fee: wire.fee.unwrap_or_default(),
        slippage: wire.slippage.unwrap_or_default(),
        realized_pnl: wire.realized_pnl.unwrap_or_default(),
        cash: wire.cash.unwrap_or_default(),
        position: wire.position.unwrap_or_default(),
        reason: wire.reason.clone().unwrap_or_default(),
        time: wire.timestamp,
        signal_id: wire.signal_id.unwrap_or_default(),
        leg: exchange::Leg::Entry,
        kind: exchange::OrderKind::Market,
        liquidity: None,
        remaining: Decimal::ZERO,
    }
}

fn trade_action(action: exchange::Action) -> wire::TradeAction {
    match action {
        exchange::Action::Buy => wire::TradeAction::Buy,
        exchange::Action::Sell => wire::TradeAction::Sell,
    }
}

/// An order's change.
pub(crate) fn order_update(event: exchange::OrderEvent) -> wire::OrderUpdate {
    wire::OrderUpdate {
        order_id: event.order_id(),
        signal_id: event.signal_id,
        status: event.status.as_str().to_owned(),
        action: trade_action(event.action),
        order_type: event.kind.as_str().to_owned(),
        leg: event.leg.as_str().to_owned(),
        time_in_force: event.time_in_force.as_str().to_owned(),
        quantity: event.quantity,
        filled: event.filled,
        limit_price: event.kind.limit().map(|limit| limit.normalize()),
        stop_price: event.trigger,
        reason: event.reason,
    }
}

/// An order's terms, or what is wrong with them and where.
pub(crate) fn order_terms(
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
