//! How many records may be on their way between the poller and the handlers.
//!
//! The poller takes credits before it polls, and the engine gives them back as records finish. So
//! the channel between them never fills: assignments and revocations always get through.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Credits {
    /// Worth a poll: with fewer the poller would fetch record by record.
    worthwhile: i64,
    available: Mutex<i64>,
    returned: Condvar,
}

impl Credits {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = i64::try_from(capacity).unwrap_or(i64::MAX);
        Self {
            worthwhile: (capacity / 4).max(1),
            available: Mutex::new(capacity),
            returned: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, i64> {
        self.available
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up to `most`, at once if there are many; after `wait` what there is, 0 if none came
    /// back. Blocks.
    pub(super) fn take(&self, most: usize, wait: Duration) -> usize {
        let available = self.lock();
        let waited = self
            .returned
            .wait_timeout_while(available, wait, |available| *available < self.worthwhile);
        let (mut available, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = usize::try_from(*available).unwrap_or_default().min(most);
        *available -= taken as i64;
        taken
    }

    /// Takes one that may not be there: for a record that came although its partition was paused.
    pub(super) fn overdraw(&self) {
        *self.lock() -= 1;
    }

    pub(super) fn give_back(&self, count: usize) {
        if count == 0 {
            return;
        }
        let mut available = self.lock();
        *available += count as i64;
        // The poller doesn't go on for fewer, so it isn't woken for them.
        if *available >= self.worthwhile {
            self.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_taken_only_after_the_wait() {
        let credits = Credits::new(40);
        assert_eq!(credits.take(35, Duration::ZERO), 35);
        std::thread::scope(|scope| {
            scope.spawn(|| credits.give_back(5));
            assert_eq!(credits.take(20, Duration::from_secs(60)), 10);
        });
        credits.give_back(3);
        assert_eq!(credits.take(20, Duration::from_millis(1)), 3);
    }

    #[test]
    fn what_is_taken_must_come_back_first() {
        let credits = Credits::new(3);
        assert_eq!(credits.take(2, Duration::ZERO), 2);
        assert_eq!(credits.take(2, Duration::ZERO), 1);
        assert_eq!(credits.take(2, Duration::ZERO), 0);
        credits.overdraw();
        credits.give_back(1);
        assert_eq!(credits.take(2, Duration::ZERO), 0, "the overdraft first");
        std::thread::scope(|scope| {
            scope.spawn(|| credits.give_back(2));
            assert_eq!(credits.take(5, Duration::from_secs(60)), 2);
        });
    }
}
