//! Snapshots of evaluators: damaged ones are refused or are another valid state, from which ticks can
//! be taken.
#![no_main]

use std::sync::{Arc, LazyLock};

use algotrade_fuzz::target;
use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use strategy_engine::{Evaluator, Plan, Tick, Timeframe, compile, templates};

target!(seeds, check);

static PLANS: LazyLock<Vec<Arc<Plan>>> = LazyLock::new(|| {
    let plans = templates()
        .iter()
        .filter_map(|template| compile(&template.source()).plan);
    plans.map(Arc::new).collect()
});

fn tick(number: i64) -> Tick {
    Tick {
        time: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_764_043_200 + number),
        price: Decimal::new(10_000 + number * 7 % 13, 2),
        volume: Decimal::new(1 + number, 3),
        ..Tick::default()
    }
}

/// The first byte says of which plan it is; what comes before the state (magic, version, hash) is
/// put before the rest, which no fuzzer would find by chance.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, plan) in (0_u8..).zip(PLANS.iter()) {
        let timeframes = [Timeframe::Tick, "5s".parse().expect("it is a timeframe")];
        for timeframe in timeframes {
            let mut evaluator = plan.start(timeframe);
            (0..40).for_each(|n| drop(evaluator.on_tick(&tick(n))));
            let state = &evaluator.snapshot()[HEAD..];
            seeds.push([&[number], state].concat());
        }
    }
    seeds
}

/// Magic, version and hash.
const HEAD: usize = 4 + 1 + 32;

fn check(data: &[u8]) {
    let Some((number, state)) = data.split_first() else {
        return;
    };
    let plan = &PLANS[usize::from(*number) % PLANS.len()];
    let _ = Evaluator::restore(plan, state);
    let fresh = plan.start(Timeframe::Tick).snapshot();
    let snapshot = [&fresh[..HEAD], state].concat();
    let Ok(mut restored) = Evaluator::restore(plan, &snapshot) else {
        return;
    };
    for number in 100..120 {
        let _ = restored.on_tick(&tick(number));
    }
    let later = restored.snapshot();
    let again = Evaluator::restore(plan, &later).expect("its own snapshot is taken");
    assert_eq!(again.snapshot(), later);
}
