//! What makes a product's market its own: its pace over the day, busy times, drift and jumps.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const SECOND: f64 = 1_000_000.0;
const DAY: f64 = 86_400.0 * SECOND;

/// When most is traded, in parts of a day (UTC): 15:00, when Europe and America are both awake.
const NOON: f64 = 15.0 / 24.0;

/// How long quiet and busy times last on average.
const QUIET: f64 = 1_200.0 * SECOND;
const BUSY: f64 = 120.0 * SECOND;

/// How much more prices move from trade to trade in busy times.
const BUSY_VOLATILITY: f64 = 1.8;

/// What makes a product's market its own. The default has nothing of all that: an even pace, around
/// one price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Character {
    /// How many trades there are, relative to the market's rate. Default: 1. From 0.001 to 1,000.
    pub activity: f64,
    /// How much the day's hours differ: 0 not at all, 1 means that at 3:00 UTC a tenth of the mean
    /// is traded, and at 15:00 almost three times the mean. Default: 0.
    pub nights: f64,
    /// How much more is traded in busy times, which come about three times an hour for some two
    /// minutes: 5 means six times as much. Prices move more then, too. Default: 0. Up to 100.
    pub bursts: f64,
    /// How much the price gains in a day, in hundredths of a percent, whatever else it does.
    /// Default: 0. From -1,000 to 1,000.
    pub drift_bps_per_day: f64,
    /// How often in a day the price jumps, for good. Default: 0. Up to 1,000.
    pub jumps_per_day: f64,
    /// How far it jumps, on average, in hundredths of a percent. Default: 0. Up to 1,000.
    pub jump_bps: f64,
}

impl Default for Character {
    fn default() -> Self {
        Self {
            activity: 1.0,
            nights: 0.0,
            bursts: 0.0,
            drift_bps_per_day: 0.0,
            jumps_per_day: 0.0,
            jump_bps: 0.0,
        }
    }
}

impl Character {
    pub(super) fn is_possible(&self) -> bool {
        (0.001..=1_000.0).contains(&self.activity)
            && (0.0..=1.0).contains(&self.nights)
            && (0.0..=100.0).contains(&self.bursts)
            && (-1_000.0..=1_000.0).contains(&self.drift_bps_per_day)
            && (0.0..=1_000.0).contains(&self.jumps_per_day)
            && (0.0..=1_000.0).contains(&self.jump_bps)
    }
}

/// Where a product's market stands. It has dice of its own, so that a market without character is
/// the same as it was before there were characters.
pub(super) struct Mood {
    character: Character,
    rng: Xoshiro256PlusPlus,
    is_busy: bool,
    /// When that changes, in microseconds since 1970.
    until: f64,
}

/// What a trade's price gets beside its own move.
pub(super) struct Nudge {
    /// Times the usual volatility.
    pub volatility: f64,
    /// Times the price, for good.
    pub factor: f64,
}

impl Mood {
    pub fn new(character: Character, seed: u64, start: i64) -> Self {
        Self {
            character,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x6d6f_6f64),
            is_busy: true,
            // Ends at once, so that most markets begin quietly.
            until: start as f64,
        }
    }

    /// How much faster than the market's rate trades come now.
    pub fn pace(&mut self, now: i64) -> f64 {
        let Character {
            activity,
            nights,
            bursts,
            ..
        } = self.character;
        if bursts > 0.0 {
            self.pass(now as f64);
        }
        let busy = if self.is_busy { 1.0 + bursts } else { 1.0 };
        // So that the mean over both is one.
        let mean = (QUIET + BUSY * (1.0 + bursts)) / (QUIET + BUSY);
        activity * day(now, nights) * if bursts > 0.0 { busy / mean } else { 1.0 }
    }

    /// What happens to the price of a trade, so long after the one before.
    pub fn nudge(&mut self, micros: i64) -> Nudge {
        let days = micros as f64 / DAY;
        let mut factor = 1.0 + self.character.drift_bps_per_day / 10_000.0 * days;
        let chance = self.character.jumps_per_day * days;
        if chance > 0.0 && self.rng.random::<f64>() < chance {
            let size = self.character.jump_bps / 10_000.0 * (0.5 + self.rng.random::<f64>());
            factor *= if self.rng.random::<bool>() {
                1.0 + size
            } else {
                1.0 - size
            };
        }
        let is_busy = self.is_busy && self.character.bursts > 0.0;
        Nudge {
            volatility: if is_busy { BUSY_VOLATILITY } else { 1.0 },
            factor,
        }
    }

    fn pass(&mut self, now: f64) {
        while self.until <= now {
            self.is_busy = !self.is_busy;
            let mean = if self.is_busy { BUSY } else { QUIET };
            let length = mean * (self.rng.random::<f64>() + self.rng.random::<f64>());
            self.until += length.max(SECOND);
        }
    }
}

/// The hour's part in the day's pace: a parabola with a mean of one.
fn day(now: i64, nights: f64) -> f64 {
    let part = now as f64 / DAY - NOON;
    let part = part - part.floor();
    1.0 + 1.8 * nights * (1.0 - 6.0 * part * (1.0 - part))
}
