//! What is kept for each topic that a producer writes: its name on the broker, its metrics, and
//! how many messages are on their way to it.

use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{Counter, Histogram};

use crate::telemetry;

/// A topic as a producer knows it. Looked up once a topic, not once a message.
pub(crate) struct Destination {
    /// Logical name, for errors, logs and metrics.
    pub(crate) topic: &'static str,
    /// Name on the broker.
    pub(crate) physical: String,
    in_flight: AtomicUsize,
    sent: Counter,
    duration: Histogram,
}

impl Destination {
    pub(crate) fn new(topic: &'static str, physical: String) -> Self {
        let (sent, duration) = telemetry::sending(topic);
        Self {
            topic,
            physical,
            in_flight: AtomicUsize::new(0),
            sent,
            duration,
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn queued(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, seconds: f64) {
        self.sent.increment(1);
        self.duration.record(seconds);
    }
}
