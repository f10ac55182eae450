//! What is known of sessions and days, in Postgres.

use chrono::NaiveDate;
use kafka_common::HandlerError;
use kafka_common::messages::{ExecutionStatus, TradeExecution};
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

use crate::fold::Portfolio;

/// SQLSTATE class of values that a column can't hold, as a text with a zero byte.
const DATA_EXCEPTION: &str = "22";

/// A user's day.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Day {
    pub(crate) user_id: String,
    pub(crate) day: NaiveDate,
    pub(crate) filled: i64,
    pub(crate) rejected: i64,
    pub(crate) realized_pnl: Decimal,
    pub(crate) fees: Decimal,
}

/// Reads and writes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(crate) async fn portfolio(&self, id: Uuid) -> Result<Option<Portfolio>, HandlerError> {
        sqlx::query_as("SELECT * FROM ops.portfolios WHERE session_id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(HandlerError::transient)
    }

    /// Keeps a portfolio, and counts the execution that it follows from; both or neither.
    pub(crate) async fn keep(
        &self,
        portfolio: &Portfolio,
        execution: &TradeExecution,
    ) -> Result<(), HandlerError> {
        let kept = self.write(portfolio, execution).await;
        kept.map_err(|error| {
            let code = error.as_database_error().and_then(|error| error.code());
            match code.is_some_and(|code| code.starts_with(DATA_EXCEPTION)) {
                true => HandlerError::permanent(error),
                false => HandlerError::transient(error),
            }
        })
    }

    async fn write(
        &self,
        portfolio: &Portfolio,
        execution: &TradeExecution,
    ) -> Result<(), sqlx::Error> {
        let filled = execution.status == ExecutionStatus::Filled;
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO ops.portfolios (session_id, user_id, symbol, sequence, cash, position,
                 average_price, realized_pnl, fees, trades, rejection_told_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (session_id) DO UPDATE SET sequence = $4, cash = $5, position = $6,
                 average_price = $7, realized_pnl = $8, fees = $9, trades = $10,
                 rejection_told_at = $11, updated_at = $12",
        )
        .bind(portfolio.session_id)
        .bind(&portfolio.user_id)
        .bind(&portfolio.symbol)
        .bind(portfolio.sequence)
        .bind(portfolio.cash)
        .bind(portfolio.position)
        .bind(portfolio.average_price)
        .bind(portfolio.realized_pnl)
        .bind(portfolio.fees)
        .bind(portfolio.trades)
        .bind(portfolio.rejection_told_at)
        .bind(portfolio.updated_at)
        .execute(&mut *transaction)
        .await?;
        // A day that was told already is told no more, whatever comes late.
        sqlx::query(
            "INSERT INTO ops.days AS known (user_id, day, filled, rejected, realized_pnl, fees)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id, day) DO UPDATE SET filled = known.filled + $3,
                 rejected = known.rejected + $4, realized_pnl = known.realized_pnl + $5,
                 fees = known.fees + $6",
        )
        .bind(&portfolio.user_id)
        .bind(execution.timestamp.date_naive())
        .bind(i64::from(filled))
        .bind(i64::from(!filled))
        .bind(execution.realized_pnl.unwrap_or_default())
        .bind(execution.fee.unwrap_or_default())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    /// Days before `today` whose users weren't told yet, some at a time.
    pub(crate) async fn untold(&self, today: NaiveDate) -> Result<Vec<Day>, sqlx::Error> {
        sqlx::query_as(
            "SELECT user_id, day, filled, rejected, realized_pnl, fees FROM ops.days
             WHERE NOT told AND day < $1 ORDER BY day, user_id LIMIT 500",
        )
        .bind(today)
        .fetch_all(&self.pool)
        .await
    }

    pub(crate) async fn mark_told(&self, day: &Day) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE ops.days SET told = TRUE WHERE user_id = $1 AND day = $2")
            .bind(&day.user_id)
            .bind(day.day)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
