//! One client's connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::chaos::{Disorder, Step};
use super::hub::{Delivery, Hub, Seat};
use super::server::Shared;
use super::source::SimFrame;
use super::speech::{Knowledge, Language, Speech};
use super::stats::ChunkCounts;

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
    /// Chaos wants it to end, so.
    Chaos(u16, &'static str),
}

/// Serves a client until it leaves or must leave.
pub(super) async fn serve(
    mut socket: WebSocket,
    shared: Arc<Shared>,
    language: Language,
    dropped: CancellationToken,
) {
    let hub = &shared.hub;
    hub.counters.connections.fetch_add(1, Ordering::Relaxed);
    let place = Place {
        seat: hub.join(),
        hub,
    };
    let too_slow = place.seat.too_slow.clone();
    let end = {
        let client = Client::new(&mut socket, &shared, place, language);
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
        End::Chaos(code, reason) => (code, reason),
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
    speech: Speech,
    /// What goes wrong; `None` if nothing does.
    disorder: Option<Disorder>,
    /// It gets answers and nothing else.
    is_stalled: bool,
    /// What is to be sent, gathered.
    messages: Vec<Utf8Bytes>,
}

impl<'a> Client<'a> {
    fn new(
        socket: &'a mut WebSocket,
        shared: &'a Shared,
        place: Place<'a>,
        language: Language,
    ) -> Self {
        let log = &shared.hub.chaos;
        let disorder = (!shared.chaos.is_calm())
            .then(|| Disorder::new(shared.chaos.clone(), place.seat.id, Arc::clone(log)));
        let is_stalled = disorder.as_ref().is_some_and(Disorder::is_stalled);
        if is_stalled {
            log.write().stalled += 1;
        }
        Self {
            socket,
            shared,
            place,
            speech: Speech::new(language, shared.trades),
            disorder,
            is_stalled,
            messages: Vec::new(),
        }
    }

    async fn run(mut self) -> End {
        let allowed = self.shared.subscribe_within;
        match timeout(allowed, self.first_subscription()).await {
            Err(_) => return End::NeverSubscribed,
            Ok(Err(end)) => return end,
            Ok(Ok(())) => {}
        }
        loop {
            let served = tokio::select! {
                request = self.socket.recv() => self.take(request).await.map(drop),
                delivery = self.place.seat.deliveries.recv() => self.deliver(delivery).await,
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    /// Until then nothing is sent but answers; the stream goes by.
    async fn first_subscription(&mut self) -> Result<(), End> {
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
    async fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<bool, End> {
        let request = match message {
            Some(Ok(Message::Text(text))) => text,
            // Answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(false),
            Some(Ok(Message::Binary(_))) => {
                self.refuse(self.speech.not_text()).await?;
                return Ok(false);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        };
        match self.apply(&request) {
            Ok(answers) => {
                self.confirm(answers).await?;
                Ok(true)
            }
            Err(error) => {
                self.refuse(error).await?;
                Ok(false)
            }
        }
    }

    fn apply(&mut self, request: &str) -> Result<Vec<String>, String> {
        let disorder = &self.disorder;
        let is_lost = |frame: &SimFrame| disorder.as_ref().is_some_and(|d| d.loses(frame));
        let known = Knowledge {
            listed: &self.shared.listed,
            status: &self.shared.status_frame,
            latest: &self.place.seat.latest,
            history: &self.shared.hub.history,
            is_lost: &is_lost,
        };
        self.speech.apply(request, &known)
    }

    async fn refuse(&mut self, error: String) -> Result<(), End> {
        let errors = &self.shared.hub.counters.errors_sent;
        errors.fetch_add(1, Ordering::Relaxed);
        self.feed(error).await?;
        self.flush().await
    }

    async fn confirm(&mut self, answers: Vec<String>) -> Result<(), End> {
        for answer in answers {
            self.feed(answer).await?;
        }
        self.flush().await?;
        // Only now may the stream begin: its first frame comes after the answer.
        let wants_data = self.speech.wants_data();
        self.shared
            .hub
            .set_wants_data(self.place.seat.id, wants_data);
        Ok(())
    }

    async fn deliver(&mut self, delivery: Option<Delivery>) -> Result<(), End> {
        match delivery {
            None => Err(End::Gone),
            Some(Delivery::Chunk(chunk)) => self.send_chunk(&chunk).await,
            Some(Delivery::End(done)) => {
                let mut steps = Vec::new();
                if let Some(disorder) = &mut self.disorder {
                    disorder.release_all(&mut steps);
                }
                let mut counts = ChunkCounts::default();
                for step in steps {
                    self.carry_out(step, &mut counts).await?;
                }
                self.speech.finish(&mut self.messages);
                self.send_gathered(&mut counts).await?;
                counts.sent(&self.shared.hub.counters);
                let flushed = self.flush().await;
                drop(done);
                flushed
            }
        }
    }

    async fn send_chunk(&mut self, chunk: &[SimFrame]) -> Result<(), End> {
        let mut counts = ChunkCounts::default();
        let mut steps = Vec::new();
        for frame in chunk {
            self.place.seat.latest.see(frame);
            if self.is_stalled || !self.speech.wants(frame) {
                continue;
            }
            match &mut self.disorder {
                None => {
                    counts.add_kind(frame.kind);
                    self.speech.say(frame, &mut self.messages);
                }
                Some(disorder) => {
                    disorder.steps(frame, &mut steps);
                    for step in steps.drain(..) {
                        self.carry_out(step, &mut counts).await?;
                    }
                }
            }
        }
        self.speech.finish(&mut self.messages);
        self.send_gathered(&mut counts).await?;
        if self.place.seat.deliveries.is_empty() {
            self.flush().await?;
        }
        counts.sent(&self.shared.hub.counters);
        Ok(())
    }

    async fn carry_out(&mut self, step: Step, counts: &mut ChunkCounts) -> Result<(), End> {
        match step {
            Step::Send(frame) => {
                counts.add_kind(frame.kind);
                self.speech.say(&frame, &mut self.messages);
            }
            Step::Lose => self.speech.lose(&mut self.messages),
            Step::Raw(message) => {
                self.send_gathered(counts).await?;
                self.socket.feed(message).await.map_err(|_| End::Gone)?;
                counts.frames += 1;
            }
            Step::Wait(wait) => {
                self.send_gathered(counts).await?;
                self.flush().await?;
                sleep(wait).await;
            }
            Step::End(end) => {
                self.send_gathered(counts).await?;
                self.flush().await?;
                return Err(match end {
                    Some((code, reason)) => End::Chaos(code, reason),
                    None => End::Gone,
                });
            }
        }
        Ok(())
    }

    /// Into the buffer, which the library writes out whenever it is full.
    async fn send_gathered(&mut self, counts: &mut ChunkCounts) -> Result<(), End> {
        for text in self.messages.drain(..) {
            let sent = self.socket.feed(Message::Text(text)).await;
            sent.map_err(|_| End::Gone)?;
            counts.frames += 1;
        }
        Ok(())
    }

    async fn feed(&mut self, frame: String) -> Result<(), End> {
        self.shared
            .hub
            .counters
            .frames_sent
            .fetch_add(1, Ordering::Relaxed);
        self.socket
            .feed(Message::Text(frame.into()))
            .await
            .map_err(|_| End::Gone)
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.socket.flush().await.map_err(|_| End::Gone)
    }
}
