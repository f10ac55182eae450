//! The embedded Postgres: pglite-oxide (PostgreSQL 17.5 as WebAssembly) behind a relay.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use pglite_oxide::PgliteServer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::lock::DataLock;
use crate::relay::{self, Backend};
use crate::{Starting, Stopping};

const DATABASE: &str = "postgres";
/// For the clients' connections to close, and again for the server to end.
const STOP_BOUND: Duration = Duration::from_millis(1_500);

/// A Postgres inside this process, on a loopback port, its data in `DATA_DIR/postgres`.
///
/// It serves **one connection at a time**: a second client is refused after 5 s. Use one pool for
/// the whole process, with `max_connections(1)`, `min_connections(1)`, `idle_timeout(None)` and
/// `max_lifetime(None)`, because a new connection costs a start of the server (0.2-0.8 s).
///
/// The data survives a kill of this process, but not surely a loss of power: the server runs
/// without `fsync`, and with it a checkpoint ends it. `statement_timeout` has no effect, `NOTIFY`
/// fails in sqlx, and no extension is installed.
///
/// What it can be started from is cached in the user's cache folder (`pglite-oxide`), the data
/// builds on that; the cache is made again when it is gone.
#[derive(Debug)]
pub struct EmbeddedDatabase {
    url: String,
    backend: Arc<Backend>,
    stop: CancellationToken,
    relay: JoinHandle<()>,
    _lock: DataLock,
}

impl EmbeddedDatabase {
    /// Starts the database; earlier data is there again.
    ///
    /// # Errors
    /// When the folder can't be written, another process uses it, or the server doesn't start.
    pub fn start<'a>(data_dir: &'a Path) -> Starting<'a, Self> {
        Box::pin(Self::start_here(data_dir))
    }

    async fn start_here(data_dir: &Path) -> Result<Self> {
        let lock = DataLock::acquire(data_dir, "postgres")?;
        let root = data_dir.join("postgres");
        let start = move || {
            PgliteServer::builder()
                .path(root.clone())
                .database(DATABASE)
                .start()
                .context("cannot start the embedded database")
        };
        let backend = Backend::start(Box::new(start)).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free loopback port for the embedded database")?;
        let url = format!(
            "postgres://postgres@127.0.0.1:{}/{DATABASE}?sslmode=disable",
            listener.local_addr()?.port()
        );
        let stop = CancellationToken::new();
        let relay = tokio::spawn(relay::serve(listener, Arc::clone(&backend), stop.clone()));
        Ok(Self {
            url,
            backend,
            stop,
            relay,
            _lock: lock,
        })
    }

    /// The URL for sqlx and any other client.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes the connection and ends the server; returns after 3 s at the latest.
    pub fn shutdown(self) -> Stopping {
        Box::pin(self.shut_down())
    }

    async fn shut_down(mut self) {
        self.stop.cancel();
        if timeout(STOP_BOUND, &mut self.relay).await.is_err() {
            tracing::warn!("the embedded database's connection did not close in time");
        }
        if let Err(error) = self.backend.shutdown(STOP_BOUND).await {
            tracing::warn!(%error, "the embedded database did not stop in order");
        }
    }
}

impl Drop for EmbeddedDatabase {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sqlx::{Connection, PgConnection};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_server_that_ended_is_started_again_with_its_data() {
        let data = tempfile::tempdir().unwrap();
        let database = EmbeddedDatabase::start(data.path()).await.unwrap();
        let mut before = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
            .execute(&mut before)
            .await
            .unwrap();
        before.close().await.unwrap();

        // Past the relay: what the server gets from a stranger ends its thread.
        let server = database.backend.server_address().await.unwrap();
        let mut stranger = TcpStream::connect(server).await.unwrap();
        stranger
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        while TcpStream::connect(server).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        let mut after = PgConnection::connect(database.url()).await.unwrap();
        let kept: i32 = sqlx::query_scalar("SELECT id FROM kept")
            .fetch_one(&mut after)
            .await
            .unwrap();
        assert_eq!(kept, 7);
    }
}
