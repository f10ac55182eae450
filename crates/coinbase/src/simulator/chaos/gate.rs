//! REST's limit and its failures.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::config::{Chaos, RestTrouble};
use super::dice::{Dice, Question};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Verdict {
    Pass,
    TooMany,
    Fail,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

pub(in crate::simulator) struct RestGate {
    trouble: RestTrouble,
    dice: Dice,
    requests: AtomicU64,
    bucket: Mutex<Bucket>,
}

impl RestGate {
    pub fn new(chaos: &Chaos) -> Self {
        let bucket = Bucket {
            tokens: burst(chaos.rest),
            filled: Instant::now(),
        };
        Self {
            trouble: chaos.rest,
            dice: Dice::new(chaos.seed),
            requests: AtomicU64::new(0),
            bucket: Mutex::new(bucket),
        }
    }

    pub fn ask(&self) -> Verdict {
        if self.trouble.per_second > 0 && !self.take_token() {
            return Verdict::TooMany;
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let failures = self.trouble.failures;
        match self.dice.chance(failures, Question::RestFailure, 0, number) {
            true => Verdict::Fail,
            false => Verdict::Pass,
        }
    }

    fn take_token(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        let filled = bucket.tokens + elapsed * f64::from(self.trouble.per_second);
        bucket.tokens = filled.min(burst(self.trouble));
        bucket.filled = now;
        let is_there = bucket.tokens >= 1.0;
        if is_there {
            bucket.tokens -= 1.0;
        }
        is_there
    }
}

fn burst(trouble: RestTrouble) -> f64 {
    f64::from(trouble.per_second) * 2.0
}
