//! Real servers for the tests: Apache Kafka, Postgres and Redis.
//!
//! The binary `test-servers` starts one of each on free loopback ports, runs a command with their
//! addresses in its environment, and stops them again:
//!
//! ```text
//! test-servers run -- cargo test --workspace
//! ```
//!
//! A test asks [`isolated()`] for a part of them that is its own, so that tests run in parallel:
//!
//! ```no_run
//! # async fn test() {
//! let own = test_support::isolated().await;
//! let _topic = own.topic("market-data-updates"); // "t1f0c9ad2.market-data-updates"
//! let _pool = sqlx::PgPool::connect(&own.database_url).await;
//! # }
//! ```
//!
//! A test that stops, kills or stalls the broker starts a private one: [`KafkaBroker::start`], or
//! three of them that replicate: [`KafkaCluster::start`]; one that is about rights and certificates
//! starts [`SecuredBroker::start`]. Programs under test that are treated so are [`Program`]s.
//!
//! Set-up for tests fails by panicking, with what is missing and what to run: a test that cannot
//! have its server fails, it never skips.

mod certificates;
mod cluster;
mod decided;
mod headers;
mod isolated;
mod kafka;
mod ports;
mod postgres;
mod process;
mod program;
mod redis_server;
mod run_dir;
mod secured;

pub use cluster::KafkaCluster;
pub use decided::all_decided;
pub use headers::with_unreadable_name;
pub use isolated::{
    Backing, DATABASE_VARIABLE, Isolated, KAFKA_VARIABLE, REDIS_VARIABLE, isolated,
};
pub use kafka::{KafkaBroker, kafka_libs};
pub use ports::free_port;
pub use postgres::PostgresServer;
pub use program::Program;
pub use redis_server::RedisServer;
pub use run_dir::remove_stale_run_dirs;
pub use secured::SecuredBroker;
