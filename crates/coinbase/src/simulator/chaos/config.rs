//! What may go wrong, and how often.

use std::time::Duration;

/// What goes wrong, and how often; [`Chaos::default`] is a feed that works. Rates are parts of one,
/// per frame that carries a trade.
///
/// Which trades get lost depends on the seed and on their ids alone: all channels and all clients
/// lose the same, and a trade that one channel lost doesn't come by the other. The rest depends on
/// the seed, the connection's number, and how many trades it has been told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chaos {
    /// The same seed makes the same mess.
    pub seed: u64,
    /// Trades that no client is told, though REST and heartbeats know them.
    pub losses: Option<Losses>,
    /// Frames that are sent twice.
    pub duplicates: f64,
    /// Frames that are sent later than those after them.
    pub reorders: Option<Reorders>,
    /// How often something unreadable comes between two frames.
    pub garbage: f64,
    /// Short waits: a slow network.
    pub slow: Option<Delay>,
    /// Long waits: nothing comes, and then all of it.
    pub pauses: Option<Delay>,
    /// How often the server ends the connection, with one of Coinbase's close codes or none. What
    /// was on its way then is lost, too.
    pub disconnects: f64,
    /// Connections that get answers to their requests and nothing else, per connection.
    pub stalls: f64,
    /// Trouble with REST.
    pub rest: RestTrouble,
}

/// Runs of trades that get lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// How often a run begins, per trade.
    pub rate: f64,
    /// How many trades a run has at most; 1 to 1,000.
    pub longest: u32,
}

/// Frames that come late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reorders {
    /// How often a frame is held back.
    pub rate: f64,
    /// How many others overtake it at most; 1 to 1,000.
    pub distance: u32,
}

/// Waits before a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// How often.
    pub rate: f64,
    /// How long at most; at least half of it.
    pub wait: Duration,
}

/// Trouble with REST.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RestTrouble {
    /// More requests in a second than this are answered 429 (with a burst of twice as many); 0 for
    /// any number.
    pub per_second: u32,
    /// Requests that are answered 500, a part of one.
    pub failures: f64,
}

impl Chaos {
    /// Whether nothing goes wrong between the market and a client's socket.
    pub(in crate::simulator) fn is_calm(&self) -> bool {
        let others = Self {
            seed: 0,
            rest: RestTrouble::default(),
            ..self.clone()
        };
        others == Self::default()
    }

    /// The first rate or length that can't be.
    pub(in crate::simulator) fn check(&self) -> Result<(), &'static str> {
        let rates = [
            ("losses.rate", self.losses.map(|losses| losses.rate)),
            ("duplicates", Some(self.duplicates)),
            ("reorders.rate", self.reorders.map(|reorders| reorders.rate)),
            ("garbage", Some(self.garbage)),
            ("slow.rate", self.slow.map(|slow| slow.rate)),
            ("pauses.rate", self.pauses.map(|pauses| pauses.rate)),
            ("disconnects", Some(self.disconnects)),
            ("stalls", Some(self.stalls)),
            ("rest.failures", Some(self.rest.failures)),
        ];
        for (name, rate) in rates {
            if rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
                return Err(name);
            }
        }
        let lengths = [
            ("losses.longest", self.losses.map(|losses| losses.longest)),
            (
                "reorders.distance",
                self.reorders.map(|reorders| reorders.distance),
            ),
        ];
        for (name, length) in lengths {
            if length.is_some_and(|length| !(1..=1_000).contains(&length)) {
                return Err(name);
            }
        }
        Ok(())
    }
}
