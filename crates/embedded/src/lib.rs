//! What `algotrade up` runs instead of Apache Kafka and Postgres: a broker that speaks Kafka's
//! protocol and a Postgres, both inside this process, with their data under one folder.
//!
//! The clients are the same as for the real ones. What differs:
//!
//! - [`EmbeddedBroker`] has no transactions, no KIP-848 groups, and can't alter a topic after its
//!   creation: services use *at least once* with it. Each record and each *header* of a record is
//!   a row in its store (about 0.1 ms of processor time to write), and a waiting consumer is
//!   answered late, after half of its `fetch.wait.max.ms`.
//! - [`EmbeddedDatabase`] serves **one connection**: give every service of the process the same
//!   pool, of one connection that is never recycled.

mod broker;
mod database;
mod lock;
mod relay;

use std::pin::Pin;

/// A server's start. It is boxed so that the servers are compiled here, once: the body of an
/// `async fn` is compiled again in each crate that awaits it, and these take minutes.
pub type Starting<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// A server's end.
pub type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

pub use broker::EmbeddedBroker;
pub use database::EmbeddedDatabase;
