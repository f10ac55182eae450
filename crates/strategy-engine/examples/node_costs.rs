//! What each node costs: nanoseconds that one more of it adds to an evaluation.
//!
//! ```sh
//! cargo run --release -p strategy-engine --example node_costs
//! ```
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{NodeType, Plan, Tick, Timeframe, Unwired, ValueType, compile, node_groups};

/// Trades in the market that is run through.
const TICKS: usize = 100_000;
/// Nodes of one kind in a plan: enough that the rest of an evaluation does not matter.
const COPIES: usize = 20;
/// Runs, of which the fastest counts.
const RUNS: usize = 3;

fn market() -> Vec<Tick> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut cents = 10_000_i64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    (0..TICKS as i64)
        .map(|index| {
            cents = (cents + next(5) as i64 - 2).max(100);
            Tick {
                time: DateTime::UNIX_EPOCH
                    + TimeDelta::milliseconds(1_700_000_000_000 + 100 * index),
                price: Decimal::new(cents, 2),
                volume: Decimal::new(1 + next(100_000) as i64, 6),
                bid: Some(Decimal::new(cents - 1, 2)),
                ask: Some(Decimal::new(cents + 1, 2)),
            }
        })
        .collect()
}

/// What each copy in a plan consists of, besides an addition whose sum is its own.
enum Measured {
    /// So many comparisons of the sum.
    Comparisons(usize),
    /// The node, and a comparison where it gives a number.
    Node(&'static NodeType),
}

/// So many copies, each fed by a sum of its own so that none is shared, and each leading to a
/// trigger that is never true.
fn source(measured: &Measured, copies: usize) -> Value {
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "never", "type": "compareNode", "data": {"operator": "==", "value": -5}}),
        json!({"id": "or", "type": "orNode"}),
        json!({"id": "buy", "type": "buyNode", "data": {"sizeType": "percent_of_cash"}}),
    ];
    let mut edges = vec![
        json!({"source": "price", "target": "never", "targetHandle": "value1-in"}),
        json!({"source": "never", "target": "or"}),
        json!({"source": "or", "target": "buy"}),
    ];
    for copy in 0..copies {
        let (own, sum) = (format!("k{copy}"), format!("s{copy}"));
        nodes.push(json!({"id": own, "type": "constantNode", "data": {"value": copy + 1}}));
        nodes.push(json!({"id": sum, "type": "mathNode"}));
        edges.push(json!({"source": "price", "target": sum, "targetHandle": "a-in"}));
        edges.push(json!({"source": own, "target": sum, "targetHandle": "b-in"}));
        let mut compare = |id: &str, handle: &str, number: usize| {
            let name = format!("c{copy}-{number}");
            let data = json!({"operator": "==", "value": -1234.5 - number as f64});
            nodes.push(json!({"id": name, "type": "compareNode", "data": data}));
            edges.push(json!({"source": id, "sourceHandle": handle, "target": name,
                              "targetHandle": "value1-in"}));
            edges.push(json!({"source": name, "target": "or"}));
        };
        match measured {
            Measured::Comparisons(count) => {
                (0..*count).for_each(|number| compare(&sum, "value-out", number));
            }
            Measured::Node(node_type) => {
                let id = format!("n{copy}");
                let Some(output) = node_type.outputs.first() else {
                    continue;
                };
                if output.value == ValueType::Number {
                    compare(&id, output.names[0], 0);
                } else {
                    edges.push(json!({"source": id, "sourceHandle": output.names[0],
                                      "target": "or"}));
                }
                let name = node_type.name.split(' ').next().unwrap_or_default();
                let figure = name == "timeNode" && node_type.name == name;
                let data = if figure {
                    json!({"timeType": "hour"})
                } else {
                    json!({})
                };
                nodes.push(json!({"id": id, "type": name, "data": data}));
                for input in node_type.inputs {
                    let from = match (input.value, input.unwired) {
                        (Some(ValueType::Number), _) => sum.as_str(),
                        (Some(ValueType::Condition), Unwired::Required) => "never",
                        _ => continue,
                    };
                    edges.push(json!({"source": from, "target": id,
                                      "targetHandle": input.names[0]}));
                }
            }
        }
    }
    json!({"nodes": nodes, "edges": edges})
}

/// Nanoseconds that a copy adds to an evaluation; none if all copies are one operation.
fn cost(measured: &Measured, ticks: &[Tick]) -> Option<f64> {
    let plans = [1, COPIES + 1].map(|copies| compile(&source(measured, copies)).plan);
    let [Some(one), Some(many)] = plans else {
        return None;
    };
    // The sums alone are COPIES operations and as many constants.
    if many.ops().len() <= one.ops().len() + 2 * COPIES {
        return None;
    }
    let run = |plan: &Arc<Plan>| {
        let mut evaluator = plan.start(Timeframe::Tick);
        let start = Instant::now();
        let signals: usize = ticks.iter().map(|tick| evaluator.on_tick(tick).len()).sum();
        std::hint::black_box(signals);
        start.elapsed().as_secs_f64() * 1e9 / ticks.len() as f64
    };
    let fastest = |plan: Plan| {
        let plan = Arc::new(plan);
        (0..RUNS).map(|_| run(&plan)).fold(f64::INFINITY, f64::min)
    };
    let (one, many) = (fastest(one), fastest(many));
    Some((many - one) / COPIES as f64)
}

fn main() {
    let ticks = market();
    let [Some(once), Some(twice)] = [1, 2].map(|count| cost(&Measured::Comparisons(count), &ticks))
    else {
        return println!("the comparisons don't compile");
    };
    let (comparison, sum) = (twice - once, 2.0 * once - twice);
    println!("{:<22} {:>8}", "node", "ns");
    for node_type in node_groups().iter().flat_map(|group| group.types) {
        let Some(output) = node_type.outputs.first() else {
            continue;
        };
        let around = match output.value {
            ValueType::Number => sum + comparison,
            ValueType::Condition => sum,
            _ => continue,
        };
        match cost(&Measured::Node(node_type), &ticks) {
            Some(cost) => println!("{:<22} {:>8.1}", node_type.name, cost - around),
            None => println!("{:<22} {:>8}  all of a plan are one", node_type.name, "-"),
        }
    }
}
