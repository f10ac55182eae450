//! What must hold for any strategy that compiles, drawn or written.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use strategy_engine::{
    Evaluator, Plan, Tick, Timeframe, compile, compile_script, format_script, write_script,
};

/// The graph is the same plan as a script, and that script's graph again.
pub fn is_the_same_written(graph: &Value, plan: &Plan) {
    let text = match write_script(graph) {
        Ok(text) => text,
        Err(problems) => panic!("a graph that compiles can be written: {problems:#?}"),
    };
    let script = compile_script(&text);
    let written = script.compilation.plan.as_ref();
    let written = written.unwrap_or_else(|| panic!("{:#?}\n{text}", script.diagnostics()));
    assert_eq!(written.hash(), plan.hash(), "{text}");
    let lowered = script
        .graph
        .as_ref()
        .expect("a script that compiles has a graph");
    let redrawn = compile(lowered).plan.expect("a script's graph compiles");
    assert_eq!(redrawn.hash(), plan.hash(), "{text}");
    assert_eq!(
        format_script(&text).as_deref(),
        Ok(text.as_str()),
        "what is written is formatted"
    );
}

/// A plan survives being stored, and an evaluator being stopped and restored anywhere.
pub fn runs(plan: Plan, seed: u64) {
    let stored = serde_json::to_string(&plan).expect("a plan can be stored");
    let read: Plan = serde_json::from_str(&stored).expect("a stored plan can be read");
    assert_eq!(read, plan);
    let plan = Arc::new(plan);
    let timeframe = match seed % 5 {
        0 => "tick",
        1 => "ticks:3",
        2 => "volume:0.5",
        3 => "range:0.03",
        _ => "5s",
    };
    let timeframe: Timeframe = timeframe.parse().expect("it is a timeframe");
    let mut whole = plan.start(timeframe);
    let mut parts = plan.start(timeframe);
    for (number, tick) in walk(seed).enumerate() {
        if number % 7 == 3 {
            let snapshot = parts.snapshot();
            parts = match Evaluator::restore(&plan, &snapshot) {
                Ok(restored) => restored,
                Err(error) => panic!("its own snapshot is refused: {error}"),
            };
            assert_eq!(parts.snapshot(), snapshot);
        }
        assert_eq!(whole.on_tick(&tick), parts.on_tick(&tick));
    }
}

/// A few ticks, with prices and volumes at the edge of what there is among them.
fn walk(seed: u64) -> impl Iterator<Item = Tick> {
    let mut state = seed | 1;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut cents = 10_000_i64;
    let mut time = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_764_043_200);
    (0..32).map(move |_| {
        cents = (cents + next(5) as i64 - 2).max(1);
        time += TimeDelta::milliseconds(next(4_000) as i64);
        let price = match next(16) {
            0 => Decimal::MAX,
            1 => Decimal::new(1, 28),
            _ => Decimal::new(cents, 2),
        };
        Tick {
            time,
            price,
            volume: Decimal::new(1 + next(100_000) as i64, 5 + next(4) as u32),
            ..Tick::default()
        }
    })
}

/// A number that bytes come to, for choices that they shall make.
pub fn seed(data: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    data.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
