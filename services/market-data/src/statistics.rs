//! Counts of this process's feed, for `algotrade replay` and tests: exact, and without a scrape.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use coinbase::client::FeedStats;
use serde::Serialize;

/// How many looks in a row must find nothing new before the feed counts as settled.
const QUIET_LOOKS: u32 = 3;

/// Counts since the start, which grow while the feed runs.
#[derive(Debug, Default)]
pub struct FeedStatistics {
    frames: AtomicU64,
    malformed: AtomicU64,
    unknown: AtomicU64,
    connections: AtomicU64,
    enqueued: AtomicU64,
    published: AtomicU64,
    marked: AtomicU64,
    returned: AtomicU64,
    duplicates: AtomicU64,
    backfilled: AtomicU64,
    gaps: AtomicU64,
    missing: AtomicU64,
    lost: AtomicU64,
    waiting: AtomicU64,
    quiet_looks: AtomicU32,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FeedCounts {
    /// Frames received.
    pub frames: u64,
    /// Frames that couldn't be read.
    pub malformed: u64,
    /// Frames of unknown types.
    pub unknown: u64,
    /// Connections that came about.
    pub connections: u64,
    /// Trades that are in the log.
    pub published: u64,
    /// Trades that were told again; with `ticker` and `matches` both, that is every trade.
    pub duplicates: u64,
    /// Trades that the feed didn't bring and that were fetched.
    pub backfilled: u64,
    /// Runs of trades that are missing from the log, and marked there.
    pub gaps: u64,
    /// How many trades these runs have in all.
    pub missing: u64,
    /// Of these, how many came but were refused by Kafka.
    pub lost: u64,
    /// Records that are queued and not yet acknowledged.
    pub in_flight: u64,
    /// Trades that wait behind gaps or for Kafka, and gaps that are open.
    pub waiting: u64,
}

impl FeedStatistics {
    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> FeedCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        // What is acknowledged is read first, so that the difference never is below zero.
        let answered = [&self.published, &self.marked, &self.returned].map(read);
        let [published, ..] = answered;
        let answered: u64 = answered.iter().sum();
        FeedCounts {
            frames: read(&self.frames),
            malformed: read(&self.malformed),
            unknown: read(&self.unknown),
            connections: read(&self.connections),
            published,
            duplicates: read(&self.duplicates),
            backfilled: read(&self.backfilled),
            gaps: read(&self.gaps),
            missing: read(&self.missing),
            lost: read(&self.lost),
            in_flight: read(&self.enqueued).saturating_sub(answered),
            waiting: read(&self.waiting),
        }
    }

    /// Waits until at least `frames` frames were received, all of them were worked through, and
    /// every trade of theirs is in the log, and every gap filled or marked there. Only ends for a feed that does: a
    /// recording's.
    pub async fn settled(&self, frames: u64) {
        loop {
            let counts = self.counts();
            let quiet = self.quiet_looks.load(Ordering::Acquire) >= QUIET_LOOKS;
            let is_done = counts.in_flight == 0 && counts.waiting == 0;
            if counts.frames >= frames && is_done && quiet {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Tells what the client has counted.
    pub(crate) fn received(&self, stats: FeedStats) {
        self.frames.store(stats.frames, Ordering::Release);
        self.malformed.store(stats.malformed, Ordering::Release);
        self.unknown.store(stats.unknown, Ordering::Release);
        self.connections.store(stats.connections, Ordering::Release);
    }

    pub(crate) fn busy(&self) {
        self.quiet_looks.store(0, Ordering::Release);
    }

    pub(crate) fn quiet(&self) {
        self.quiet_looks.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn enqueued(&self) {
        self.enqueued.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn published(&self) {
        self.published.fetch_add(1, Ordering::AcqRel);
    }

    /// The mark of a gap is in the log.
    pub(crate) fn marked(&self) {
        self.marked.fetch_add(1, Ordering::AcqRel);
    }

    /// A record wasn't taken, and is to be queued again.
    pub(crate) fn returned(&self) {
        self.returned.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn duplicates(&self, count: u64) {
        self.duplicates.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn backfilled(&self, count: u64) {
        self.backfilled.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn gap(&self, missing: u64) {
        self.gaps.fetch_add(1, Ordering::AcqRel);
        self.missing.fetch_add(missing, Ordering::AcqRel);
    }

    /// Trades that Kafka refused for good; they are a gap as well.
    pub(crate) fn lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::AcqRel);
    }

    pub(crate) fn waiting(&self, count: usize) {
        self.waiting.store(count as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settled_waits_for_frames_deliveries_and_quiet() {
        let statistics = FeedStatistics::default();
        let waits = |frames| {
            let settled = statistics.settled(frames);
            async { tokio::time::timeout(Duration::from_millis(150), settled).await }
        };
        let frames = |frames| FeedStats {
            frames,
            ..FeedStats::default()
        };
        (0..QUIET_LOOKS).for_each(|_| statistics.quiet());
        assert!(waits(1).await.is_err(), "no frame yet");
        statistics.received(frames(1));
        statistics.enqueued();
        assert!(waits(1).await.is_err(), "one in flight");
        statistics.published();
        statistics.waiting(1);
        assert!(waits(1).await.is_err(), "one behind a gap");
        statistics.waiting(0);
        assert!(waits(1).await.is_ok());
        statistics.busy();
        assert!(waits(1).await.is_err(), "something came just now");
    }

    #[test]
    fn what_was_not_taken_is_not_in_flight() {
        let statistics = FeedStatistics::default();
        (0..4).for_each(|_| statistics.enqueued());
        statistics.published();
        statistics.marked();
        statistics.returned();
        let counts = statistics.counts();
        assert_eq!((counts.published, counts.in_flight), (1, 1));
    }
}
