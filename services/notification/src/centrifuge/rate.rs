//! How fast a client may send commands.

use std::time::Duration;

use tokio::time::Instant;

/// Commands that may come at once.
const BURST: f64 = 200.0;
/// Commands that may come each second in the long run.
const PER_SECOND: f64 = 50.0;

/// A bucket of tokens, one for each command. While it is empty nothing is read from the client:
/// one that sends faster fills its own side of the connection.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    counted: Instant,
}

impl Bucket {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            tokens: BURST,
            counted: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.duration_since(self.counted).as_secs_f64();
        self.tokens = (self.tokens + seconds * PER_SECOND).min(BURST);
        self.counted = now;
    }

    /// Counts a command. A frame that was read is handled to its end, so the count may fall below
    /// zero.
    pub(super) fn spend(&mut self, now: Instant) {
        self.refill(now);
        self.tokens -= 1.0;
    }

    /// When to read again; `None` for now.
    pub(super) fn wait_until(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        (self.tokens < 1.0).then(|| now + Duration::from_secs_f64((1.0 - self.tokens) / PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_it_is_waited() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        for _ in 0..200 {
            assert_eq!(bucket.wait_until(start), None);
            bucket.spend(start);
        }
        assert!(bucket.wait_until(start).is_some());
        let later = start + Duration::from_secs(2);
        assert_eq!(bucket.wait_until(later), None);
        for _ in 0..100 {
            bucket.spend(later);
        }
        assert!(bucket.wait_until(later).is_some());
    }
}
