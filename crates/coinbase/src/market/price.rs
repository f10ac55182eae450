//! How one product's price moves.
//!
//! Only additions, multiplications and divisions of floats: they give the same result on every
//! machine, while functions such as `ln` may differ in the last bit from one to the next.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

use super::character::Nudge;

/// The square root of 3, which makes a sum of four uniform numbers vary by one.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// How strongly the price is drawn back to where it began, per trade: weak enough to let it
/// wander for minutes, strong enough to keep it plausible for ever.
const PULL_HOME: f64 = 2e-4;

/// How strongly the price is held while it hovers.
const PULL_HOVER: f64 = 0.08;

/// Bounds of the price around which it wanders, in steps.
const HOME_MIN: f64 = 100.0;
const HOME_MAX: f64 = 1e15;

/// A price that wanders in phases. In steps of the product.
#[derive(Debug, Clone)]
pub(super) struct Price {
    home: f64,
    now: f64,
    /// Standard deviation of one move, relative to the price.
    volatility: f64,
    phase: Phase,
    trades_left: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Rising or falling, by this part of a standard deviation with each trade.
    Trend(f64),
    /// Drawn back to this price.
    Hover(f64),
}

impl Price {
    pub fn new(start_steps: f64, volatility_bps: f64) -> Self {
        Self {
            home: start_steps,
            now: start_steps,
            volatility: volatility_bps / 10_000.0,
            phase: Phase::Hover(start_steps),
            trades_left: 0,
        }
    }

    /// Moves on by one trade, and returns the new price in steps.
    pub fn step(&mut self, nudge: &Nudge, rng: &mut Xoshiro256PlusPlus) -> f64 {
        self.move_for_good(nudge.factor);
        if self.trades_left == 0 {
            self.next_phase(rng);
        }
        self.trades_left -= 1;
        let deviation = self.now * self.volatility * nudge.volatility;
        let drift = match self.phase {
            Phase::Trend(drift) => drift * deviation,
            Phase::Hover(around) => PULL_HOVER * (around - self.now),
        };
        let home = PULL_HOME * (self.home - self.now);
        let moved = self.now + drift + home + deviation * normal(rng);
        self.now = moved.clamp(self.home / 4.0, self.home * 4.0);
        self.now
    }

    /// Moves the price and where it belongs.
    fn move_for_good(&mut self, factor: f64) {
        // Beyond these bounds, four times the price would be no step or no exact number any more.
        let home = (self.home * factor).clamp(HOME_MIN, HOME_MAX);
        let moved = home / self.home;
        self.home = home;
        self.now *= moved;
        if let Phase::Hover(around) = &mut self.phase {
            *around *= moved;
        }
    }

    fn next_phase(&mut self, rng: &mut Xoshiro256PlusPlus) {
        self.trades_left = rng.random_range(25..140);
        let strength = 0.25 + 0.5 * rng.random::<f64>();
        self.phase = match rng.random_range(0..5_u32) {
            0 | 1 => Phase::Trend(strength),
            2 | 3 => Phase::Trend(-strength),
            _ => Phase::Hover(self.now),
        };
    }
}

/// About a standard normal number, never beyond 3.5.
fn normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    let mut uniform = || rng.random::<f64>();
    (uniform() + uniform() + uniform() + uniform() - 2.0) * SQRT_3
}
