#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn settings() -> BreakerSettings {
    BreakerSettings {
        failure_percent: 50,
        minimum_messages: 4,
        window_ms: 1_000,
        open_ms: 500,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    /// Resolves the n-th outstanding message.
    Resolve(usize, Outcome),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Failed),
        3 => Just(Outcome::Answered),
        1 => Just(Outcome::Abandoned),
    ];
    let step = prop_oneof![
        2 => (1_u64..700).prop_map(Step::Wait),
        4 => Just(Step::Admit),
        4 => (any::<usize>(), outcome).prop_map(|(n, outcome)| Step::Resolve(n, outcome)),
    ];
    prop::collection::vec(step, 0..200)
}

/// What the documentation says, over the complete history instead of counters.
#[derive(Debug)]
struct Model {
    state: CircuitState,
    /// When the state began, in ms.
    since: u64,
    /// An abandoned probe is followed by the next one at once.
    open_for: u64,
    /// Counts the states, so that messages of earlier ones can be told.
    era: u64,
    outcomes: Vec<(u64, bool)>,
}

impl Model {
    fn enter(&mut self, state: CircuitState, now: u64, open_for: u64) {
        (self.state, self.since, self.open_for) = (state, now, open_for);
        self.era += 1;
        self.outcomes.clear();
    }

    fn admits(&mut self, now: u64) -> bool {
        match self.state {
            CircuitState::Closed => true,
            CircuitState::HalfOpen => false,
            CircuitState::Open => {
                let due = now >= self.since + self.open_for;
                if due {
                    self.enter(CircuitState::HalfOpen, now, 0);
                }
                due
            }
        }
    }

    fn resolve(&mut self, now: u64, era: u64, outcome: Outcome) {
        if era != self.era {
            return;
        }
        match (self.state, outcome) {
            (CircuitState::HalfOpen, Outcome::Answered) => {
                self.enter(CircuitState::Closed, now, 0);
            }
            (CircuitState::HalfOpen, Outcome::Failed) => {
                self.enter(CircuitState::Open, now, 500);
            }
            (CircuitState::HalfOpen, Outcome::Abandoned) => {
                self.enter(CircuitState::Open, now, 0);
            }
            (CircuitState::Closed, Outcome::Answered | Outcome::Failed) => {
                self.outcomes.push((now, outcome == Outcome::Failed));
                // Steps of 100 ms from the time at which the circuit closed.
                let step = |at: u64| (at - self.since) / 100;
                let recent: Vec<bool> = self
                    .outcomes
                    .iter()
                    .filter(|(at, _)| step(*at) + 10 > step(now))
                    .map(|(_, failed)| *failed)
                    .collect();
                let failed = recent.iter().filter(|failed| **failed).count();
                if failed > 0 && recent.len() >= 4 && failed * 2 >= recent.len() {
                    self.enter(CircuitState::Open, now, 500);
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_breaker_does_what_its_documentation_says(steps in steps()) {
        let begin = Instant::now();
        let mut circuit = Circuit::new(settings(), begin);
        let mut model = Model {
            state: CircuitState::Closed, since: 0, open_for: 0, era: 0, outcomes: Vec::new(),
        };
        let mut outstanding = Vec::new();
        let mut now = 0;
        for step in steps {
            let at = |ms| begin + Duration::from_millis(ms);
            match step {
                Step::Wait(ms) => now += ms,
                Step::Admit => {
                    let admitted = circuit.admit(at(now));
                    prop_assert_eq!(admitted.is_ok(), model.admits(now));
                    if let Ok(ticket) = admitted {
                        outstanding.push((ticket, model.era));
                    }
                }
                Step::Resolve(..) if outstanding.is_empty() => {}
                Step::Resolve(n, outcome) => {
                    let (ticket, era) = outstanding.remove(n % outstanding.len());
                    circuit.record(at(now), ticket, outcome);
                    model.resolve(now, era, outcome);
                }
            }
            prop_assert_eq!(circuit.state(), model.state);
        }
    }
}

#[test]
fn an_open_circuit_tells_when_to_come_back_and_a_dropped_probe_makes_room_for_another() {
    let breaker = Arc::new(Breaker::new(&BreakerSettings {
        open_ms: 60_000,
        ..settings()
    }));
    for _ in 0..4 {
        breaker.admit().unwrap().tell(Outcome::Failed);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
    assert!(breaker.admit().unwrap_err() <= Duration::from_secs(60));
    assert!(breaker.check().unwrap_err().contains("open"));

    let probing = Arc::new(Breaker::new(&BreakerSettings {
        open_ms: 1,
        ..settings()
    }));
    for _ in 0..4 {
        probing.admit().unwrap().tell(Outcome::Failed);
    }
    let probe = loop {
        if let Ok(probe) = probing.admit() {
            break probe;
        }
    };
    assert_eq!(probing.state(), CircuitState::HalfOpen);
    assert!(probing.admit().is_err() && probing.check().is_err());
    drop(probe);
    assert_eq!(probing.check(), Ok(()));
    probing.admit().unwrap().tell(Outcome::Answered);
    assert_eq!(probing.state(), CircuitState::Closed);
}
