//! Real servers that were given: a run makes topics and a database of its own there, and leaves
//! nothing.

use anyhow::Context as _;
use kafka_common::{Delivery, KafkaSettings, admin};
use service_kit::Settings;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

/// What a run has made on given servers.
#[derive(Debug)]
pub(crate) struct Given {
    /// URL of the database that was given.
    admin_url: String,
    /// The database of this run.
    database: String,
}

impl Given {
    /// Makes a database and chooses a prefix for the topics, whose names begin with `name`; all is
    /// entered into the settings.
    pub(crate) async fn prepare(
        name: &str,
        kafka: &str,
        database: &str,
        redis: Option<&str>,
        settings: &mut Settings,
    ) -> anyhow::Result<Self> {
        let run = format!("{name}_{}", Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(database)
            .await
            .with_context(|| "--database can't be reached")?;
        // The name is made here: letters, digits and underscores.
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {run}")))
            .execute(&mut connection)
            .await
            .with_context(|| "--database: creating a database for this run")?;
        connection.close().await?;
        kafka.clone_into(&mut settings.kafka.bootstrap_servers);
        settings.kafka.delivery = Delivery::ExactlyOnce;
        settings.kafka.topic_prefix = format!("{run}.");
        settings.kafka.group_prefix = format!("{run}.");
        settings.database.url = with_database(database, &run)?.into();
        settings.redis.url = redis.unwrap_or_default().to_owned().into();
        settings.redis.key_prefix = format!("{run}:");
        Ok(Self {
            admin_url: database.to_owned(),
            database: run,
        })
    }

    /// Removes what was made.
    pub(crate) async fn remove(self, kafka: &KafkaSettings) -> anyhow::Result<()> {
        admin::delete_topics(kafka).await?;
        let mut connection = PgConnection::connect(&self.admin_url).await?;
        let database = self.database;
        sqlx::query(AssertSqlSafe(format!(
            "DROP DATABASE {database} WITH (FORCE)"
        )))
        .execute(&mut connection)
        .await?;
        connection.close().await?;
        Ok(())
    }
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
