//! Requests at the rate that Coinbase allows: 8 a second, up to 20 at once.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::sleep_until;

/// The time that one request uses up: 8 a second.
const INTERVAL: Duration = Duration::from_millis(125);
/// Requests at once after a pause.
const BURST: u32 = 20;

/// Lets requests through in the order in which they ask, as fast as is allowed.
#[derive(Debug, Default)]
pub(super) struct RateLimiter(Mutex<Turns>);

impl RateLimiter {
    /// Waits for the turn of one request. Who stops waiting takes no turn.
    pub async fn turn(&self) {
        // Held while waiting: the lock is fair, so that nobody is overtaken.
        let mut turns = self.0.lock().await;
        let next = turns.next(Instant::now());
        sleep_until(next.into()).await;
        turns.take(next);
    }

    /// The server says that it was too much: the burst is used up.
    pub async fn exceeded(&self) {
        self.0.lock().await.exceeded(Instant::now());
    }
}

/// When which request may go.
#[derive(Debug, Default)]
struct Turns {
    /// When all that was let through is paid for; `None` before the first request.
    paid: Option<Instant>,
}

impl Turns {
    /// When the next request may go: `now` or later.
    fn next(&self, now: Instant) -> Instant {
        let ahead = INTERVAL * (BURST - 1);
        let allowed = self.paid.and_then(|paid| paid.checked_sub(ahead));
        allowed.map_or(now, |allowed| allowed.max(now))
    }

    fn take(&mut self, at: Instant) {
        let paid = self.paid.map_or(at, |paid| paid.max(at));
        self.paid = Some(paid + INTERVAL);
    }

    fn exceeded(&mut self, now: Instant) {
        self.paid = Some(now + INTERVAL * BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long each of so many requests waits that all want to go at `now`, in milliseconds.
    fn waits(turns: &mut Turns, count: usize, now: Instant) -> Vec<u128> {
        let wait = |_| {
            let at = turns.next(now);
            turns.take(at);
            at.duration_since(now).as_millis()
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn twenty_at_once_and_then_eight_a_second() {
        let mut turns = Turns::default();
        let now = Instant::now();
        let first = waits(&mut turns, 36, now);
        assert!(first[..20].iter().all(|wait| *wait == 0), "{first:?}");
        assert_eq!((first[20], first[35]), (125, 2_000), "{first:?}");
        let rested = waits(&mut turns, 21, now + Duration::from_secs(60));
        assert_eq!((rested[19], rested[20]), (0, 125), "{rested:?}");
    }

    #[test]
    fn a_refusal_uses_up_the_burst() {
        let mut turns = Turns::default();
        let now = Instant::now();
        turns.exceeded(now);
        assert_eq!(waits(&mut turns, 2, now), [125, 250]);
    }
}
