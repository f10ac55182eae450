//! Named mixtures.

use std::time::Duration;

use super::config::{Chaos, Delay, Losses, Reorders, RestTrouble};

/// A mixture with a name.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    make: fn() -> Chaos,
}

/// All of them.
pub const PROFILES: [Profile; 6] = [
    Profile {
        name: "lossy",
        about: "runs of up to 20 trades are lost; REST has them",
        make: lossy,
    },
    Profile {
        name: "repeats",
        about: "frames come twice, and out of order",
        make: repeats,
    },
    Profile {
        name: "flaky",
        about: "connections end, with all sorts of close codes, or bring nothing",
        make: flaky,
    },
    Profile {
        name: "slow",
        about: "frames come late, and at times nothing for up to 3 s",
        make: slow,
    },
    Profile {
        name: "garbage",
        about: "one frame in a hundred can't be read",
        make: garbage,
    },
    Profile {
        name: "storm",
        about: "all of that at once, and REST allows 10 requests a second and fails at times",
        make: storm,
    },
];

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// What goes wrong.
    pub fn chaos(&self, seed: u64) -> Chaos {
        Chaos {
            seed,
            ..(self.make)()
        }
    }
}

fn lossy() -> Chaos {
    Chaos {
        losses: Some(Losses {
            rate: 0.002,
            longest: 20,
        }),
        ..Chaos::default()
    }
}

fn repeats() -> Chaos {
    Chaos {
        duplicates: 0.05,
        reorders: Some(Reorders {
            rate: 0.02,
            distance: 8,
        }),
        ..Chaos::default()
    }
}

fn flaky() -> Chaos {
    Chaos {
        disconnects: 0.000_5,
        stalls: 0.1,
        ..Chaos::default()
    }
}

fn slow() -> Chaos {
    Chaos {
        slow: Some(Delay {
            rate: 0.02,
            wait: Duration::from_millis(20),
        }),
        pauses: Some(Delay {
            rate: 0.000_5,
            wait: Duration::from_secs(3),
        }),
        ..Chaos::default()
    }
}

fn garbage() -> Chaos {
    Chaos {
        garbage: 0.01,
        ..Chaos::default()
    }
}

fn storm() -> Chaos {
    Chaos {
        garbage: garbage().garbage,
        rest: RestTrouble {
            per_second: 10,
            failures: 0.05,
        },
        losses: lossy().losses,
        slow: slow().slow,
        pauses: slow().pauses,
        disconnects: flaky().disconnects,
        stalls: flaky().stalls,
        ..repeats()
    }
}
