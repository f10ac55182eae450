//! How long to wait before connecting again.

use std::time::Duration;

/// Waits that double from `initial` to `max`, each shortened by a random part of up to one half, so
/// that clients which lost the same server don't come back in the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait. Default: 250 ms.
    pub initial: Duration,
    /// The longest wait. Default: 30 s.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(250),
            max: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row (from 0); `random` is in 0..1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        // 2^16 times any sensible start is beyond any sensible maximum.
        let doubled = self.initial.saturating_mul(1 << failures.min(16));
        let full = doubled.min(self.max);
        full.mul_f64(1.0 - 0.5 * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn doubles_up_to_the_maximum() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(0, 0.0), Duration::from_millis(250));
        assert_eq!(backoff.delay(3, 0.0), Duration::from_secs(2));
        assert_eq!(backoff.delay(7, 0.0), Duration::from_secs(30));
        assert_eq!(backoff.delay(u32::MAX, 0.0), Duration::from_secs(30));
    }

    #[test]
    fn jitter_takes_at_most_one_half() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(2, 1.0), Duration::from_millis(500));
        assert_eq!(backoff.delay(2, 0.5), Duration::from_millis(750));
        assert_eq!(backoff.delay(2, 7.0), Duration::from_millis(500));
    }
}
