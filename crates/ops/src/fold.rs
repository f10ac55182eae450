//! A session's portfolio out of its executions: exact, and the same however often it is folded.

use chrono::{DateTime, Utc};
use kafka_common::messages::{ExecutionStatus, TradeAction, TradeExecution};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A session's portfolio.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Portfolio {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: String,
    pub(crate) symbol: String,
    pub(crate) sequence: i64,
    pub(crate) cash: Decimal,
    pub(crate) position: Decimal,
    /// 0 without a position.
    pub(crate) average_price: Decimal,
    pub(crate) realized_pnl: Decimal,
    pub(crate) fees: Decimal,
    pub(crate) trades: i64,
    pub(crate) rejection_told_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// The portfolio after an execution; `None` if the execution is in it already.
///
/// # Errors
/// The execution lacks what a portfolio needs, or a number is beyond what can be held.
pub(crate) fn fold(
    before: Option<Portfolio>,
    execution: &TradeExecution,
) -> Result<Option<Portfolio>, &'static str> {
    let sequence = execution.sequence.ok_or("the execution has no sequence")?;
    let sequence = i64::try_from(sequence).map_err(|_| "the sequence is too large")?;
    let user_id = execution
        .user_id
        .clone()
        .ok_or("the execution has no user")?;
    if before
        .as_ref()
        .is_some_and(|before| sequence <= before.sequence)
    {
        return Ok(None);
    }
    let mut after = before.unwrap_or_else(|| Portfolio {
        session_id: execution.session_id,
        user_id,
        symbol: execution.symbol.clone(),
        sequence,
        cash: execution.cash.unwrap_or_default(),
        position: Decimal::ZERO,
        average_price: Decimal::ZERO,
        realized_pnl: Decimal::ZERO,
        fees: Decimal::ZERO,
        trades: 0,
        rejection_told_at: None,
        updated_at: execution.timestamp,
    });
    after.sequence = sequence;
    after.updated_at = execution.timestamp;
    if execution.status == ExecutionStatus::Filled {
        fill(&mut after, execution).ok_or("a number is beyond what can be held")?;
    }
    Ok(Some(after))
}

fn fill(after: &mut Portfolio, execution: &TradeExecution) -> Option<()> {
    let fee = execution.fee.unwrap_or_default();
    let notional = execution.price.checked_mul(execution.quantity)?;
    let (change, paid) = match execution.action {
        TradeAction::Buy => (execution.quantity, notional),
        TradeAction::Sell => (-execution.quantity, -notional),
    };
    let position = after.position.checked_add(change)?;
    after.average_price = average(after, change, position, execution.price)?;
    // What the exchange says, where it does; its cash is the truth.
    after.position = execution.position.unwrap_or(position);
    after.cash = match execution.cash {
        Some(cash) => cash,
        None => after.cash.checked_sub(paid)?.checked_sub(fee)?,
    };
    if after.position.is_zero() {
        after.average_price = Decimal::ZERO;
    }
    let realized = execution.realized_pnl.unwrap_or_default();
    after.realized_pnl = after.realized_pnl.checked_add(realized)?;
    after.fees = after.fees.checked_add(fee)?;
    after.trades = after.trades.checked_add(1)?;
    Some(())
}

/// What the position costs on average: what adds to it is averaged in, what reduces it leaves it,
/// and what turns it round begins anew.
fn average(
    before: &Portfolio,
    change: Decimal,
    position: Decimal,
    price: Decimal,
) -> Option<Decimal> {
    let held = before.position;
    if position.is_zero() {
        return Some(Decimal::ZERO);
    }
    if held.is_zero() || held.is_sign_positive() != position.is_sign_positive() {
        return Some(price);
    }
    if held.is_sign_positive() != change.is_sign_positive() {
        return Some(before.average_price);
    }
    let cost = before.average_price.checked_mul(held)?;
    let added = price.checked_mul(change)?;
    cost.checked_add(added)?.checked_div(position)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn execution(sequence: u64, action: TradeAction, quantity: i64, price: i64) -> TradeExecution {
        TradeExecution {
            trade_id: Uuid::nil(),
            session_id: Uuid::from_u128(1),
            symbol: "BTCUSD".to_owned(),
            action,
            quantity: Decimal::new(quantity, 1),
            price: Decimal::from(price),
            status: ExecutionStatus::Filled,
            timestamp: DateTime::UNIX_EPOCH,
            user_id: Some("alice".to_owned()),
            strategy_id: None,
            signal_id: None,
            fee: Some(Decimal::ONE),
            slippage: None,
            realized_pnl: None,
            cash: None,
            position: None,
            order: None,
            reason: None,
            sequence: Some(sequence),
        }
    }

    fn next(before: Option<Portfolio>, execution: &TradeExecution) -> Portfolio {
        fold(before, execution).unwrap().unwrap()
    }

    #[test]
    fn buys_are_averaged_and_sales_leave_the_average() {
        let first = next(None, &execution(1, TradeAction::Buy, 10, 100));
        let second = next(Some(first), &execution(4, TradeAction::Buy, 30, 200));
        assert_eq!(second.average_price, Decimal::from(175));
        assert_eq!(second.position, Decimal::from(4));
        let third = next(Some(second), &execution(5, TradeAction::Sell, 10, 300));
        assert_eq!(third.average_price, Decimal::from(175));
        let turned = next(
            Some(third.clone()),
            &execution(6, TradeAction::Sell, 40, 300),
        );
        assert_eq!(turned.average_price, Decimal::from(300));
        assert_eq!(turned.position, Decimal::from(-1));
        let closed = next(Some(third), &execution(6, TradeAction::Sell, 30, 300));
        assert_eq!((closed.average_price, closed.position), Default::default());
        assert_eq!((closed.fees, closed.trades), (Decimal::from(4), 4));
    }

    #[test]
    fn a_rejected_order_changes_nothing_but_the_sequence() {
        let bought = next(None, &execution(1, TradeAction::Buy, 10, 100));
        let mut refused = execution(2, TradeAction::Buy, 10, 100);
        refused.status = ExecutionStatus::Rejected;
        let after = next(Some(bought.clone()), &refused);
        assert_eq!(
            after,
            Portfolio {
                sequence: 2,
                ..bought
            }
        );
    }

    #[test]
    fn what_a_portfolio_needs_must_be_there() {
        let mut execution = execution(1, TradeAction::Buy, 10, 100);
        execution.sequence = None;
        assert!(fold(None, &execution).unwrap_err().contains("sequence"));
        execution.sequence = Some(1);
        execution.price = Decimal::MAX;
        execution.quantity = Decimal::from(2);
        assert!(fold(None, &execution).unwrap_err().contains("beyond"));
    }

    proptest! {
        /// Kafka delivers at least once: going back and forth over the log changes nothing.
        #[test]
        fn repeats_change_nothing(
            orders in prop::collection::vec((any::<bool>(), 1_i64..100, 1_i64..1_000), 1..30),
            back in prop::collection::vec(0_usize..30, 0..10),
        ) {
            let log: Vec<TradeExecution> = (1..).zip(&orders).map(|(sequence, (buy, quantity, price))| {
                let action = if *buy { TradeAction::Buy } else { TradeAction::Sell };
                execution(sequence, action, *quantity, *price)
            }).collect();
            let run = |executions: &mut dyn Iterator<Item = &TradeExecution>| {
                let mut portfolio = None;
                for execution in executions {
                    if let Some(after) = fold(portfolio.clone(), execution).unwrap() {
                        portfolio = Some(after);
                    }
                }
                portfolio
            };
            let once = run(&mut log.iter());
            let mut order = Vec::new();
            for (index, execution) in log.iter().enumerate() {
                order.push(execution);
                if let Some(steps) = back.get(index % back.len().max(1)) {
                    order.extend(&log[index.saturating_sub(*steps)..=index]);
                }
            }
            prop_assert_eq!(run(&mut order.into_iter()), once);
        }
    }
}
