//! Sessions and their equity as HTTP shows them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use crate::repository::{EquityRow, SessionRow};

/// A session as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionAnswer {
    id: Uuid,
    name: String,
    strategy_id: Uuid,
    strategy_name: String,
    strategy_version: i32,
    symbol: String,
    timeframe: String,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    initial_balance: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fee_rate: Decimal,
    /// Further terms, as `POST /v1/sessions` takes them; null where orders fill whole at the next
    /// trade, for one fee.
    #[schema(value_type = Option<Object>)]
    terms: Option<serde_json::Value>,
    /// `PENDING`, `RUNNING`, `PAUSED`, `CLOSING`, `STOPPING`, `STOPPED` or `ERROR`.
    status: String,
    status_reason: Option<String>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    cash: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    position: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    #[serde(with = "kafka_common::decimal::number_opt")]
    #[schema(value_type = Option<f64>)]
    last_price: Option<Decimal>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    realized_pnl: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    fees: Decimal,
    /// Filled orders.
    trades: i64,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    return_pct: Decimal,
    /// Sequence of the latest output: what comes later on the event stream is newer.
    sequence: i64,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    stopped_at: Option<DateTime<Utc>>,
}

impl SessionAnswer {
    /// Its place in the list of sessions.
    pub(crate) fn cursor(&self) -> String {
        format!("{}_{}", self.created_at.timestamp_micros(), self.id)
    }
}

impl From<SessionRow> for SessionAnswer {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            strategy_id: row.strategy_id,
            strategy_name: row.strategy_name,
            strategy_version: row.strategy_version,
            symbol: row.symbol,
            timeframe: row.timeframe,
            initial_balance: row.initial_balance.normalize(),
            fee_rate: row.fee_rate.normalize(),
            terms: row.terms.map(|terms| terms.0),
            status: row.status,
            status_reason: row.status_reason,
            cash: row.cash.normalize(),
            position: row.position.normalize(),
            equity: row.equity.normalize(),
            last_price: row.last_price.map(|price| price.normalize()),
            realized_pnl: row.realized_pnl.normalize(),
            fees: row.fees.normalize(),
            trades: row.trades,
            return_pct: row.return_pct.normalize(),
            sequence: row.sequence,
            created_at: row.created_at,
            started_at: row.started_at,
            stopped_at: row.stopped_at,
        }
    }
}

/// A point of the equity curve.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EquityAnswer {
    timestamp: DateTime<Utc>,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    price: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    cash: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    position: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    #[schema(value_type = f64)]
    equity: Decimal,
    sequence: i64,
}

impl From<EquityRow> for EquityAnswer {
    fn from(row: EquityRow) -> Self {
        Self {
            timestamp: row.time,
            price: row.price.normalize(),
            cash: row.cash.normalize(),
            position: row.position.normalize(),
            equity: row.equity.normalize(),
            sequence: row.sequence,
        }
    }
}
