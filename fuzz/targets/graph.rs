//! Strategies as graphs. Any bytes are read as one; and as directions, how to draw one at random and
//! what to damage in it.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/strategy-engine/tests/engine/random.rs"]
mod random;

use algotrade_fuzz::{strategy, target};
use serde_json::Value;
use strategy_engine::{compile, compile_text, templates};

target!(seeds, check);

fn seeds() -> Vec<Vec<u8>> {
    let mut graphs: Vec<Value> = templates()
        .iter()
        .map(|template| template.source())
        .collect();
    graphs.push(random::one_of_each());
    graphs.extend((0..20).map(|seed| random::strategy(seed, 1 + seed as usize % 12)));
    graphs
        .iter()
        .map(|graph| graph.to_string().into_bytes())
        .collect()
}

fn check(data: &[u8]) {
    if let Some(text) = algotrade_fuzz::text(data) {
        let compilation = compile_text(text);
        let has_errors = compilation
            .diagnostics
            .iter()
            .any(|problem| problem.severity == strategy_engine::Severity::Error);
        assert_eq!(compilation.plan.is_none(), has_errors);
        if let Some(plan) = compilation.plan {
            let graph = serde_json::from_str(text).expect("it was read as JSON");
            strategy::is_the_same_written(&graph, &plan);
            strategy::runs(plan, strategy::seed(data));
            return;
        }
    }
    let Some((count, rest)) = data.split_first() else {
        return;
    };
    let mut drawn = random::strategy(strategy::seed(rest), 1 + usize::from(count % 24));
    for damage in rest.chunks_exact(4).take(8) {
        change(&mut drawn, damage);
    }
    let compilation = compile(&drawn);
    if let Some(plan) = compilation.plan {
        strategy::is_the_same_written(&drawn, &plan);
        strategy::runs(plan, strategy::seed(data));
    }
}

/// Puts another value into a field of a node, or leads an edge elsewhere.
fn change(graph: &mut Value, directions: &[u8]) {
    let [place, field, kind, figure] = directions else {
        return;
    };
    let list = match kind % 4 {
        0 => "edges",
        _ => "nodes",
    };
    let count = graph[list].as_array().map_or(0, Vec::len);
    if count == 0 {
        return;
    }
    let item = &mut graph[list][usize::from(*place) % count];
    let target = match list {
        "edges" => item,
        _ => &mut item["data"],
    };
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    let names: Vec<String> = fields.keys().cloned().collect();
    let Some(name) = names.get(usize::from(*field) % names.len().max(1)) else {
        return;
    };
    let value = match kind >> 2 {
        0 => Value::Null,
        1 => serde_json::json!(figure),
        2 => serde_json::json!(-f64::from(*figure) / 8.0),
        3 => serde_json::json!(figure.to_string()),
        4 => serde_json::json!(f64::from(*figure) * 1e17),
        5 => serde_json::json!(figure % 2 == 0),
        6 => serde_json::json!(format!("n{}", figure % 24)),
        _ => return,
    };
    fields.insert(name.clone(), value);
}
