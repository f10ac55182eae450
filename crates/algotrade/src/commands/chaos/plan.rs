//! What shall go wrong, and when: the same for the same seed.

use std::fmt;
use std::time::Duration;

/// The services, as their binaries are called.
pub(super) const SERVICES: [&str; 4] = ["market-data", "strategy", "forward-test", "notification"];

/// Who is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Service(&'static str),
    Broker,
    Database,
    Cache,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Service(name) => name,
            Self::Broker => "kafka",
            Self::Database => "postgres",
            Self::Cache => "redis",
        })
    }
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    /// SIGKILL; it is started again after a while.
    Kill { away: Duration },
    /// SIGSTOP, and SIGCONT after a while.
    Pause { away: Duration },
    /// Ended in order, and started again.
    Restart,
}

impl Act {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill -9",
            Self::Pause { .. } => "pause",
            Self::Restart => "restart",
        }
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble {
    /// After the one before.
    pub(super) wait: Duration,
    pub(super) target: Target,
    pub(super) act: Act,
}

/// Longer than the group waits for a member: it is given up, and wakes up as a zombie.
const ZOMBIE: u64 = 8_000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    fn service(&mut self) -> Target {
        // Half of all goes to the two that own the ledger's state.
        Target::Service(match self.below(8) {
            0..=2 => "forward-test",
            3..=5 => "strategy",
            6 => "market-data",
            _ => "notification",
        })
    }

    fn trouble(&mut self, number: usize) -> (Target, Act) {
        let away = self.millis(0, 1_200);
        let nap = self.millis(200, 2_500);
        // The first ones are one of each kind, so that a short run has all of them.
        let kind = match number {
            0..=10 => number as u64,
            _ => 11 + self.below(100),
        };
        let zombie = Duration::from_millis(ZOMBIE);
        match kind {
            0 => (Target::Service("forward-test"), Act::Kill { away }),
            1 => (Target::Broker, Act::Kill { away }),
            2 => (Target::Service("strategy"), Act::Kill { away }),
            3 => (Target::Database, Act::Kill { away }),
            4 => (Target::Service("market-data"), Act::Kill { away }),
            5 => (Target::Service("forward-test"), Act::Pause { away: zombie }),
            6 => (Target::Cache, Act::Kill { away }),
            7 => (Target::Service("strategy"), Act::Pause { away: zombie }),
            8 => (Target::Service("notification"), Act::Kill { away }),
            9 => (Target::Broker, Act::Pause { away: nap }),
            10 => (Target::Cache, Act::Pause { away: nap }),
            11..=62 => (self.service(), Act::Kill { away }),
            63..=76 => (self.service(), Act::Pause { away: nap }),
            77..=80 => (self.service(), Act::Pause { away: zombie }),
            81..=85 => (self.service(), Act::Restart),
            86..=90 => (Target::Broker, Act::Kill { away }),
            91..=92 => (Target::Broker, Act::Restart),
            93..=95 => (Target::Broker, Act::Pause { away: nap }),
            96..=100 => (Target::Database, Act::Kill { away }),
            101..=103 => (Target::Database, Act::Restart),
            104..=107 => (Target::Cache, Act::Kill { away }),
            _ => (Target::Cache, Act::Pause { away: nap }),
        }
    }
}

/// So many troubles.
pub(super) fn plan(seed: u64, count: usize) -> Vec<Trouble> {
    let mut random = Random(seed);
    (0..count)
        .map(|number| {
            let wait = random.millis(150, 1_500);
            let (target, act) = random.trouble(number);
            Trouble { wait, target, act }
        })
        .collect()
}

/// The plan where the broker is a part of this process: that can be restarted, and nothing else.
pub(super) fn with_embedded_broker(mut plan: Vec<Trouble>) -> Vec<Trouble> {
    for trouble in &mut plan {
        if trouble.target == Target::Broker {
            trouble.act = Act::Restart;
        }
    }
    plan
}

/// About how long a plan takes: what the replay is paced by, so that it doesn't end before.
pub(super) fn duration(plan: &[Trouble]) -> Duration {
    let each = plan.iter().map(|trouble| {
        let away = match trouble.act {
            Act::Kill { away } | Act::Pause { away } => away,
            Act::Restart => Duration::ZERO,
        };
        let starting = match (trouble.target, trouble.act) {
            (_, Act::Pause { .. }) => Duration::ZERO,
            (Target::Broker, _) => Duration::from_secs(6),
            (Target::Database, _) => Duration::from_secs(2),
            (Target::Cache, _) => Duration::from_millis(500),
            (Target::Service(_), Act::Restart) => Duration::from_secs(2),
            (Target::Service(_), _) => Duration::ZERO,
        };
        trouble.wait + away + starting
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_makes_one_plan_and_another_seed_another() {
        assert_eq!(plan(3, 200), plan(3, 200));
        assert_ne!(plan(3, 200), plan(4, 200));
        assert_eq!(
            plan(3, 200).get(..20),
            plan(3, 20).get(..),
            "a shorter one is its beginning"
        );
    }

    #[test]
    fn every_target_is_hit_in_a_short_plan_and_every_way_in_a_long_one() {
        let hit = |count| -> BTreeSet<(String, &str)> {
            let plan = plan(1, count).into_iter();
            plan.map(|t| (t.target.to_string(), t.act.name())).collect()
        };
        let targets: BTreeSet<String> = hit(11).into_iter().map(|(target, _)| target).collect();
        assert_eq!(targets.len(), SERVICES.len() + 3, "{targets:?}");
        let all = hit(400);
        for service in SERVICES {
            for act in ["kill -9", "pause", "restart"] {
                assert!(all.contains(&(service.to_owned(), act)), "{service} {act}");
            }
        }
        for (target, act) in [
            ("kafka", "restart"),
            ("postgres", "restart"),
            ("redis", "pause"),
        ] {
            assert!(all.contains(&(target.to_owned(), act)), "{target} {act}");
        }
    }
}
