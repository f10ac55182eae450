//! What the simulator has done.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::exchange::FrameKind;

/// Counts since the start. Frames *sent* count once per client, frames *played* once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SimulatorStats {
    /// Frames handed to clients' sockets, answers included.
    pub frames_sent: u64,
    /// Of these, `ticker`.
    pub tickers_sent: u64,
    /// Of these, `match`.
    pub matches_sent: u64,
    /// Of these, `heartbeat`.
    pub heartbeats_sent: u64,
    /// Of these, `error`.
    pub errors_sent: u64,
    /// Frames of the source that were played, whether or not somebody had subscribed to them.
    pub frames_played: u64,
    /// Trades that were played; one that has both a `ticker` and a `match` counts once.
    pub trades_played: u64,
    /// Clients that have connected.
    pub connections: u64,
    /// Clients that were disconnected because they didn't subscribe in time.
    pub never_subscribed: u64,
    /// Clients that were disconnected because they read too slowly.
    pub slow: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub frames_sent: AtomicU64,
    pub tickers_sent: AtomicU64,
    pub matches_sent: AtomicU64,
    pub heartbeats_sent: AtomicU64,
    pub errors_sent: AtomicU64,
    pub frames_played: AtomicU64,
    pub tickers_played: AtomicU64,
    pub matches_played: AtomicU64,
    pub connections: AtomicU64,
    pub never_subscribed: AtomicU64,
    pub slow: AtomicU64,
}

impl Counters {
    pub fn stats(&self) -> SimulatorStats {
        let tickers_played = self.tickers_played.load(Ordering::Relaxed);
        let matches_played = self.matches_played.load(Ordering::Relaxed);
        SimulatorStats {
            frames_sent: self.frames_sent.load(Ordering::Relaxed),
            tickers_sent: self.tickers_sent.load(Ordering::Relaxed),
            matches_sent: self.matches_sent.load(Ordering::Relaxed),
            heartbeats_sent: self.heartbeats_sent.load(Ordering::Relaxed),
            errors_sent: self.errors_sent.load(Ordering::Relaxed),
            frames_played: self.frames_played.load(Ordering::Relaxed),
            trades_played: tickers_played.max(matches_played),
            connections: self.connections.load(Ordering::Relaxed),
            never_subscribed: self.never_subscribed.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }
}

/// Counts of one chunk, added to the shared ones at once.
#[derive(Default)]
pub(super) struct ChunkCounts {
    pub frames: u64,
    pub tickers: u64,
    pub matches: u64,
    pub heartbeats: u64,
}

impl ChunkCounts {
    /// Counts a frame.
    pub fn add(&mut self, kind: FrameKind) {
        self.frames += 1;
        self.add_kind(kind);
    }

    /// Counts what a frame is, where one message may hold several.
    pub fn add_kind(&mut self, kind: FrameKind) {
        match kind {
            FrameKind::Ticker => self.tickers += 1,
            FrameKind::Match => self.matches += 1,
            FrameKind::Heartbeat => self.heartbeats += 1,
            _ => {}
        }
    }

    pub fn sent(&self, counters: &Counters) {
        counters
            .frames_sent
            .fetch_add(self.frames, Ordering::Relaxed);
        counters
            .tickers_sent
            .fetch_add(self.tickers, Ordering::Relaxed);
        counters
            .matches_sent
            .fetch_add(self.matches, Ordering::Relaxed);
        counters
            .heartbeats_sent
            .fetch_add(self.heartbeats, Ordering::Relaxed);
    }

    pub fn played(&self, counters: &Counters) {
        counters
            .frames_played
            .fetch_add(self.frames, Ordering::Relaxed);
        counters
            .tickers_played
            .fetch_add(self.tickers, Ordering::Relaxed);
        counters
            .matches_played
            .fetch_add(self.matches, Ordering::Relaxed);
    }
}
