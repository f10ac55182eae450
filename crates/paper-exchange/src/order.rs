//! Orders: what a signal asks for, and what can be refused before a price is known.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal_macros::dec;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::exact::{MONEY_SCALE, normalized};
use crate::reject::Reject;

/// Orders that may wait for a trade at once. In a market that trades, one waits for a tick; a
/// strategy that signals on while nothing trades is refused loudly instead of growing the state.
pub const MAX_PENDING_ORDERS: usize = 100;

/// Characters kept of a signal's reason, so that a snapshot's size is bounded.
const MAX_REASON_CHARS: usize = 256;

const QUANTITY_LIMIT: Decimal = dec!(100000000000000000000);

/// Direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// Cash becomes position.
    Buy,
    /// Position becomes cash; long only.
    Sell,
}

impl Action {
    /// `BUY` or `SELL`, as on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

/// What an order's quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityType {
    /// Units of the base currency.
    Units,
    /// An amount of the quote currency, the fee included.
    CashAmount,
    /// Percent (0 to 100) of the cash at the fill, the fee included.
    PercentOfCash,
    /// Percent (0 to 100) of the position at the fill.
    PercentOfPosition,
    /// Percent (0 to 100) of the equity; never more than the cash pays.
    PercentOfEquity,
    /// As many units as lose this percentage of the equity if the price falls by the order's
    /// `risk_distance`.
    PercentAtRisk,
    /// As many units as lose this amount if the price falls by the order's `risk_distance`.
    AmountAtRisk,
}

impl QuantityType {
    pub(crate) fn is_percent(self) -> bool {
        use QuantityType as T;
        matches!(
            self,
            T::PercentOfCash | T::PercentOfPosition | T::PercentOfEquity | T::PercentAtRisk
        )
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::CashAmount => "cash_amount",
            Self::PercentOfCash => "percent_of_cash",
            Self::PercentOfPosition => "percent_of_position",
            Self::PercentOfEquity => "percent_of_equity",
            Self::PercentAtRisk => "percent_at_risk",
            Self::AmountAtRisk => "amount_at_risk",
        }
    }
}

/// What a signal asks for. By itself it is a market order; [`crate::OrderTerms`] make it another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// The signal; trade ids derive from it.
    pub signal_id: Uuid,
    /// Direction.
    pub action: Action,
    /// How much, in the unit that `quantity_type` names.
    #[serde(with = "rust_decimal::serde::str")]
    pub quantity: Decimal,
    /// What `quantity` counts.
    pub quantity_type: QuantityType,
    /// Why the strategy wants it; becomes the reason of the fill.
    pub reason: String,
    /// Event time of the signal.
    pub time: DateTime<Utc>,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Disposition {
    /// The order waits for the market.
    Accepted,
    /// A rejected execution was written.
    Rejected,
    /// The session isn't running, and nothing was written: the caller counts it.
    NotRunning,
}

impl OrderRequest {
    /// Trims what would be stored or printed.
    pub(crate) fn normalized(mut self) -> Self {
        self.quantity = normalized(self.quantity);
        let long = self.reason.len() > MAX_REASON_CHARS;
        if long || self.reason.contains(char::is_control) {
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            let reason = self.reason.chars().take(MAX_REASON_CHARS).map(clean);
            self.reason = reason.collect();
        }
        self
    }

    /// The checks that need neither price nor ledger, in the order of the rules.
    pub(crate) fn check(&self, pending: usize) -> Result<(), Reject> {
        let quantity = self.quantity;
        if pending >= MAX_PENDING_ORDERS {
            return Err(Reject::TooManyOrders);
        }
        if quantity <= Decimal::ZERO {
            return Err(Reject::QuantityNotPositive { quantity });
        }
        if quantity.scale() > MONEY_SCALE {
            return Err(Reject::QuantityTooPrecise { quantity });
        }
        if self.quantity_type.is_percent() && quantity > Decimal::ONE_HUNDRED {
            return Err(Reject::PercentTooLarge { quantity });
        }
        if quantity >= QUANTITY_LIMIT {
            return Err(Reject::QuantityTooLarge { quantity });
        }
        Ok(())
    }

    /// Units to show for an order that was refused before its size was known.
    pub(crate) fn units_as_asked(&self) -> Decimal {
        match self.quantity_type {
            QuantityType::Units => self.quantity,
            _ => Decimal::ZERO,
        }
    }
}
