//! The messages: executions, one session for each channel.

use chrono::Utc;
use kafka_common::messages::{ExecutionStatus, TradeAction, TradeExecution};
use rust_decimal::Decimal;
use uuid::Uuid;

/// The user whose channel it is.
pub(super) fn user(channel: usize) -> String {
    format!("bench-{channel}")
}

/// A channel's session. New for each run: what is known of an old one must not matter.
pub(super) fn session(run: Uuid, channel: usize) -> Uuid {
    Uuid::new_v5(&run, user(channel).as_bytes())
}

/// A message as long as a real one.
pub(super) fn trade(run: Uuid, channel: usize, sequence: u64) -> TradeExecution {
    let session_id = session(run, channel);
    let exact = |hundredths| Some(Decimal::new(hundredths, 2));
    TradeExecution {
        trade_id: Uuid::new_v5(&session_id, &sequence.to_be_bytes()),
        session_id,
        symbol: "BTCUSD".to_owned(),
        action: TradeAction::Buy,
        quantity: Decimal::new(12_345_678, 8),
        price: Decimal::new(8_778_604, 2),
        status: ExecutionStatus::Filled,
        timestamp: Utc::now(),
        user_id: Some(user(channel)),
        strategy_id: Some(run),
        signal_id: Some(Uuid::new_v5(&run, &sequence.to_be_bytes())),
        fee: exact(1_083),
        slippage: exact(12),
        realized_pnl: exact(-450),
        cash: exact(9_123_456),
        position: Some(Decimal::new(12_345_678, 8)),
        reason: Some("crossed above the average of 50 bars".to_owned()),
        sequence: Some(sequence),
        order: None,
    }
}
