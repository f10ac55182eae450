//! Stored plans: one that is read has been checked, and runs.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/strategy-engine/tests/engine/random.rs"]
mod random;

use algotrade_fuzz::{strategy, target};
use serde_json::Value;
use strategy_engine::{Plan, compile, templates};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let graphs = templates().iter().map(|template| template.source());
    let graphs = graphs.chain((0..20).map(|seed| random::strategy(seed, 1 + seed as usize % 6)));
    let plans = graphs.filter_map(|graph| compile(&graph).plan);
    plans
        .filter_map(|plan| serde_json::to_vec(&plan).ok())
        .collect()
}

fn check(data: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<Plan>(data) {
        strategy::runs(plan, strategy::seed(data));
        return;
    }
    // No fuzzer finds a hash by chance: the refusal names the right one.
    let Ok(mut stored) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Err(refused) = serde_json::from_value::<Plan>(stored.clone()) else {
        return;
    };
    let refused = refused.to_string();
    let hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut words = refused.split(|c: char| !c.is_ascii_alphanumeric());
    let Some(computed) = words.rfind(hash) else {
        return;
    };
    if let Some(fields) = stored.as_object_mut() {
        fields.insert("hash".to_owned(), Value::from(computed));
    }
    if let Ok(plan) = serde_json::from_value::<Plan>(stored) {
        strategy::runs(plan, strategy::seed(data));
    }
}
