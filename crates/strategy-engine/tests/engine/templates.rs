//! The built-in strategies compile without a word, trade, and look tidy in an editor.

use std::collections::BTreeSet;
use std::sync::Arc;

use strategy_engine::{Side, Timeframe, compile, templates};

use crate::support::{run, walk};

#[test]
fn templates_compile_and_trade_both_ways() {
    let keys: BTreeSet<&str> = templates().iter().map(|template| template.key).collect();
    assert_eq!(keys.len(), templates().len());
    for template in templates() {
        let compilation = compile(&template.source());
        assert_eq!(compilation.diagnostics, [], "{}", template.key);
        let plan = Arc::new(compilation.plan.unwrap());
        let signals = run(&plan, Timeframe::Tick, &walk(7, 20_000));
        for side in [Side::Buy, Side::Sell] {
            let found = signals.iter().any(|(_, signal)| signal.action == side);
            assert!(found, "{} gives no {side}", template.key);
        }
    }
}

#[test]
fn nodes_stand_apart() {
    for template in templates() {
        let source = template.source();
        let nodes = source["nodes"].as_array().unwrap();
        let places: Vec<(f64, f64)> = nodes
            .iter()
            .map(|node| {
                let place = &node["position"];
                (place["x"].as_f64().unwrap(), place["y"].as_f64().unwrap())
            })
            .collect();
        for (i, a) in places.iter().enumerate() {
            for b in &places[..i] {
                let apart = (a.0 - b.0).abs() >= 200.0 || (a.1 - b.1).abs() >= 120.0;
                assert!(apart, "{}: {a:?} and {b:?}", template.key);
            }
        }
    }
}
