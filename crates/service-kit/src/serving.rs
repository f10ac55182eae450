//! The HTTP server's connections: who opens one and says nothing, or says it byte by byte, is cut
//! off.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

/// After a failed accept, as when the process has no files left.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// To the end of the head of its first request.
    pub(crate) first_head: Duration,
    /// To that of each further one, from the answer before: longer than proxies keep a connection
    /// that they mean to use again.
    pub(crate) next_head: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_head: Duration::from_secs(10),
            next_head: Duration::from_secs(75),
        }
    }
}

/// Serves until `shutdown`, then until the requests that are under way are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    application: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let application = application.clone();
                open.spawn(connection(stream, application, patience, shutdown.clone()));
            }
            // The client was gone already.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    open.close();
    open.wait().await;
}

fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    application: Router,
    patience: Patience,
    shutdown: CancellationToken,
) {
    // Pushes are small and must not wait for one another.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection without TCP_NODELAY");
    }
    let began = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&began);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        answer(application.clone(), request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.next_head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut first_head = pin!(tokio::time::sleep(patience.first_head));
    let (mut waits, mut stopping) = (true, false);
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                }
                return;
            }
            () = first_head.as_mut(), if waits => {
                waits = false;
                if !began.load(Ordering::Relaxed) {
                    metrics::counter!("http_server_slow_heads_total").increment(1);
                    return;
                }
            }
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

fn answer(
    mut application: Router,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> {
    // A router is always ready.
    application.call(request.map(Body::new))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    /// Far beyond what is tested: the machine may be busy.
    const PATIENCE: Duration = Duration::from_secs(60);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    struct Server {
        address: std::net::SocketAddr,
        shutdown: CancellationToken,
        serving: JoinHandle<()>,
    }

    async fn start(first_head: Duration, next_head: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "here"));
        let patience = Patience {
            first_head,
            next_head,
        };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, patience, shutdown.clone()));
        Server {
            address,
            shutdown,
            serving,
        }
    }

    /// What comes until the server hangs up.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut all = Vec::new();
        // A reset is a way to hang up, too.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut all))
            .await
            .unwrap();
        String::from_utf8(all).unwrap()
    }

    async fn read_answer(stream: &mut TcpStream) {
        let mut all = String::new();
        while !all.ends_with("here") {
            let mut part = [0; 512];
            let reading = timeout(PATIENCE, stream.read(&mut part));
            let read = reading.await.unwrap().unwrap();
            assert!(read > 0, "hung up after {all:?}");
            all.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
    }

    #[tokio::test]
    async fn who_says_nothing_or_never_comes_to_the_end_is_cut_off() {
        let server = start(Duration::from_millis(200), PATIENCE).await;
        for beginning in [&b""[..], b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(beginning).await.unwrap();
            assert!(!rest(&mut stream).await.contains("200 OK"));
        }
    }

    #[tokio::test]
    async fn a_connection_that_was_used_is_kept_longer_and_not_for_ever() {
        let server = start(Duration::from_millis(200), Duration::from_secs(2)).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        read_answer(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.write_all(REQUEST).await.unwrap();
        read_answer(&mut stream).await;
        assert!(!rest(&mut stream).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn the_end_waits_for_answers_and_not_for_idle_connections() {
        let server = start(PATIENCE, PATIENCE).await;
        let mut idle = TcpStream::connect(server.address).await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        read_answer(&mut idle).await;
        server.shutdown.cancel();
        timeout(PATIENCE, server.serving).await.unwrap().unwrap();
        assert!(rest(&mut idle).await.is_empty());
    }
}
