//! The payloads: `data` of each topic's envelope, field for field as the specification shows them,
//! with optional additions only. A reader ignores fields that it doesn't know.

mod market_data;
mod operations;
mod orders;
mod strategy;
mod trading;

pub use market_data::{
    MarketDataUpdate, MissingTrades, SubscriptionAction, SymbolSubscription, TakerSide, TickView,
};
pub use operations::{
    AuditLog, PortfolioUpdate, RealtimeUpdate, ServiceHealth, Severity, UserNotification,
};
pub use orders::{
    ExecutedOrder, OrderDetails, OrderDistance, OrderStopLoss, OrderTakeProfit, OrderUpdate,
};
pub use strategy::{
    Cause, QuantityType, RecordKind, SessionStart, Signal, SignalAction, SignalMarketData,
    StrategyCompilation, StrategySignal,
};
pub use trading::{
    Equity, ExecutionStatus, ForwardTestEvent, ForwardTestEventKind, TradeAction, TradeExecution,
};
