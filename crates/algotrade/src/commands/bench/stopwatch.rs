//! Time that a computation takes, on a machine that does other things besides.

use std::time::{Duration, Instant};

/// Measures what this thread has computed, so that a busy machine makes no difference; where the
/// system doesn't tell that, the time on the clock.
pub(super) struct Stopwatch {
    computed: Option<Duration>,
    started: Instant,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self {
            computed: Self::computed(),
            started: Instant::now(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        match (self.computed, Self::computed()) {
            (Some(before), Some(now)) if now > before => now - before,
            _ => self.started.elapsed(),
        }
    }

    /// Linux counts it in nanoseconds.
    fn computed() -> Option<Duration> {
        let counts = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = counts.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}
