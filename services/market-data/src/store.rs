//! Users' subscriptions in Postgres, so that a restart carries on what they asked for.

use coinbase::ProductId;
use sqlx::PgPool;

/// Rows read at the start: all that the bookkeeping would take.
const MAX_ROWS: i64 = 500_000;

/// The stored subscriptions.
#[derive(Debug, Clone)]
pub struct Store {
    database: PgPool,
}

impl Store {
    /// Brings the schema up to date.
    ///
    /// # Errors
    /// A migration failed.
    pub async fn open(database: PgPool) -> anyhow::Result<Self> {
        let migrations = sqlx::migrate!("./migrations");
        service_kit::database::migrate(&database, "market_data", migrations).await?;
        Ok(Self { database })
    }

    /// Every product with a requester, the earliest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(&self) -> sqlx::Result<Vec<(String, String)>> {
        sqlx::query_as(
            "SELECT product_id, requested_by FROM market_data.subscriptions
             ORDER BY created_at, product_id, requested_by LIMIT $1",
        )
        .bind(MAX_ROWS)
        .fetch_all(&self.database)
        .await
    }

    /// Remembers a requester; one that is there already makes no difference.
    ///
    /// # Errors
    /// The database's.
    pub async fn add(&self, product: ProductId, requested_by: &str) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO market_data.subscriptions (product_id, requested_by) VALUES ($1, $2)
             ON CONFLICT DO NOTHING",
        )
        .bind(product.as_str())
        .bind(requested_by)
        .execute(&self.database)
        .await
        .map(|_| ())
    }

    /// Forgets a requester.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove(&self, product: ProductId, requested_by: &str) -> sqlx::Result<()> {
        sqlx::query(
            "DELETE FROM market_data.subscriptions WHERE product_id = $1 AND requested_by = $2",
        )
        .bind(product.as_str())
        .bind(requested_by)
        .execute(&self.database)
        .await
        .map(|_| ())
    }

    /// Forgets all requesters of a product.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_all(&self, product: ProductId) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM market_data.subscriptions WHERE product_id = $1")
            .bind(product.as_str())
            .execute(&self.database)
            .await
            .map(|_| ())
    }
}
