//! One client's connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::hub::{Delivery, Hub, Seat};
use super::server::Shared;
use super::source::SimFrame;
use super::stats::ChunkCounts;
use super::subscription::{Added, Subscription};
use crate::exchange::{Channel, ErrorFrame};

/// How long to wait for a polite end.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Why the connection ends.
enum End {
    /// The client has left.
    Gone,
    /// It hasn't subscribed in time.
    NeverSubscribed,
    /// It reads too slowly.
    TooSlow,
    /// The simulator wants it to end.
    Dropped,
}

/// Serves a client until it leaves or must leave.
pub(super) async fn serve(mut socket: WebSocket, shared: Arc<Shared>, dropped: CancellationToken) {
    let hub = &shared.hub;
    hub.counters.connections.fetch_add(1, Ordering::Relaxed);
    let place = Place {
        seat: hub.join(),
        hub,
    };
    let too_slow = place.seat.too_slow.clone();
    let end = {
        let subscription = Subscription::default();
        let client = Client {
            socket: &mut socket,
            shared: &shared,
            place,
            subscription,
        };
        tokio::select! {
            biased;
            () = dropped.cancelled() => End::Dropped,
            () = too_slow.cancelled() => End::TooSlow,
            end = client.run() => end,
        }
    };
    let (code, reason) = match end {
        End::Gone => return,
        End::NeverSubscribed => {
            hub.counters
                .never_subscribed
                .fetch_add(1, Ordering::Relaxed);
            (
                close_code::POLICY,
                "no subscription within the time allowed",
            )
        }
        End::TooSlow => {
            hub.counters.slow.fetch_add(1, Ordering::Relaxed);
            (close_code::POLICY, "ErrSlowConsume")
        }
        End::Dropped => (close_code::AWAY, "going away"),
    };
    let goodbye = Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }));
    // A client that doesn't read won't read this either.
    let _ = timeout(CLOSE_TIMEOUT, socket.send(goodbye)).await;
}

/// A seat that is given back however the connection ends.
struct Place<'a> {
    seat: Seat,
    hub: &'a Hub,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.hub.leave(self.seat.id);
    }
}

struct Client<'a> {
    socket: &'a mut WebSocket,
    shared: &'a Shared,
    place: Place<'a>,
    subscription: Subscription,
}

/// The socket is of no use any more.
struct Gone;

impl<'a> Client<'a> {
    async fn run(mut self) -> End {
        let allowed = self.shared.subscribe_within;
        match timeout(allowed, self.first_subscription()).await {
            Err(_) => return End::NeverSubscribed,
            Ok(Err(Gone)) => return End::Gone,
            Ok(Ok(())) => {}
        }
        loop {
            let served = tokio::select! {
                request = self.socket.recv() => self.take(request).await.map(drop),
                delivery = self.place.seat.deliveries.recv() => self.deliver(delivery).await,
            };
            if served.is_err() {
                return End::Gone;
            }
        }
    }

    /// Until then nothing is sent but answers; the stream goes by.
    async fn first_subscription(&mut self) -> Result<(), Gone> {
        loop {
            tokio::select! {
                request = self.socket.recv() => {
                    if self.take(request).await? {
                        return Ok(());
                    }
                }
                delivery = self.place.seat.deliveries.recv() => self.deliver(delivery).await?,
            }
        }
    }

    /// Carries out what the client asks for; true if it was a request that was carried out.
    async fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<bool, Gone> {
        let request = match message {
            Some(Ok(Message::Text(text))) => text,
            // Answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(false),
            Some(Ok(Message::Binary(_))) => {
                let error = ErrorFrame {
                    message: "Malformed JSON".to_owned(),
                    reason: None,
                };
                self.refuse(error).await?;
                return Ok(false);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
        };
        match self.subscription.apply(&request, &self.shared.listed) {
            Ok(added) => {
                self.confirm(added).await?;
                Ok(true)
            }
            Err(error) => {
                self.refuse(error).await?;
                Ok(false)
            }
        }
    }

    async fn refuse(&mut self, error: ErrorFrame) -> Result<(), Gone> {
        self.shared
            .hub
            .counters
            .errors_sent
            .fetch_add(1, Ordering::Relaxed);
        self.feed(error_frame(&error)).await?;
        self.flush().await
    }

    /// Answers, and repeats what comes before the stream: the last trade, and the states.
    async fn confirm(&mut self, added: Added) -> Result<(), Gone> {
        self.feed(self.subscription.to_frame()).await?;
        for (channel, product) in added {
            let latest = &self.place.seat.latest;
            let repeated = match channel {
                Channel::Ticker => latest.tickers.get(&product).map(|text| text.to_string()),
                Channel::Matches => latest.matches.get(&product).map(|text| last_match(text)),
                _ => None,
            };
            if let Some(repeated) = repeated {
                self.feed(repeated).await?;
            }
        }
        if self.subscription.has(Channel::Status) {
            self.feed(self.shared.status_frame.clone()).await?;
        }
        self.flush().await?;
        // Only now may the stream begin: its first frame comes after the answer.
        let wants_data = self.subscription.wants_data();
        self.shared
            .hub
            .set_wants_data(self.place.seat.id, wants_data);
        Ok(())
    }

    async fn deliver(&mut self, delivery: Option<Delivery>) -> Result<(), Gone> {
        match delivery {
            None => Err(Gone),
            Some(Delivery::Chunk(chunk)) => self.send_chunk(&chunk).await,
            Some(Delivery::End(done)) => {
                let flushed = self.flush().await;
                drop(done);
                flushed
            }
        }
    }

    async fn send_chunk(&mut self, chunk: &[SimFrame]) -> Result<(), Gone> {
        let mut counts = ChunkCounts::default();
        for frame in chunk {
            self.place.seat.latest.see(frame);
            if self.subscription.wants(frame.kind, frame.product) {
                counts.add(frame.kind);
                let message = Message::Text(frame.text.clone());
                // Into the buffer, which the library writes out whenever it is full.
                self.socket.feed(message).await.map_err(|_| Gone)?;
            }
        }
        if self.place.seat.deliveries.is_empty() {
            self.flush().await?;
        }
        counts.sent(&self.shared.hub.counters);
        Ok(())
    }

    async fn feed(&mut self, frame: String) -> Result<(), Gone> {
        self.shared
            .hub
            .counters
            .frames_sent
            .fetch_add(1, Ordering::Relaxed);
        self.socket
            .feed(Message::Text(frame.into()))
            .await
            .map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.socket.flush().await.map_err(|_| Gone)
    }
}

fn error_frame(error: &ErrorFrame) -> String {
    #[derive(serde::Serialize)]
    struct Answer<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        error: &'a ErrorFrame,
    }
    // Only strings: it can't fail.
    serde_json::to_string(&Answer {
        kind: "error",
        error,
    })
    .unwrap_or_default()
}

fn last_match(match_frame: &str) -> String {
    match_frame.replacen(r#""type":"match""#, r#""type":"last_match""#, 1)
}
