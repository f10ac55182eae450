//! The records that are sent and read.

use std::time::Duration;

use chrono::DateTime;
use kafka_common::messages::{
    ExecutionStatus, MarketDataUpdate, TakerSide, TradeAction, TradeExecution,
};
use kafka_common::topics::TradeExecutions;
use kafka_common::{KafkaSettings, Topic as _, envelope};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::produce;

/// Keys, so that every partition has some.
const KEYS: u64 = 40;
/// Longest wait for what must be delivered.
const DELIVERY: Duration = Duration::from_secs(120);

/// Trades of a market.
pub(super) fn ticks(count: u64) -> Vec<MarketDataUpdate> {
    (0..count).map(tick).collect()
}

/// A trade of a market, about 260 bytes in its envelope.
pub(super) fn tick(number: u64) -> MarketDataUpdate {
    MarketDataUpdate {
        symbol: format!("S{}USD", number % KEYS),
        price: Decimal::new(8_778_604 + (number % 1_000) as i64, 2),
        volume: Decimal::new(12_345_678 + (number % 977) as i64, 8),
        timestamp: DateTime::UNIX_EPOCH + Duration::from_millis(1_767_571_200_000 + number),
        source: "simulator".to_owned(),
        trade_id: Some(number),
        sequence: Some(3 * number),
        side: Some(TakerSide::Buy),
        bid: Some(Decimal::new(8_778_603, 2)),
        ask: Some(Decimal::new(8_778_605, 2)),
        quote_age_ms: Some(0),
        backfilled: false,
        gap: None,
    }
}

fn execution(number: u64) -> TradeExecution {
    let session_id = Uuid::from_u128(u128::from(number % KEYS));
    TradeExecution {
        trade_id: Uuid::from_u128(u128::from(number)),
        session_id,
        symbol: "BTCUSD".to_owned(),
        action: TradeAction::Buy,
        quantity: Decimal::new(12_345_678, 8),
        price: Decimal::new(8_778_604 + (number % 1_000) as i64, 2),
        status: ExecutionStatus::Filled,
        timestamp: DateTime::UNIX_EPOCH + Duration::from_millis(1_767_571_200_000 + number),
        user_id: Some("guest-5f0d6f4c".to_owned()),
        strategy_id: Some(session_id),
        signal_id: Some(session_id),
        fee: Some(Decimal::new(1_083, 2)),
        slippage: None,
        realized_pnl: Some(Decimal::new(-4_217, 2)),
        cash: Some(Decimal::new(9_876_543, 2)),
        position: Some(Decimal::new(12_345_678, 8)),
        reason: None,
        sequence: Some(number),
        order: None,
    }
}

/// Fills `trade-executions`.
pub(super) async fn write_executions(settings: &KafkaSettings, count: u64) -> anyhow::Result<()> {
    let producer: BaseProducer = settings.producer("bench").create()?;
    let topic = settings.topic(TradeExecutions::SPEC.name);
    tokio::task::spawn_blocking(move || {
        for number in 0..count {
            let execution = execution(number);
            let value = envelope::encode("forward-test", execution.timestamp, &execution)?;
            let key = execution.session_id.to_string();
            let record = BaseRecord::to(&topic).key(key.as_str()).payload(&value[..]);
            produce::send(&producer, record)?;
        }
        producer.flush(DELIVERY)?;
        Ok(())
    })
    .await?
}
