//! A market that does what strategies are made for: it swings, rises, falls, breaks out.

use chrono::{DateTime, TimeDelta};
use rust_decimal::Decimal;
use strategy_engine::Tick;

/// How long each part of the market lasts, where it goes (thousandths a trade), and how far it
/// swings about that (thousandths).
const PARTS: [(u32, i64, i64); 9] = [
    (200, 0, 4),
    (110, -1, 3),
    (110, 1, 6),
    (40, 0, 9),
    (20, 4, 2),
    (40, -3, 3),
    (60, 0, 10),
    (90, -1, 4),
    (60, 2, 5),
];
/// Trades of one swing.
const SWING: i64 = 24;

/// Trades a minute apart. Whole numbers only, so that the market is the same everywhere.
pub fn market() -> Vec<Tick> {
    let begin = DateTime::from_timestamp(1_767_571_200, 0).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: i64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as i64 % below
    };
    let mut middle = 6_500_000_i64;
    let mut ticks = Vec::new();
    for (length, drift, swing) in PARTS {
        for index in 0..i64::from(length) {
            middle += middle * drift / 1_000 + next(6_001) - 3_000;
            // From -12 to 12 and back.
            let place = (index + SWING / 4).rem_euclid(SWING);
            let triangle = 2 * (place - SWING / 2).abs() - SWING / 2;
            let off = middle * swing * triangle / (SWING / 2) / 1_000;
            let cents = middle + off + next(44_001) - 22_000;
            // More is traded where a part begins: somebody knew.
            let crowd = if index < 4 { 9 } else { 1 };
            ticks.push(Tick {
                time: begin + TimeDelta::minutes(ticks.len() as i64),
                price: Decimal::new(cents, 2),
                volume: Decimal::new((500 + next(500)) * crowd, 3),
                ..Tick::default()
            });
        }
    }
    ticks
}
