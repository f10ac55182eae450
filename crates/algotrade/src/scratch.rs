//! A database of one run, on a given Postgres: made, used, and dropped.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Makes a database and tells its URL. The name is made by the caller: letters, digits and
/// underscores.
pub(crate) async fn create_database(admin_url: &str, name: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(admin_url)
        .await
        .with_context(|| "--database can't be reached")?;
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .with_context(|| "--database: creating a database for this run")?;
    connection.close().await?;
    with_database(admin_url, name)
}

/// Drops it, whoever is still connected.
pub(crate) async fn drop_database(admin_url: &str, name: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(admin_url).await?;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// The same server's URL with another database.
fn with_database(url: &str, database: &str) -> anyhow::Result<String> {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(b, q)| (b, Some(q)));
    let after_scheme = base
        .find("://")
        .map(|at| at + 3)
        .context("--database is not a URL")?;
    let host_end = base[after_scheme..]
        .find('/')
        .map_or(base.len(), |at| after_scheme + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{}/{database}{query}", &base[..host_end]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::with_database;

    #[test]
    fn the_database_in_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u:p@h:1/postgres", "postgres://u:p@h:1/run"),
            ("postgres://h", "postgres://h/run"),
            (
                "postgres://h/a?sslmode=disable",
                "postgres://h/run?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(url, "run").unwrap(), expected);
        }
        assert!(with_database("localhost", "run").is_err());
    }
}
