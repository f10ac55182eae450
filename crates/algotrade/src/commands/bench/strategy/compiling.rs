//! How long it takes to compile.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use serde_json::{Value, json};
use strategy_engine::{compile_script, compile_text, write_script};

use crate::commands::bench::figure::{Figure, Goal, quantile};

const GOAL_MS: f64 = 5.0;
const ROUNDS: usize = 500;
/// Averages, each compared with the price, all of which have to hold.
const AVERAGES: usize = 66;

/// A graph of 200 nodes.
fn graph() -> Value {
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "buy", "type": "buyNode", "data": {"sizeType": "units", "quantity": 1}}),
        json!({"id": "sell", "type": "sellNode",
            "data": {"sizeType": "percent_of_position", "quantity": 100}}),
    ];
    let mut edges = Vec::new();
    let mut edge = |from: &str, out: &str, to: &str, input: &str| {
        edges.push(
            json!({"source": from, "sourceHandle": out, "target": to, "targetHandle": input}),
        );
    };
    for index in 0..AVERAGES {
        let (average, compare) = (format!("average-{index}"), format!("compare-{index}"));
        nodes.push(json!({"id": average, "type": "smaNode", "data": {"period": index + 2}}));
        nodes.push(json!({"id": compare, "type": "compareNode", "data": {"operator": ">"}}));
        edge("price", "price-out", &average, "price-in");
        edge("price", "price-out", &compare, "value1-in");
        edge(&average, "sma-out", &compare, "value2-in");
        if index > 0 {
            let both = format!("both-{index}");
            let before = match index {
                1 => "compare-0".to_owned(),
                _ => format!("both-{}", index - 1),
            };
            nodes.push(json!({"id": both, "type": "andNode"}));
            edge(&before, "result-out", &both, "input-a");
            edge(&compare, "result-out", &both, "input-b");
        }
    }
    let last = format!("both-{}", AVERAGES - 1);
    edge(&last, "result-out", "buy", "trigger-in");
    edge("compare-0", "result-out", "sell", "trigger-in");
    json!({"nodes": nodes, "edges": edges})
}

pub(super) fn figures() -> anyhow::Result<Vec<Figure>> {
    let graph = graph();
    let script = write_script(&graph).map_err(|_| anyhow!("the graph can't be written"))?;
    let text = graph.to_string();
    let plan = compile_text(&text).plan;
    let nodes = plan.as_ref().map_or(0, |plan| plan.summary().nodes);
    ensure!(nodes == 200, "the graph of the benchmark has {nodes} nodes");
    let millis = |compile: &dyn Fn() -> bool| {
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let started = Instant::now();
            black_box(compile());
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        quantile(&times, 0.99)
    };
    let figure = |name: &str, value: f64| Figure {
        name: name.to_owned(),
        value,
        unit: "ms",
        baseline: None,
        goal: Some(Goal::AtMost(GOAL_MS)),
    };
    Ok(vec![
        figure(
            "compile a graph of 200 nodes, p99",
            millis(&|| compile_text(black_box(&text)).ok()),
        ),
        figure(
            "compile a script of 200 nodes, p99",
            millis(&|| compile_script(black_box(&script)).compilation.ok()),
        ),
    ])
}
