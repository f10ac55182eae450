//! A circuit breaker: when most messages fail, further ones fail at once instead of each waiting
//! for its own timeout, until one probe has shown that the broker takes messages again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::telemetry;

/// The window is counted in this many steps: that exactly is known when an outcome is forgotten.
const BUCKETS: u64 = 10;

/// `kafka.breaker`: when a producer stops trying.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// The circuit opens when at least this share of the window's messages failed, in percent.
    pub failure_percent: u32,
    /// Fewer messages than this in the window never open the circuit.
    pub minimum_messages: u32,
    /// How far back outcomes count, in milliseconds.
    pub window_ms: u32,
    /// How long an open circuit refuses messages before it lets a probe through, in milliseconds.
    pub open_ms: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failure_percent: 50,
            minimum_messages: 20,
            window_ms: 30_000,
            open_ms: 5_000,
        }
    }
}

impl BreakerSettings {
    /// Every mistake in these settings, each with the field's name.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if !(1..=100).contains(&self.failure_percent) {
            let text = "must be 1 to 100".to_owned();
            problems.push(("kafka.breaker.failure_percent", text));
        }
        if self.minimum_messages == 0 {
            let text = "must be at least 1".to_owned();
            problems.push(("kafka.breaker.minimum_messages", text));
        }
        if self.window_ms < 100 {
            let text = "must be at least 100".to_owned();
            problems.push(("kafka.breaker.window_ms", text));
        }
        if self.open_ms == 0 {
            let text = "must be at least 1".to_owned();
            problems.push(("kafka.breaker.open_ms", text));
        }
        problems
    }
}

/// Where a circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Messages go through.
    Closed,
    /// Messages fail at once.
    Open,
    /// One message has been let through; its fate decides.
    HalfOpen,
}

impl CircuitState {
    /// The metric label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What became of a message, as far as the broker's health is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker answered: it took the message, or refused this one for what it is.
    Answered,
    /// The broker didn't answer, or couldn't serve.
    Failed,
    /// It never got as far as the broker.
    Abandoned,
}

/// A message that was let through. Outcomes of an earlier state of the circuit don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticket {
    generation: u64,
}

/// The breaker's rules, without clock and lock.
#[derive(Debug)]
struct Circuit {
    settings: BreakerSettings,
    generation: u64,
    position: Position,
}

#[derive(Debug)]
enum Position {
    Closed(Box<Window>),
    Open { until: Instant },
    HalfOpen,
}

impl Circuit {
    fn new(settings: BreakerSettings, now: Instant) -> Self {
        let position = Position::Closed(Box::new(Window::new(&settings, now)));
        Self {
            settings,
            generation: 0,
            position,
        }
    }

    fn state(&self) -> CircuitState {
        match self.position {
            Position::Closed(_) => CircuitState::Closed,
            Position::Open { .. } => CircuitState::Open,
            Position::HalfOpen => CircuitState::HalfOpen,
        }
    }

    /// Lets a message through, or tells how long until the next one may try.
    fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        match self.position {
            Position::Closed(_) => {}
            Position::Open { until } if now >= until => self.enter(Position::HalfOpen),
            Position::Open { until } => return Err(until - now),
            // The probe takes as long as it takes; looking again sooner costs nothing.
            Position::HalfOpen => {
                return Err(Duration::from_millis(u64::from(self.settings.open_ms)));
            }
        }
        Ok(Ticket {
            generation: self.generation,
        })
    }

    fn record(&mut self, now: Instant, ticket: Ticket, outcome: Outcome) {
        if ticket.generation != self.generation {
            return;
        }
        let open_ms = u64::from(self.settings.open_ms);
        let until = now + Duration::from_millis(open_ms);
        match (&mut self.position, outcome) {
            (Position::Closed(window), Outcome::Answered | Outcome::Failed) => {
                window.add(now, outcome == Outcome::Failed);
                if window.trips(now, &self.settings) {
                    self.enter(Position::Open { until });
                }
            }
            (Position::HalfOpen, Outcome::Answered) => {
                let window = Box::new(Window::new(&self.settings, now));
                self.enter(Position::Closed(window));
            }
            (Position::HalfOpen, Outcome::Failed) => self.enter(Position::Open { until }),
            // A probe that never reached the broker has shown nothing: the next call is one.
            (Position::HalfOpen, Outcome::Abandoned) => self.enter(Position::Open { until: now }),
            (Position::Closed(_), Outcome::Abandoned) | (Position::Open { .. }, _) => {}
        }
    }

    fn enter(&mut self, position: Position) {
        self.position = position;
        self.generation += 1;
    }
}

/// Outcomes of the last while, in steps of a tenth.
#[derive(Debug)]
struct Window {
    begin: Instant,
    step: Duration,
    buckets: [Bucket; BUCKETS as usize],
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    number: u64,
    messages: u64,
    failed: u64,
}

impl Window {
    fn new(settings: &BreakerSettings, now: Instant) -> Self {
        let step = Duration::from_millis(u64::from(settings.window_ms) / BUCKETS);
        Self {
            begin: now,
            step: step.max(Duration::from_millis(1)),
            buckets: [Bucket::default(); BUCKETS as usize],
        }
    }

    fn number(&self, now: Instant) -> u64 {
        let steps = now.saturating_duration_since(self.begin).as_nanos() / self.step.as_nanos();
        u64::try_from(steps).unwrap_or(u64::MAX)
    }

    fn add(&mut self, now: Instant, failed: bool) {
        let number = self.number(now);
        // The remainder is below BUCKETS, which is the length.
        let bucket = &mut self.buckets[(number % BUCKETS) as usize];
        if bucket.number != number {
            *bucket = Bucket {
                number,
                ..Bucket::default()
            };
        }
        bucket.messages += 1;
        bucket.failed += u64::from(failed);
    }

    fn trips(&self, now: Instant, settings: &BreakerSettings) -> bool {
        let oldest = self.number(now).saturating_sub(BUCKETS - 1);
        let recent = self.buckets.iter().filter(|b| b.number >= oldest);
        let (messages, failed) = recent.fold((0, 0), |(messages, failed), bucket| {
            (messages + bucket.messages, failed + bucket.failed)
        });
        failed > 0
            && messages >= u64::from(settings.minimum_messages)
            && failed * 100 >= messages * u64::from(settings.failure_percent)
    }
}

/// The circuit of one producer.
#[derive(Debug)]
pub(crate) struct Breaker {
    circuit: Mutex<Circuit>,
}

impl Breaker {
    pub(crate) fn new(settings: &BreakerSettings) -> Self {
        telemetry::circuit_made(CircuitState::Closed);
        let circuit = Circuit::new(settings.clone(), Instant::now());
        Self {
            circuit: Mutex::new(circuit),
        }
    }

    /// Lets a message through, or tells how long until the next one may try.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, Duration> {
        let ticket = self.change(|circuit| circuit.admit(Instant::now()))?;
        Ok(Permit {
            breaker: Some(Arc::clone(self)),
            ticket,
        })
    }

    pub(crate) fn state(&self) -> CircuitState {
        self.lock().state()
    }

    /// Why no message should come here now. An open circuit whose time is over is ready: only a
    /// message can be the probe, and none would come to a service that isn't ready.
    pub(crate) fn check(&self) -> Result<(), String> {
        let now = Instant::now();
        match self.lock().position {
            Position::Closed(_) => Ok(()),
            Position::Open { until } if now >= until => Ok(()),
            Position::Open { until } => Err(format!(
                "most messages to Kafka failed: the circuit is open, next try in {:?}",
                until - now
            )),
            Position::HalfOpen => Err("most messages to Kafka failed: one is tried".to_owned()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Circuit) -> R) -> R {
        let mut circuit = self.lock();
        let before = circuit.state();
        let result = change(&mut circuit);
        let after = circuit.state();
        drop(circuit);
        if before != after {
            telemetry::circuit_changed(before, after);
        }
        result
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        telemetry::circuit_gone(self.state());
    }
}

/// The right to send one message; what became of it must be told. Dropping it tells that the
/// message never got as far as the broker.
#[derive(Debug)]
pub(crate) struct Permit {
    breaker: Option<Arc<Breaker>>,
    ticket: Ticket,
}

impl Permit {
    pub(crate) fn tell(mut self, outcome: Outcome) {
        self.tell_once(outcome);
    }

    fn tell_once(&mut self, outcome: Outcome) {
        if let Some(breaker) = self.breaker.take() {
            breaker.change(|circuit| circuit.record(Instant::now(), self.ticket, outcome));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell_once(Outcome::Abandoned);
    }
}

#[cfg(test)]
mod tests;
