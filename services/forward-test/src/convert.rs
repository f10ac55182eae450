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
    wire::TradeExecution {
        trade_id: execution.trade_id(),
        session_id: Uuid::nil(),
        symbol: String::new(),
        action: match execution.action {
            exchange::Action::Buy => wire::TradeAction::Buy,
            exchange::Action::Sell => wire::TradeAction::Sell,
        },
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
    }
}
