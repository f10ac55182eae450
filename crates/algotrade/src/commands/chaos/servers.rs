//! The servers of a run: its own, on loopback, gone at its end.

use kafka_common::{KafkaSettings, admin};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use test_support::{PostgresServer, RedisServer};

use super::broker::Broker;
use super::plan::{Act, Target};

/// One of each.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) broker: Broker,
    postgres: PostgresServer,
    redis: RedisServer,
}

/// A part of them: topics, groups, keys and a database of its own.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) kafka: KafkaSettings,
    pub(super) database_url: String,
    pub(super) redis_url: String,
    pub(super) prefix: String,
}

/// A member that is killed is taken for dead after this.
pub(super) const SESSION_TIMEOUT_MS: u32 = 6_000;

impl Servers {
    pub(super) async fn start(embedded: bool) -> anyhow::Result<Self> {
        // A commit that was answered survives the server's death; losing it is another trouble than
        // those that the platform promises to stand.
        let (broker, postgres, redis) = tokio::try_join!(
            Broker::start(embedded),
            PostgresServer::start_with(&["synchronous_commit=on"]),
            RedisServer::start()
        )?;
        Ok(Self {
            broker,
            postgres,
            redis,
        })
    }

    /// Makes a part, with all of its topics.
    pub(super) async fn part(&self, name: &str) -> anyhow::Result<Part> {
        let url = self.postgres.url();
        let mut connection = PgConnection::connect(&url).await?;
        // The name is one of ours.
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        let prefix = format!("{name}.");
        let mut kafka = KafkaSettings {
            bootstrap_servers: self.broker.bootstrap_servers(),
            topic_prefix: prefix.clone(),
            group_prefix: prefix.clone(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            ..KafkaSettings::default()
        };
        self.broker.suit(&mut kafka);
        admin::set_up_topics(&kafka).await?;
        Ok(Part {
            kafka,
            database_url: match url.rsplit_once('/') {
                Some((server, _)) => format!("{server}/{name}"),
                None => url,
            },
            redis_url: self.redis.url(),
            prefix,
        })
    }

    /// Does something to one of them, and waits until it serves again.
    pub(super) async fn disturb(&mut self, target: Target, act: Act) -> anyhow::Result<()> {
        match (target, act) {
            (Target::Broker, act) => self.broker.disturb(act).await,
            (Target::Database, Act::Kill { away }) => {
                self.postgres.kill();
                tokio::time::sleep(away).await;
                self.postgres.restart().await
            }
            (Target::Database, _) => self.postgres.restart().await,
            (Target::Cache, Act::Pause { away }) => {
                self.redis.pause()?;
                tokio::time::sleep(away).await;
                self.redis.resume()
            }
            (Target::Cache, Act::Kill { away }) => {
                self.redis.kill();
                tokio::time::sleep(away).await;
                self.redis.restart().await
            }
            (Target::Cache, Act::Restart) => self.redis.restart().await,
            (Target::Service(_), _) => Ok(()),
        }
    }
}
