//! What a session tells the world. Every output carries the session's next sequence number.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{leg_id, trade_id};
use crate::kind::{OrderKind, TimeInForce};
use crate::open::Leg;
use crate::order::Action;

/// One output. Decimals are without trailing zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// The session started.
    Started(Marker),
    /// An order was filled or rejected.
    Execution(Execution),
    /// An order changed without an execution.
    Order(OrderEvent),
    /// Equity after a fill, or at the first trade of a minute.
    Equity(EquityPoint),
    /// The session stopped; its final equity. The sequence is that of the point.
    Stopped(EquityPoint),
    /// The session ended in an error.
    Failed(Marker),
    /// The strategy's orders are rejected from here on.
    Paused(Marker),
    /// They are taken again.
    Resumed(Marker),
    /// A risk limit was hit.
    Risk(RiskHit),
}

impl Output {
    /// The position among the outputs of the session, from 1.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Started(marker)
            | Self::Failed(marker)
            | Self::Paused(marker)
            | Self::Resumed(marker) => marker.sequence,
            Self::Execution(execution) => execution.sequence,
            Self::Order(event) => event.sequence,
            Self::Risk(hit) => hit.sequence,
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
    /// Which execution of its order this is, from 0.
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
    /// What was paid beyond the market's price, in all.
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
    /// The part of the signal's order.
    pub leg: Leg,
    /// How the order was to be filled.
    pub kind: OrderKind,
    /// Whether it went to the market, or the market came to it; none of a rejection.
    pub liquidity: Option<Liquidity>,
    /// Units that the order still waits for after this.
    #[serde(with = "rust_decimal::serde::str")]
    pub remaining: Decimal,
}

impl Execution {
    /// The id of this execution: the same whenever the log is processed again.
    pub fn trade_id(&self) -> Uuid {
        trade_id(self.order_id(), self.ordinal)
    }

    /// The order's id.
    pub fn order_id(&self) -> Uuid {
        leg_id(self.signal_id, self.leg)
    }
}

/// Who waited for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// The order waited in the book.
    Maker,
    /// The order went to the market.
    Taker,
}

impl Liquidity {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::Taker => "taker",
        }
    }
}

/// What became of an order without an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OrderStatus {
    /// It waits, with the figures of the event.
    Open,
    /// Its stop or target was reached: it goes to the market.
    Triggered,
    /// It, or what was left of it, won't be filled.
    Cancelled,
    /// Its time is over.
    Expired,
}

impl OrderStatus {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Triggered => "TRIGGERED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// An order as it is after a change. Prices in the quote currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// Position among the session's outputs, from 1.
    pub sequence: u64,
    /// The signal that asked for it.
    pub signal_id: Uuid,
    /// The part of the signal's order.
    pub leg: Leg,
    /// What happened.
    pub status: OrderStatus,
    /// Direction.
    pub action: Action,
    /// How it is to be filled.
    pub kind: OrderKind,
    /// How long it may wait.
    pub time_in_force: TimeInForce,
    /// Units in all; none until they are known.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub quantity: Option<Decimal>,
    /// Units filled.
    #[serde(with = "rust_decimal::serde::str")]
    pub filled: Decimal,
    /// Where it is triggered now.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub trigger: Option<Decimal>,
    /// The order's reason while it is open, or why it ended.
    pub reason: String,
    /// Event time.
    pub time: DateTime<Utc>,
}

impl OrderEvent {
    /// The order's id.
    pub fn order_id(&self) -> Uuid {
        leg_id(self.signal_id, self.leg)
    }
}

/// A risk limit was hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskHit {
    /// Position among the session's outputs, from 1.
    pub sequence: u64,
    /// Event time.
    pub time: DateTime<Utc>,
    /// Which limit, and by what.
    pub reason: String,
    /// Whether every order is rejected now, not only purchases.
    pub halted: bool,
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
