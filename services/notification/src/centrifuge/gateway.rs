//! Lets connections in, up to their limit, and brings what clients send to the right one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use service_kit::{Auth, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::connection::{Connection, End, MAX_FRAME_BYTES, Timings};
use super::emulated::EmulatedFrame;
use super::link::{Framing, Link, Stream};
use super::protocol::{Encoding, Frame};
use super::session::Session;
use crate::channels::Channels;
use crate::owners::SessionOwners;
use crate::telemetry;

/// Connections of a process.
pub const MAX_CONNECTIONS: usize = 10_000;
/// Beyond this a frame isn't even read to its end; up to it the client is told why it was refused.
const HARD_FRAME_BYTES: usize = 4 * MAX_FRAME_BYTES;
/// Of each connection: clients send little, and what is given here is taken at once and kept.
const READ_BUFFER_BYTES: usize = 512;
/// Every frame is flushed by itself: nothing is gained by gathering more.
const WRITE_BUFFER_BYTES: usize = 0;
/// Frames of an emulated connection that wait to be handled.
const WAITING_FRAMES: usize = 16;
/// How long the end of the process waits for connections to be closed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

type Streams = Arc<Mutex<HashMap<String, mpsc::Sender<Frame>>>>;

/// Lets connections in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    channels: Channels,
    auth: Auth,
    owners: Option<SessionOwners>,
    timings: Timings,
    /// This process's name among the replicas.
    node: Arc<str>,
    streams: Streams,
    permits: Arc<Semaphore>,
    open: TaskTracker,
    shutdown: CancellationToken,
}

impl Gateway {
    /// A gateway to channels, until `shutdown`.
    #[must_use]
    pub fn new(
        channels: impl Into<Channels>,
        auth: Auth,
        timings: Timings,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            channels: channels.into(),
            auth,
            owners: None,
            timings,
            node: Uuid::new_v4().to_string().into(),
            streams: Arc::default(),
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            open: TaskTracker::new(),
            shutdown,
        }
    }

    /// The same, with channels of the sessions whose owners are told.
    #[must_use]
    pub fn with_owners(mut self, owners: SessionOwners) -> Self {
        self.owners = Some(owners);
        self
    }

    fn session(&self, encoding: Encoding) -> Session {
        let (channels, auth) = (self.channels.clone(), self.auth.clone());
        Session::new(channels, auth, self.timings.ping, encoding).with_owners(self.owners.clone())
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            telemetry::connection_refused();
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_connections",
                "the server has as many connections as it can hold",
            )
            .hint("try again in a minute")
        })
    }

    /// Takes a connection over; it may come from any origin, because it is worth nothing without
    /// a token, which no browser sends by itself. `encoding` is for clients that ask for none with
    /// a subprotocol.
    pub fn accept(&self, upgrade: WebSocketUpgrade, encoding: Encoding) -> Response {
        let permit = match self.permit() {
            Ok(permit) => permit,
            Err(problem) => return problem.into_response(),
        };
        let gateway = self.clone();
        let upgrade = upgrade.protocols(Encoding::SUBPROTOCOLS);
        let encoding = upgrade.selected_protocol().map_or(encoding, |selected| {
            Encoding::of_subprotocol(selected.as_bytes())
        });
        upgrade
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_message_size(HARD_FRAME_BYTES)
            .max_frame_size(HARD_FRAME_BYTES)
            .on_upgrade(move |socket: WebSocket| {
                let open = gateway.open.clone();
                let session = gateway.session(encoding);
                let link = Link::Socket(Box::new(socket));
                open.track_future(gateway.converse(link, session, permit))
            })
    }

    /// Answers with a response that doesn't end. Its first frame came with the request; the others
    /// come through [`emulate`](Self::emulate).
    pub fn accept_stream(&self, framing: Framing, first: Frame) -> Response {
        let permit = match self.permit() {
            Ok(permit) => permit,
            Err(problem) => return problem.into_response(),
        };
        let (input, frames) = mpsc::channel(WAITING_FRAMES);
        // Nothing waits between connection and network but what is being written.
        let (output, written) = mpsc::channel(1);
        // The queue is empty: there is room.
        let _ = input.try_send(first);
        let name = Uuid::new_v4().to_string();
        self.streams().insert(name.clone(), input);
        let session = self.session(framing.encoding());
        let session = session.emulated(&name, &self.node);
        let link = Link::Stream(Stream {
            framing,
            output,
            input: frames,
        });
        let gateway = self.clone();
        let conversation = async move {
            let streams = Arc::clone(&gateway.streams);
            gateway.converse(link, session, permit).await;
            lock(&streams).remove(&name);
        };
        tokio::spawn(self.open.track_future(conversation));
        let body = unfold(written, |mut written| async move {
            let frame = written.recv().await?;
            Some((Ok::<_, Infallible>(frame), written))
        });
        let headers = [
            (header::CONTENT_TYPE, framing.content_type()),
            (header::CACHE_CONTROL, "no-store"),
            // A proxy that buffers would hold events back.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, Body::from_stream(body)).into_response()
    }

    /// Brings commands to a connection that was opened with [`accept_stream`](Self::accept_stream),
    /// here or on another replica.
    ///
    /// # Errors
    /// 404 if the connection is gone: the client connects again. 429 if it has more commands
    /// waiting than it may; 413 if they are too big; 503 if the replicas' store is away.
    pub async fn emulate(&self, emulated: EmulatedFrame) -> Result<(), Problem> {
        if emulated.frame.len() > MAX_FRAME_BYTES {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "message_too_big",
                format!("a frame has at most {MAX_FRAME_BYTES} bytes"),
            )
            .field("data"));
        }
        if *emulated.node == *self.node {
            return self.deliver(emulated);
        }
        match self.channels.forward(&emulated).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(no_session()),
            Err(_away) => Err(Problem::unavailable("Redis", "not followed")),
        }
    }

    /// Takes what other replicas got for connections that are here, until `shutdown`.
    pub async fn take_forwarded(self) {
        let (sender, mut forwarded) = mpsc::channel(256);
        self.channels.receive_forwarded(&self.node, sender);
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                Some(emulated) = forwarded.recv() => {
                    // The client notices by itself that a command had no answer.
                    if let Err(problem) = self.deliver(emulated) {
                        tracing::debug!(problem.detail, "forwarded commands were not delivered");
                    }
                }
            }
        }
    }

    fn deliver(&self, emulated: EmulatedFrame) -> Result<(), Problem> {
        let streams = self.streams();
        let stream = streams.get(&emulated.session).ok_or_else(no_session)?;
        stream
            .try_send(emulated.frame)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Closed(_) => no_session(),
                mpsc::error::TrySendError::Full(_) => Problem::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_commands",
                    "the connection has as many commands waiting as it may",
                )
                .hint("wait for the answers"),
            })
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Frame>>> {
        lock(&self.streams)
    }

    /// After `shutdown`: ends when the connections are closed, or took too long for it.
    pub async fn drained(self) {
        self.shutdown.cancelled().await;
        self.open.close();
        if timeout(SHUTDOWN_TIMEOUT, self.open.wait()).await.is_err() {
            tracing::warn!(open = self.open.len(), "connections left open at the end");
        }
    }

    /// Not an `async fn`: its arguments would be in the future twice, once as they came and once in
    /// the connection.
    fn converse(
        &self,
        link: Link,
        session: Session,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<> {
        let mut connection = Connection::new(link, session, self.timings);
        let shutdown = self.shutdown.clone();
        async move {
            telemetry::connections(1.0);
            match connection.run(&shutdown).await {
                End::Gone => {
                    telemetry::disconnected(0, "gone");
                    connection.close(None).await;
                }
                End::Server(disconnect) => {
                    telemetry::disconnected(disconnect.code, disconnect.reason);
                    connection.close(Some(disconnect)).await;
                }
            }
            telemetry::connections(-1.0);
            drop(permit);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_session() -> Problem {
    Problem::not_found("session").hint("connect again")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use service_kit::settings::AuthSettings;

    use super::*;
    use crate::hub::{Hub, HubLimits};

    /// Thousands of connections wait: what one takes is what the memory of a replica is for.
    #[test]
    fn a_connection_that_waits_is_small() {
        let gateway = Gateway::new(
            Hub::new(HubLimits::default()),
            Auth::new(&AuthSettings::default()),
            Timings::default(),
            CancellationToken::new(),
        );
        let (output, _written) = mpsc::channel(1);
        let (_input, input) = mpsc::channel(1);
        let link = Link::Stream(Stream {
            framing: Framing::Lines,
            output,
            input,
        });
        let permit = gateway.permit().unwrap();
        let waiting = gateway.converse(link, gateway.session(Encoding::Protobuf), permit);
        let bytes = size_of_val(&waiting);
        assert!(bytes <= 4_096, "{bytes}");
    }
}
