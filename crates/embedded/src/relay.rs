//! Stands between the clients and the embedded Postgres, which must be treated with care.
//!
//! Its server handles one connection at a time, on one thread, and that thread ends for good when
//! a client resets its connection or sends something that isn't Postgres' protocol (a browser
//! pointed at the port is enough). So clients talk to the relay: the server only ever sees one
//! connection, orderly closed; a second client is told so instead of hanging; and if the server
//! has ended after all, the next connection starts it again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use pglite_oxide::PgliteServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client waits for the one before it: a pool that replaces its connection overlaps for
/// milliseconds. After that it is refused.
const TURN_BOUND: Duration = Duration::from_secs(5);
/// What a connecting client gets to introduce itself.
const HELLO_BOUND: Duration = Duration::from_secs(5);
/// Clients at a time, nearly all waiting for their turn; more are closed unheard.
const MAX_CLIENTS: usize = 64;
/// Postgres' own limit for the first message.
const MAX_HELLO: usize = 10_000;
/// First messages are told apart by these numbers where others have a version.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const PROTOCOL_MAJOR: u32 = 3;

/// Starts the server; called again when it has ended.
pub(crate) type StartServer = dyn Fn() -> Result<PgliteServer> + Send + Sync;

/// The server, or none between its end and its next start.
pub(crate) struct Backend {
    start: Box<StartServer>,
    server: Mutex<Option<PgliteServer>>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Backend").finish_non_exhaustive()
    }
}

impl Backend {
    /// Starts the server for the first time.
    pub(crate) async fn start(start: Box<StartServer>) -> Result<Arc<Self>> {
        let backend = Arc::new(Self {
            start,
            server: Mutex::new(None),
        });
        let server = backend.start_server().await?;
        *backend.server.lock().await = Some(server);
        Ok(backend)
    }

    async fn start_server(self: &Arc<Self>) -> Result<PgliteServer> {
        let backend = Arc::clone(self);
        tokio::task::spawn_blocking(move || (backend.start)())
            .await
            .context("the database's start panicked")?
    }

    async fn connect(self: &Arc<Self>) -> Result<TcpStream> {
        let mut server = self.server.lock().await;
        let address = server.as_ref().and_then(PgliteServer::tcp_addr);
        if let Some(address) = address
            && let Ok(stream) = TcpStream::connect(address).await
        {
            return Ok(stream);
        }
        tracing::warn!("the embedded database had ended and is started again");
        if let Some(ended) = server.take() {
            // Its thread is gone; what remains is the lock on its folder.
            let reason = tokio::task::spawn_blocking(move || ended.shutdown()).await;
            if let Ok(Err(error)) = reason {
                tracing::warn!(%error, "why the embedded database had ended");
            }
        }
        let started = self.start_server().await?;
        let address = started
            .tcp_addr()
            .context("the embedded database has no address")?;
        *server = Some(started);
        Ok(TcpStream::connect(address).await?)
    }

    /// Ends the server. Its connection must be closed: the server's thread waits for it.
    pub(crate) async fn shutdown(&self, bound: Duration) -> Result<()> {
        let Some(server) = self.server.lock().await.take() else {
            return Ok(());
        };
        let shutdown = tokio::task::spawn_blocking(move || server.shutdown());
        match timeout(bound, shutdown).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(anyhow!("the embedded database panicked while stopping")),
            Err(_) => Err(anyhow!(
                "the embedded database did not stop within {bound:?}"
            )),
        }
    }

    #[cfg(test)]
    pub(crate) async fn server_address(&self) -> Option<std::net::SocketAddr> {
        self.server
            .lock()
            .await
            .as_ref()
            .and_then(PgliteServer::tcp_addr)
    }
}

/// Accepts clients until `stop`, and returns when the last is gone.
pub(crate) async fn serve(listener: TcpListener, backend: Arc<Backend>, stop: CancellationToken) {
    let turn = Arc::new(Semaphore::new(1));
    let seats = Arc::new(Semaphore::new(MAX_CLIENTS));
    let clients = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let client = match accepted {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "the embedded database cannot accept a connection");
                // Out of file descriptors, most likely: trying at once would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            tracing::warn!("too many clients at the embedded database: one is turned away");
            continue;
        };
        let (backend, turn, stop) = (Arc::clone(&backend), Arc::clone(&turn), stop.clone());
        clients.spawn(async move {
            if let Err(error) = serve_client(client, &backend, &turn, &stop).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "embedded database connection failed"
                );
            }
            drop(seat);
        });
    }
    clients.close();
    clients.wait().await;
}

async fn serve_client(
    mut client: TcpStream,
    backend: &Arc<Backend>,
    turn: &Semaphore,
    stop: &CancellationToken,
) -> Result<()> {
    client.set_nodelay(true)?;
    let hello = timeout(HELLO_BOUND, read_hello(&mut client));
    let Some(hello) = stop.run_until_cancelled(hello).await else {
        return Ok(());
    };
    let Some(hello) = hello.context("a client did not introduce itself")?? else {
        return Ok(());
    };
    let Some(turn) = stop
        .run_until_cancelled(timeout(TURN_BOUND, turn.acquire()))
        .await
    else {
        return Ok(());
    };
    let Ok(turn) = turn else {
        let message = "the embedded database serves one connection at a time, and another client \
                       has it: use a pool of one connection, shared by the whole process";
        return refuse(&mut client, "53300", message).await;
    };
    let mut server = match backend.connect().await {
        Ok(server) => server,
        Err(error) => {
            refuse(
                &mut client,
                "57P03",
                "the embedded database cannot be started",
            )
            .await?;
            return Err(error);
        }
    };
    server.set_nodelay(true)?;
    server.write_all(&hello).await?;
    relay(client, server, stop).await;
    drop(turn);
    Ok(())
}

/// The message that opens a session, or `None` from a client that asked for something else
/// (to cancel a query, which this server can't do).
async fn read_hello(client: &mut TcpStream) -> Result<Option<Vec<u8>>> {
    loop {
        let mut head = [0; 8];
        if client.read_exact(&mut head).await.is_err() {
            // A look whether somebody listens.
            return Ok(None);
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let code = u32::from_be_bytes([c0, c1, c2, c3]);
        if !(head.len()..=MAX_HELLO).contains(&length) {
            bail!("a client does not speak Postgres' protocol");
        }
        let mut hello = head.to_vec();
        hello.resize(length, 0);
        client.read_exact(&mut hello[head.len()..]).await?;
        match code {
            // "No" to encryption: loopback only.
            SSL_REQUEST | GSS_REQUEST => client.write_all(b"N").await?,
            version if version >> 16 == PROTOCOL_MAJOR => return Ok(Some(hello)),
            _ => return Ok(None),
        }
    }
}

/// Ends a session before it began, with an error that any client shows.
async fn refuse(client: &mut TcpStream, sqlstate: &str, message: &str) -> Result<()> {
    let mut fields = Vec::new();
    for (kind, text) in [
        (b'S', "FATAL"),
        (b'V', "FATAL"),
        (b'C', sqlstate),
        (b'M', message),
    ] {
        fields.push(kind);
        fields.extend_from_slice(text.as_bytes());
        fields.push(0);
    }
    fields.push(0);
    // The length counts itself.
    let length = u32::try_from(fields.len() + 4)?;
    let mut response = vec![b'E'];
    response.extend_from_slice(&length.to_be_bytes());
    response.append(&mut fields);
    client.write_all(&response).await?;
    client.shutdown().await?;
    Ok(())
}

/// Carries bytes both ways until the server has closed its side.
async fn relay(client: TcpStream, server: TcpStream, stop: &CancellationToken) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upward = async {
        // However the client ended, or when we stop: for the server it is an orderly end.
        let _ = stop
            .run_until_cancelled(copy(&mut from_client, &mut to_server))
            .await;
        let _ = to_server.shutdown().await;
        std::future::pending::<()>().await;
    };
    let downward = async {
        if copy(&mut from_server, &mut to_client).await.is_err() {
            // Nobody reads the answer any more, but the server must get rid of it.
            let _ = copy(&mut from_server, &mut sink()).await;
        }
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = upward => {}
        () = downward => {}
    }
}
