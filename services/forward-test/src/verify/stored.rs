//! What the database has of a session, as of one moment.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgPool;
use uuid::Uuid;

use crate::repository::{EquityRow, SessionRow};

/// A session's rows.
#[derive(Debug)]
pub struct Stored {
    pub(super) session: SessionRow,
    /// The figures, as text.
    pub(super) metrics: Option<String>,
    /// Sequence and payload.
    pub(super) executions: Vec<(i64, String)>,
    pub(super) equity: Vec<EquityRow>,
    pub(super) orders: Vec<OrderColumns>,
}

/// An order, every column of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct OrderColumns {
    pub(super) order_id: Uuid,
    pub(super) signal_id: Uuid,
    pub(super) first_sequence: i64,
    pub(super) sequence: i64,
    pub(super) status: String,
    pub(super) action: String,
    pub(super) order_type: String,
    pub(super) leg: String,
    pub(super) time_in_force: String,
    pub(super) quantity: Option<Decimal>,
    pub(super) filled: Decimal,
    pub(super) limit_price: Option<Decimal>,
    pub(super) stop_price: Option<Decimal>,
    pub(super) reason: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

impl Stored {
    /// The session.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.session.id
    }

    /// What it trades.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.session.symbol
    }

    /// When it was asked for: its start in the log is younger.
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.session.created_at
    }

    /// The latest output that the database knows.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        u64::try_from(self.session.sequence).unwrap_or_default()
    }
}

/// Everything that the database has of a session, of one moment; none where it has never heard of
/// it. Changes nothing.
///
/// # Errors
/// The database doesn't answer, or hasn't the tables of this build.
pub async fn stored(pool: &PgPool, id: Uuid) -> Result<Option<Stored>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let session: Option<SessionRow> =
        sqlx::query_as("SELECT * FROM forward_test.sessions WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let metrics =
        sqlx::query_scalar("SELECT metrics::TEXT FROM forward_test.sessions WHERE id = $1")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
    let executions = sqlx::query_as(
        "SELECT sequence, data::TEXT FROM forward_test.executions
         WHERE session_id = $1 ORDER BY sequence",
    )
    .bind(id)
    .fetch_all(&mut *transaction)
    .await?;
    let equity = sqlx::query_as(
        "SELECT sequence, time, price, cash, position, equity FROM forward_test.equity
         WHERE session_id = $1 ORDER BY sequence",
    )
    .bind(id)
    .fetch_all(&mut *transaction)
    .await?;
    let orders = sqlx::query_as(
        "SELECT * FROM forward_test.orders WHERE session_id = $1 ORDER BY first_sequence",
    )
    .bind(id)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok(Some(Stored {
        session,
        metrics,
        executions,
        equity,
        orders,
    }))
}
