//! Strategies as scripts: parsed, lowered, formatted, and written back. Whatever way it goes, it is
//! the same plan.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/strategy-engine/tests/engine/random.rs"]
mod random;

use algotrade_fuzz::{strategy, target, text};
use strategy_engine::{compile, compile_script, format_script, templates, write_script};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let mut scripts: Vec<String> = templates().iter().map(|t| t.script.to_owned()).collect();
    let drawn = (0..20).map(|seed| random::strategy(seed, 1 + seed as usize % 12));
    let drawn = drawn.chain([random::one_of_each()]);
    scripts.extend(drawn.filter_map(|graph| write_script(&graph).ok()));
    scripts.push(
        "strategy('loops', timeframe='5m')\nfast = param(3, min=1, max=50)\n\ndef above(a, b):\n    return a > b and not crosses_below(a, b)\n\ntotal = 0\nfor period in range(1, 4):\n    total = total + sma(close, period * fast)\nif above(total / 3, close):\n    buy(percent_of_cash=50, stop_loss=percent(2))\nelse:\n    sell()\n".to_owned(),
    );
    scripts.into_iter().map(String::into_bytes).collect()
}

fn check(data: &[u8]) {
    let Some(source) = text(data) else {
        return;
    };
    let script = compile_script(source);
    for problem in script.diagnostics() {
        let _ = problem.render("script.py", source, false);
    }
    let formatted = format_script(source);
    if let Ok(formatted) = &formatted {
        let again = format_script(formatted).expect("what is formatted can be read");
        assert_eq!(&again, formatted, "formatting it again changes nothing");
        let plan = |script: &strategy_engine::Script| {
            script
                .compilation
                .plan
                .as_ref()
                .map(strategy_engine::Plan::hash)
        };
        assert_eq!(
            plan(&compile_script(formatted)),
            plan(&script),
            "{formatted}"
        );
    }
    let Some(plan) = script.compilation.plan else {
        return;
    };
    assert!(formatted.is_ok(), "what compiles can be formatted");
    let graph = script.graph.expect("a script that compiles has a graph");
    let drawn = compile(&graph).plan.expect("a script's graph compiles");
    assert_eq!(drawn.hash(), plan.hash());
    strategy::is_the_same_written(&graph, &plan);
    strategy::runs(plan, strategy::seed(data));
}
