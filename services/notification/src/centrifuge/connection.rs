//! One connection: frames in, frames out, pings, and an end with a code that says why.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::codes::Disconnect;
use super::link::{Incoming, Link};
use super::protocol::{Encoding, Frame};
use super::rate::Bucket;
use super::session::Session;
use crate::hub::{Cut, Outbox, Publication};
use crate::telemetry;

/// Largest frame of a client.
pub(super) const MAX_FRAME_BYTES: usize = 64 << 10;
/// Most commands of one frame: an official client sends a few.
const MAX_FRAME_COMMANDS: usize = 200;
/// About how much is written at once. The library keeps a buffer as long as the longest frame, for each
/// connection and for as long as it lasts.
const WRITE_BYTES: usize = 16 << 10;
/// Time for one write, before the client counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that a client has, after its token ended, to send another one.
const EXPIRY_GRACE: Duration = Duration::from_secs(25);
/// A token that lasts longer is looked at again after this time.
const LONGEST_TIMER: Duration = Duration::from_secs(24 * 3_600);
/// Time for a close frame and for the client's answer to it. A slow client needs some: the frame
/// comes after what is on its way already.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take; the defaults are those of Centrifuge's servers, about.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// Time for the connect command.
    pub connect: Duration,
    /// Time between pings; in whole seconds, because clients are told so.
    pub ping: Duration,
    /// Time for the answer to a ping.
    pub pong: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            ping: Duration::from_secs(25),
            pong: Duration::from_secs(10),
        }
    }
}

/// How a connection ends.
pub(super) enum End {
    /// The client went away.
    Gone,
    Server(Disconnect),
}

impl From<Cut> for End {
    fn from(cut: Cut) -> Self {
        Self::Server(match cut {
            Cut::Slow => Disconnect::SLOW,
            Cut::Behind => Disconnect::INSUFFICIENT_STATE,
        })
    }
}

impl From<Disconnect> for End {
    fn from(disconnect: Disconnect) -> Self {
        Self::Server(disconnect)
    }
}

pub(super) struct Connection {
    link: Link,
    session: Session,
    outbox: Arc<Outbox>,
    bucket: Bucket,
    timings: Timings,
    connect_by: Instant,
    next_ping: Instant,
    /// When a ping that was sent must have been answered.
    pong_by: Option<Instant>,
}

impl Connection {
    pub(super) fn new(link: Link, session: Session, timings: Timings) -> Self {
        let now = Instant::now();
        Self {
            link,
            outbox: Arc::clone(session.outbox()),
            session,
            bucket: Bucket::new(now),
            timings,
            connect_by: now + timings.connect,
            next_ping: now + timings.ping,
            pong_by: None,
        }
    }

    pub(super) async fn run(&mut self, shutdown: &CancellationToken) -> End {
        loop {
            if let Err(end) = self.step(shutdown).await {
                return end;
            }
        }
    }

    async fn step(&mut self, shutdown: &CancellationToken) -> Result<(), End> {
        let paused_until = self.bucket.wait_until(Instant::now());
        let wake = paused_until.map_or(self.deadline(), |until| until.min(self.deadline()));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(Disconnect::SHUTDOWN.into()),
            cut = self.outbox.cut_off() => Err(cut.into()),
            () = sleep_until(wake) => self.on_time().await,
            incoming = self.link.recv(), if paused_until.is_none() => match incoming {
                Incoming::Frame(frame) => self.on_frame(&frame).await,
                // WebSocket's own pings are answered by the library.
                Incoming::Nothing => Ok(()),
                Incoming::Gone => Err(End::Gone),
            },
            () = self.outbox.ready() => self.push().await,
        }
    }

    /// When something is due even if nothing happens.
    fn deadline(&self) -> Instant {
        match self.expired_at() {
            None => self.connect_by,
            Some(expired_at) => self
                .pong_by
                .unwrap_or(self.next_ping)
                .min(self.next_ping)
                .min(expired_at),
        }
    }

    /// When the token will have ended for too long; `None` before the connect command.
    fn expired_at(&self) -> Option<Instant> {
        let left = self.session.expires_at()? - Utc::now();
        let grace = chrono::Duration::from_std(EXPIRY_GRACE).unwrap_or_default();
        let left = (left + grace).to_std().unwrap_or_default();
        Some(Instant::now() + left.min(LONGEST_TIMER))
    }

    async fn on_time(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let Some(expires_at) = self.session.expires_at() else {
            return match now >= self.connect_by {
                true => Err(Disconnect::STALE.into()),
                false => Ok(()),
            };
        };
        if Utc::now() >= expires_at + EXPIRY_GRACE {
            return Err(Disconnect::EXPIRED.into());
        }
        if self.pong_by.is_some_and(|pong_by| now >= pong_by) {
            return Err(Disconnect::NO_PONG.into());
        }
        if now >= self.next_ping {
            self.next_ping = now + self.timings.ping;
            self.pong_by.get_or_insert(now + self.timings.pong);
            self.write(Frame::ping(self.encoding())).await?;
        }
        Ok(())
    }

    fn encoding(&self) -> Encoding {
        self.session.encoding()
    }

    async fn on_frame(&mut self, frame: &Frame) -> Result<(), End> {
        if frame.len() > MAX_FRAME_BYTES {
            return Err(Disconnect::TOO_BIG.into());
        }
        if frame.encoding() != self.encoding() {
            return Err(Disconnect::BAD_REQUEST.into());
        }
        // Whatever came shows that the client is alive.
        self.pong_by = None;
        let mut out = Frame::new(self.encoding());
        for (count, command) in frame.commands().enumerate() {
            self.bucket.spend(Instant::now());
            let was_connected = self.session.expires_at().is_some();
            let handled = match command {
                // Boxed: a connection that waits, as most do, needn't have room for the calls to
                // other services that a command may lead to.
                Ok(command) if count < MAX_FRAME_COMMANDS => {
                    Box::pin(self.session.handle(command, &mut out)).await
                }
                Ok(_) => Err(Disconnect::BAD_REQUEST),
                Err(disconnect) => Err(disconnect),
            };
            if let Err(disconnect) = handled {
                self.write(out.take()).await?;
                return Err(disconnect.into());
            }
            if !was_connected && self.session.expires_at().is_some() {
                self.next_ping = Instant::now() + self.timings.ping;
            }
            if out.len() >= WRITE_BYTES {
                self.write(out.take()).await?;
            }
        }
        self.write(out).await
    }

    async fn push(&mut self) -> Result<(), End> {
        let publications: Vec<Publication> = self.outbox.take(WRITE_BYTES);
        let mut out = Frame::new(self.encoding());
        self.session.write_pushes(&mut out, &publications);
        self.write(out).await?;
        for publication in &publications {
            telemetry::pushed(publication.produced_at);
        }
        Ok(())
    }

    async fn write(&mut self, frame: Frame) -> Result<(), End> {
        if frame.len() == 0 {
            return Ok(());
        }
        let sending = timeout(WRITE_TIMEOUT, self.link.send(frame));
        tokio::select! {
            sent = sending => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(Disconnect::WRITE_ERROR.into()),
            },
            // Its queue filled up during the write: waiting on would be of no use.
            cut = self.outbox.cut_off() => Err(cut.into()),
        }
    }

    /// Leaves the channel, and tells the client why.
    pub(super) async fn close(&mut self, disconnect: Option<Disconnect>) {
        Box::pin(self.session.leave()).await;
        if let Some(disconnect) = disconnect {
            // A client that doesn't answer is simply left.
            let _ = timeout(CLOSE_TIMEOUT, self.link.close(disconnect)).await;
        }
    }
}
