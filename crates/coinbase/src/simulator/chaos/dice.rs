//! Dice without a state: a number for a question, the same each time it is asked.

use crate::products::ProductId;

/// What is being decided, so that one decision says nothing about another.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(super) enum Question {
    Loss = 1,
    LossLength,
    Duplicate,
    Reorder,
    ReorderDistance,
    Garbage,
    GarbageKind,
    Slow,
    SlowLength,
    Pause,
    PauseLength,
    Disconnect,
    DisconnectKind,
    Stall,
    RestFailure,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    seed: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A number of 64 random bits.
    pub fn roll(self, question: Question, place: u64, count: u64) -> u64 {
        let asked = mix(self.seed ^ mix(question as u64));
        mix(asked ^ mix(place ^ mix(count)))
    }

    /// True in this part of all cases.
    pub fn chance(self, rate: f64, question: Question, place: u64, count: u64) -> bool {
        // 53 bits: exact in a float.
        let roll = (self.roll(question, place, count) >> 11) as f64;
        roll < rate * 9_007_199_254_740_992.0
    }

    /// From 1 to `most`.
    pub fn up_to(self, most: u32, question: Question, place: u64, count: u64) -> u32 {
        let roll = self.roll(question, place, count) % u64::from(most.max(1));
        u32::try_from(roll).unwrap_or_default() + 1
    }
}

/// A product as a number.
pub(super) fn place(product: ProductId) -> u64 {
    let bytes = product.as_str().bytes();
    bytes.fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// Spreads a number over all 64 bits (the last step of the generator SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
