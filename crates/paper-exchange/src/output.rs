//! What a session tells the world. Every output carries the session's next sequence number.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::trade_id;
use crate::order::Action;

/// One output. Decimals are without trailing zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// The session started.
    Started(Marker),
    /// An order was filled or rejected.
    Execution(Execution),
    /// Equity after a fill, or at the first trade of a minute.
    Equity(EquityPoint),
    /// The session stopped; its final equity. The sequence is that of the point.
    Stopped(EquityPoint),
    /// The session ended in an error.
    Failed(Marker),
}

impl Output {
    /// The position among the outputs of the session, from 1.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Started(marker) | Self::Failed(marker) => marker.sequence,
            Self::Execution(execution) => execution.sequence,
            Self::Equity(point) | Self::Stopped(point) => point.sequence,
        }
    }
}

/// A moment in the session's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Position among the session's outputs, from 1.
    pub sequence: u64,
    /// Event time.
    pub time: DateTime<Utc>,
}

/// Whether an order was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionStatus {
    /// Completely.
    Filled,
    /// Not at all; the reason says why.
    Rejected,
}

impl ExecutionStatus {
    /// `FILLED` or `REJECTED`, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filled => "FILLED",
            Self::Rejected => "REJECTED",
        }
    }
}

/// What happened to an order. Amounts in the quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Position among the session's outputs, from 1.
    pub sequence: u64,
    /// Which execution of its signal this is, from 0.
    pub ordinal: u32,
    /// Filled or rejected.
    pub status: ExecutionStatus,
    /// Direction.
    pub action: Action,
    /// Units; of a rejected order as far as they were known.
    #[serde(with = "rust_decimal::serde::str")]
    pub quantity: Decimal,
    /// Price of the trade at which it filled, or of the last trade (0 before the first).
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
    /// Fee paid.
    #[serde(with = "rust_decimal::serde::str")]
    pub fee: Decimal,
    /// Price paid beyond the trade's; 0 in this model.
    #[serde(with = "rust_decimal::serde::str")]
    pub slippage: Decimal,
    /// Realised by this execution, its fee included: -fee for a purchase.
    #[serde(with = "rust_decimal::serde::str")]
    pub realized_pnl: Decimal,
    /// Cash after it.
    #[serde(with = "rust_decimal::serde::str")]
    pub cash: Decimal,
    /// Units held after it.
    #[serde(with = "rust_decimal::serde::str")]
    pub position: Decimal,
    /// The signal's reason, or why it was rejected.
    pub reason: String,
    /// Event time.
    pub time: DateTime<Utc>,
    /// The signal that asked for it.
    pub signal_id: Uuid,
}

impl Execution {
    /// The id of this execution: the same whenever the log is processed again.
    pub fn trade_id(&self) -> Uuid {
        trade_id(self.signal_id, self.ordinal)
    }
}

/// The account's worth at a moment. Amounts in the quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquityPoint {
    /// Position among the session's outputs, from 1.
    pub sequence: u64,
    /// Event time.
    pub time: DateTime<Utc>,
    /// Price of the last trade (0 before the first).
    #[serde(with = "rust_decimal::serde::str")]
    pub price: Decimal,
    /// Cash.
    #[serde(with = "rust_decimal::serde::str")]
    pub cash: Decimal,
    /// Units held.
    #[serde(with = "rust_decimal::serde::str")]
    pub position: Decimal,
    /// Cash + position * price.
    #[serde(with = "rust_decimal::serde::str")]
    pub equity: Decimal,
}
