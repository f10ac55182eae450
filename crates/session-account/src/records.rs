//! What the log's records do to an account.

use chrono::{DateTime, Utc};
use kafka_common::messages::{RecordKind, StrategySignal, TickView};
use paper_exchange::{
    Account, Disposition, LedgerError, MarketTrade, OrderRequest, Origin, Output, Quote,
    Replacement,
};
use rust_decimal::Decimal;

use crate::order::{action, order_terms, quantity_type};

/// A trade of the market, or the mark of missing ones.
#[derive(Debug, Clone, Copy)]
pub struct MarketRecord {
    /// The trade; of a mark, only its time means something.
    pub trade: MarketTrade,
    /// Bid and ask beside it, where the feed tells both.
    pub quote: Option<Quote>,
    /// No trade, but the mark of missing ones.
    pub gap: bool,
}

impl From<&TickView<'_>> for MarketRecord {
    fn from(tick: &TickView<'_>) -> Self {
        Self {
            gap: tick.gap.is_some(),
            quote: tick.bid.zip(tick.ask).map(|(bid, ask)| Quote {
                bid,
                ask,
                age_ms: tick.quote_age_ms.unwrap_or(0),
            }),
            trade: MarketTrade {
                price: tick.price,
                volume: tick.volume,
                time: tick.timestamp,
            },
        }
    }
}

/// What became of a record of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// It was applied.
    Applied,
    /// The session's scheduled end had come: it has stopped.
    Ended,
    /// Its price can't be traded on: it was skipped.
    Skipped {
        /// The price.
        price: Decimal,
    },
    /// The books don't balance any more: the session has failed.
    Failed(LedgerError),
}

/// A session meets a record of the market.
pub fn meet(
    account: &mut Account,
    ends_at: Option<DateTime<Utc>>,
    record: &MarketRecord,
    outputs: &mut Vec<Output>,
) -> Met {
    let time = record.trade.time;
    if let Some(end) = ends_at.filter(|end| *end <= time) {
        account.stop(end, outputs);
        return Met::Ended;
    }
    if record.gap {
        account.on_gap(time, outputs);
        return Met::Applied;
    }
    match account.on_quoted_trade(&record.trade, record.quote.as_ref(), outputs) {
        Ok(()) => Met::Applied,
        Err(LedgerError::InvalidTrade { price }) => Met::Skipped { price },
        Err(error) => {
            account.fail(time, outputs);
            Met::Failed(error)
        }
    }
}

/// Applies a signal: an order of the strategy's, or of its user's. Nothing for one that asks for no
/// order, or for one that can't be read, which is no record of the log but a dead letter.
pub fn order(
    account: &mut Account,
    data: &StrategySignal,
    time: DateTime<Utc>,
    outputs: &mut Vec<Output>,
) -> Option<Disposition> {
    let action = action(data.signal.action)?;
    let details = data.order.as_deref();
    let terms = order_terms(data.order_type.as_deref(), details).ok()?;
    let origin = match details.is_some_and(|details| details.manual) {
        true => Origin::User,
        false => Origin::Strategy,
    };
    let request = OrderRequest {
        signal_id: data.signal_id.unwrap_or_default(),
        action,
        quantity: data.signal.quantity,
        quantity_type: quantity_type(data.signal.quantity_type),
        reason: data.signal.reason.clone(),
        time,
    };
    Some(account.on_order(request, terms, origin, outputs))
}

/// Applies what a user asks; false where it concerns an order that isn't open.
pub fn command(
    account: &mut Account,
    kind: RecordKind,
    data: &StrategySignal,
    time: DateTime<Utc>,
    outputs: &mut Vec<Output>,
) -> bool {
    let details = data.order.as_deref();
    let order_id = details
        .and_then(|details| details.order_id)
        .unwrap_or_default();
    match kind {
        RecordKind::Cancel => return account.cancel(order_id, time, outputs),
        RecordKind::Replace => {
            let quantity = data.signal.quantity;
            let change = Replacement {
                quantity: (!quantity.is_zero()).then_some(quantity),
                limit: details.and_then(|details| details.limit_price),
                trigger: details.and_then(|details| details.stop_price),
            };
            return account.replace(order_id, change, time, outputs);
        }
        RecordKind::Pause => account.pause(time, outputs),
        RecordKind::Resume => account.resume(time, outputs),
        RecordKind::Close => account.close(data.signal_id.unwrap_or_default(), time, outputs),
        RecordKind::Signal | RecordKind::Start | RecordKind::Stop | RecordKind::Progress => {}
    }
    true
}
