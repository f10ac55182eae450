//! Between the wire's types and the paper exchange's.

use kafka_common::messages as wire;
use paper_exchange as exchange;
use rust_decimal::Decimal;
use uuid::Uuid;

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
