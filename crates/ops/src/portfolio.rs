//! `trade-executions` become `portfolio-updates`.

use kafka_common::messages::{ExecutionStatus, PortfolioUpdate, TradeExecution};
use kafka_common::{HandlerError, KafkaProducer, Operations, Record, Topics};

use crate::fold::{Portfolio, fold};
use crate::store::Store;
use crate::{notices, telemetry};

/// Handles an execution. What it leads to is delivered before it is noted: after a failure in
/// between it is delivered again, and readers know it by its sequence.
pub(crate) async fn handle(
    store: &Store,
    producer: &KafkaProducer<Operations>,
    record: Record<TradeExecution>,
) -> Result<(), HandlerError> {
    let execution = &record.data;
    let before = store.portfolio(execution.session_id).await?;
    let folded = fold(before, execution).map_err(HandlerError::permanent)?;
    let Some(mut after) = folded else {
        return Ok(());
    };
    match execution.status {
        ExecutionStatus::Filled => {
            let key = after.session_id.to_string();
            producer
                .send_message(Topics::PORTFOLIO_UPDATES, &update(&after), &key)
                .await
                .map_err(HandlerError::transient)?;
            telemetry::produced("portfolio-updates", 1);
        }
        ExecutionStatus::Rejected => {
            if notices::tell_rejection(producer, &after, execution).await? {
                after.rejection_told_at = Some(execution.timestamp);
            }
        }
    }
    store.keep(&after, execution).await
}

fn update(portfolio: &Portfolio) -> PortfolioUpdate {
    PortfolioUpdate {
        session_id: portfolio.session_id,
        cash: portfolio.cash,
        position: portfolio.position,
        timestamp: portfolio.updated_at,
        user_id: Some(portfolio.user_id.clone()),
        symbol: Some(portfolio.symbol.clone()),
        average_price: Some(portfolio.average_price.normalize()),
        realized_pnl: Some(portfolio.realized_pnl),
        fees: Some(portfolio.fees),
        trades: u64::try_from(portfolio.trades).ok(),
        sequence: u64::try_from(portfolio.sequence).ok(),
    }
}
