//! Log lines at a bounded rate, for what a broken feed could repeat thousands of times a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    skipped: u64,
}

/// Lets one event a second through.
#[derive(Debug)]
pub struct Sample(Mutex<State>);

impl Sample {
    /// Nothing was let through yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            last: None,
            skipped: 0,
        }))
    }

    /// Whether this one is to be logged: then how many weren't since the last that was.
    pub fn take(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = state
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if !is_due {
            state.skipped += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_and_the_others_are_counted() {
        let (sample, start) = (Sample::new(), Instant::now());
        assert_eq!(sample.take(start), Some(0));
        for millis in [0, 400, 999] {
            assert_eq!(sample.take(start + Duration::from_millis(millis)), None);
        }
        assert_eq!(sample.take(start + EVERY), Some(3));
        assert_eq!(sample.take(start + EVERY), None);
    }
}
