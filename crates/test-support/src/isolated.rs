//! What a test gets of the run's servers: a part that no other test touches.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use sqlx::Connection;
use uuid::Uuid;

/// Names the environment variable with the run's Kafka (`host:port`).
pub const KAFKA_VARIABLE: &str = "ALGOTRADE_TEST_KAFKA";
/// Names the environment variable with the run's Postgres (superuser's URL).
pub const DATABASE_VARIABLE: &str = "ALGOTRADE_TEST_DATABASE";
/// Names the environment variable with the run's Redis (URL).
pub const REDIS_VARIABLE: &str = "ALGOTRADE_TEST_REDIS";

/// How long a finished test may wait for its database and topics to go.
const CLEAN_UP_BOUND: Duration = Duration::from_secs(10);

/// The addresses of the servers that `test-servers run` started.
#[derive(Clone, Debug)]
pub struct Backing {
    /// `host:port`
    pub kafka: String,
    /// The superuser's URL of the database `postgres`.
    pub database_url: String,
    /// `redis://host:port/`
    pub redis_url: String,
}

impl Backing {
    /// The servers of this run.
    ///
    /// # Panics
    /// When the test wasn't started by `test-servers run`, naming what is missing and what to do.
    #[must_use]
    pub fn from_env() -> Self {
        match Self::from_lookup(|name| std::env::var(name).ok()) {
            Ok(backing) => backing,
            Err(message) => fail(&message),
        }
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut missing = Vec::new();
        let mut value = |name: &'static str| {
            let found = lookup(name).filter(|value| !value.is_empty());
            if found.is_none() {
                missing.push(name);
            }
            found.unwrap_or_default()
        };
        let backing = Self {
            kafka: value(KAFKA_VARIABLE),
            database_url: value(DATABASE_VARIABLE),
            redis_url: value(REDIS_VARIABLE),
        };
        if missing.is_empty() {
            return Ok(backing);
        }
        Err(format!(
            "this test needs real servers, and {} is not set: run `make test`, or this test alone \
             with `cargo run -p test-support --bin test-servers -- run -- cargo test ...`",
            missing.join(", ")
        ))
    }

    /// A new database, and prefixes that nobody else has.
    ///
    /// # Panics
    /// When the database can't be created.
    pub async fn isolated(&self) -> Isolated {
        let unique = Uuid::new_v4().simple().to_string();
        // 48 bits tell the tests of a run apart, and names stay readable.
        let name = format!("t{}", &unique[..12]);
        if let Err(error) = create_database(&self.database_url, &name).await {
            fail(&format!("cannot create the database {name}: {error}"));
        }
        Isolated {
            kafka: self.kafka.clone(),
            topic_prefix: format!("{name}."),
            group_prefix: format!("{name}."),
            database_url: with_database(&self.database_url, &name),
            redis_url: self.redis_url.clone(),
            redis_prefix: format!("{name}:"),
            database: name,
            admin_url: self.database_url.clone(),
        }
    }
}

/// [`Backing::from_env`]`.`[`isolated`](Backing::isolated)`()`.
///
/// # Panics
/// As those two.
pub async fn isolated() -> Isolated {
    Backing::from_env().isolated().await
}

/// One test's own part of the servers. Dropping it drops the database and deletes the topics.
#[derive(Debug)]
pub struct Isolated {
    /// `host:port`
    pub kafka: String,
    /// Begins every topic of this test; ends in a dot.
    pub topic_prefix: String,
    /// Begins every consumer group and transactional id of this test; ends in a dot.
    pub group_prefix: String,
    /// An empty database, as its owner.
    pub database_url: String,
    /// `redis://host:port/`
    pub redis_url: String,
    /// Begins every key and channel of this test; ends in a colon.
    pub redis_prefix: String,
    database: String,
    admin_url: String,
}

impl Isolated {
    /// This test's name for a topic.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.topic_prefix)
    }

    /// This test's name for a consumer group.
    #[must_use]
    pub fn group(&self, name: &str) -> String {
        format!("{}{name}", self.group_prefix)
    }

    /// This test's name for a Redis key.
    #[must_use]
    pub fn redis_key(&self, name: &str) -> String {
        format!("{}{name}", self.redis_prefix)
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        let admin_url = self.admin_url.clone();
        let database = self.database.clone();
        let kafka = self.kafka.clone();
        let topic_prefix = self.topic_prefix.clone();
        // A thread and a runtime of its own: `drop` runs inside the test's runtime. Best effort,
        // because the servers and all they hold go at the end of the run anyway.
        let clean_up = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(async {
                    let work = async {
                        let _ = tokio::join!(
                            drop_database(&admin_url, &database),
                            delete_topics(&kafka, &topic_prefix)
                        );
                    };
                    let _ = tokio::time::timeout(CLEAN_UP_BOUND, work).await;
                });
            }
        });
        let _ = clean_up.join();
    }
}

async fn create_database(admin_url: &str, name: &str) -> sqlx::Result<()> {
    let mut admin = sqlx::PgConnection::connect(admin_url).await?;
    // template0: nobody can be connected to it, which would make the copy fail.
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut admin)
        .await?;
    admin.close().await
}

async fn drop_database(admin_url: &str, name: &str) -> sqlx::Result<()> {
    let mut admin = sqlx::PgConnection::connect(admin_url).await?;
    // The test's pools may still hold connections.
    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut admin)
        .await?;
    admin.close().await
}

/// Topics keep files open: hundreds of tests would use up what a process may have.
async fn delete_topics(kafka: &str, prefix: &str) -> rdkafka::error::KafkaResult<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("broker.address.family", "v4")
        .set("log_level", "0")
        .create()?;
    let metadata = admin.inner().fetch_metadata(None, Duration::from_secs(5))?;
    let own: Vec<&str> = metadata
        .topics()
        .iter()
        .map(rdkafka::metadata::MetadataTopic::name)
        .filter(|name| name.starts_with(prefix))
        .collect();
    if !own.is_empty() {
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
        admin.delete_topics(&own, &options).await?;
    }
    Ok(())
}

/// The same server's URL with another database.
fn with_database(url: &str, database: &str) -> String {
    let (server, query) = match url.split_once('?') {
        Some((server, query)) => (server, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = server.find("://").map_or(0, |scheme| scheme + 3);
    let end = server[authority..]
        .find('/')
        .map_or(server.len(), |slash| authority + slash);
    format!("{}/{database}{query}", &server[..end])
}

#[allow(clippy::panic, reason = "a test's set-up fails the way a test does")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_to_run() {
        let only_kafka = |name: &str| (name == KAFKA_VARIABLE).then(|| "h:1".to_owned());
        let message = Backing::from_lookup(only_kafka).unwrap_err();
        assert!(message.contains(DATABASE_VARIABLE), "{message}");
        assert!(message.contains(REDIS_VARIABLE), "{message}");
        assert!(!message.contains(KAFKA_VARIABLE), "{message}");
        assert!(message.contains("make test"), "{message}");
    }

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(
            with_database("postgres://u@h:1/postgres", "t1"),
            "postgres://u@h:1/t1"
        );
        assert_eq!(
            with_database("postgres://u@h:1", "t1"),
            "postgres://u@h:1/t1"
        );
        assert_eq!(
            with_database("postgres://u@h/a?sslmode=disable", "t1"),
            "postgres://u@h/t1?sslmode=disable"
        );
    }
}
