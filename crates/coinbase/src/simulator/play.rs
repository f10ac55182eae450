//! Playing the source: by the clock, or as fast as clients read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::config::{Source, Speed};
use super::heartbeat::Heartbeats;
use super::hub::Hub;
use super::source::{self, SimFrame};

/// How long a client may keep the clock waiting.
const PATIENCE: Duration = Duration::from_secs(10);

const HEARTBEAT: Duration = Duration::from_secs(1);

/// How many frames that are due go out together.
const DUE_FRAMES: usize = 256;

pub(super) struct Play {
    pub hub: Arc<Hub>,
    pub source: Source,
    pub speed: Speed,
    /// Whether the source brings its own heartbeats.
    pub has_heartbeats: bool,
    pub released: watch::Receiver<bool>,
    pub finished: watch::Sender<bool>,
}

impl Play {
    pub async fn run(mut self) {
        // An error means that the handle is gone, and with it whoever could release.
        if self.released.wait_for(|released| *released).await.is_err() {
            return;
        }
        self.hub.listened_to().await;
        let frames = source::spawn(self.source.clone());
        match self.speed.factor() {
            None => self.at_the_readers_pace(frames).await,
            Some(factor) => self.by_the_clock(frames, factor).await,
        }
    }

    async fn at_the_readers_pace(self, mut frames: mpsc::Receiver<Vec<SimFrame>>) {
        while let Some(chunk) = frames.recv().await {
            self.hub.listened_to().await;
            self.hub.play(chunk, None).await;
        }
        self.hub.end().await;
        self.finished.send_replace(true);
    }

    async fn by_the_clock(self, mut frames: mpsc::Receiver<Vec<SimFrame>>, factor: f64) {
        let mut waiting: VecDeque<SimFrame> = frames.recv().await.unwrap_or_default().into();
        let Some(first) = waiting.front() else { return };
        let clock = Clock {
            started: Instant::now(),
            first: first.due,
            factor,
        };
        let mut heartbeats = Heartbeats::default();
        let mut next_heartbeat = clock.started + HEARTBEAT;
        while let Some(next) = waiting.front() {
            let next_due = clock.moment(next.due);
            let own_heartbeat = !self.has_heartbeats && next_heartbeat <= next_due;
            sleep_until(if own_heartbeat {
                next_heartbeat
            } else {
                next_due
            })
            .await;
            if own_heartbeat {
                let beat = heartbeats.at(clock.event_time(next_heartbeat));
                self.hub.broadcast(beat, Some(PATIENCE)).await;
                next_heartbeat += HEARTBEAT;
                continue;
            }
            let now = Instant::now();
            let is_due = |frame: &SimFrame| clock.moment(frame.due) <= now;
            let due = waiting
                .iter()
                .take(DUE_FRAMES)
                .take_while(|f| is_due(f))
                .count()
                .max(1);
            let chunk: Vec<SimFrame> = waiting.drain(..due).collect();
            chunk.iter().for_each(|frame| heartbeats.see(frame));
            self.hub.play(chunk, Some(PATIENCE)).await;
            if waiting.is_empty() {
                waiting = frames.recv().await.unwrap_or_default().into();
            }
        }
        self.hub.end().await;
        self.finished.send_replace(true);
        // The recording is over, the market isn't: it is only quiet.
        let mut next_heartbeat = next_heartbeat.max(Instant::now());
        loop {
            sleep_until(next_heartbeat).await;
            let beat = heartbeats.at(clock.event_time(next_heartbeat));
            self.hub.broadcast(beat, Some(PATIENCE)).await;
            next_heartbeat += HEARTBEAT;
        }
    }
}

/// From event time to the machine's and back.
struct Clock {
    started: Instant,
    /// Event time at `started`, in microseconds.
    first: i64,
    factor: f64,
}

impl Clock {
    fn moment(&self, due: i64) -> Instant {
        let micros = due.saturating_sub(self.first).max(0) as f64 / self.factor;
        // A thousand years at most, so that no speed overflows the clock.
        let micros = micros.min(3e16);
        self.started + Duration::from_micros(micros as u64)
    }

    fn event_time(&self, moment: Instant) -> i64 {
        let elapsed = moment.saturating_duration_since(self.started);
        let micros = elapsed.as_micros() as f64 * self.factor;
        self.first.saturating_add(micros as i64)
    }
}
