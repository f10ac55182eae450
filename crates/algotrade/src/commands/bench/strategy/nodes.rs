//! What each kind of node costs at an evaluation.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use strategy_engine::{NodeType, Plan, Tick, Timeframe, Unwired, ValueType, compile, node_groups};

use crate::commands::bench::figure::Figure;

/// Ticks of one measurement: enough for every window to be full most of the time.
const TICKS: usize = 200_000;
/// A price that the market begins at, so that conditions on it change.
const LEVEL: i64 = 65_000;
/// A price that it never reaches: nothing is ordered.
const NEVER: i64 = 1_000_000_000_000;

/// A graph that is being drawn.
#[derive(Default)]
struct Drawing {
    nodes: Vec<Value>,
    edges: Vec<Value>,
}

impl Drawing {
    /// The price, a condition on it, and a buy: what every graph of the table has.
    fn begun() -> Self {
        let mut drawing = Self::default();
        drawing.node("price", "priceNode", json!({}));
        drawing.node("other", "priceNode", json!({"priceType": "high"}));
        drawing.compare("base", "price", "price-out", NEVER);
        drawing.buy("buy", "base", "result-out");
        drawing
    }

    fn node(&mut self, id: &str, kind: &str, data: Value) {
        self.nodes
            .push(json!({"id": id, "type": kind, "data": data}));
    }

    fn edge(&mut self, from: &str, out: &str, to: &str, input: &str) {
        let edge =
            json!({"source": from, "sourceHandle": out, "target": to, "targetHandle": input});
        self.edges.push(edge);
    }

    fn compare(&mut self, id: &str, from: &str, out: &str, level: i64) {
        self.node(id, "compareNode", json!({"operator": ">", "value": level}));
        self.edge(from, out, id, "value1-in");
    }

    fn buy(&mut self, id: &str, from: &str, out: &str) {
        self.node(id, "buyNode", json!({"sizeType": "units", "quantity": 1}));
        self.edge(from, out, id, "trigger-in");
    }

    fn plan(self) -> anyhow::Result<Arc<Plan>> {
        let compilation = compile(&json!({"nodes": self.nodes, "edges": self.edges}));
        let first = compilation.diagnostics.first();
        let first = first.map_or_else(String::new, |found| found.message.clone());
        compilation.plan.map(Arc::new).ok_or_else(|| anyhow!(first))
    }
}

/// With a second condition on the price and a second buy: what a node's graph has besides it.
fn without() -> anyhow::Result<Arc<Plan>> {
    let mut drawing = Drawing::begun();
    drawing.compare("second", "price", "price-out", LEVEL);
    drawing.buy("buy-2", "second", "result-out");
    drawing.plan()
}

/// With the node before that condition, or in its place.
fn with(node_type: &NodeType) -> anyhow::Result<Option<Arc<Plan>>> {
    let Some(output) = node_type.outputs.first() else {
        return Ok(None);
    };
    // An order, a stop, a size: nothing is computed until there is an order.
    if !matches!(output.value, ValueType::Number | ValueType::Condition) {
        return Ok(None);
    }
    let mut drawing = Drawing::begun();
    let name = node_type.name.split(' ').next().unwrap_or_default();
    let data = match node_type.name {
        // Its other form.
        "timeNode" => json!({"timeType": "hour"}),
        "thresholdNode" => json!({"upperThreshold": LEVEL, "lowerThreshold": LEVEL - 10}),
        _ => json!({}),
    };
    drawing.node("node", name, data);
    for (index, input) in node_type.inputs.iter().enumerate() {
        let is_needed = matches!(input.unwired, Unwired::Required);
        let Some(handle) = input.names.first().filter(|_| is_needed) else {
            continue;
        };
        match input.value {
            Some(ValueType::Number) => {
                let from = if index % 2 == 0 { "price" } else { "other" };
                drawing.edge(from, "price-out", "node", handle);
            }
            Some(ValueType::Condition) => {
                let id = format!("condition-{index}");
                let level = LEVEL + i64::try_from(index)?;
                drawing.compare(&id, "price", "price-out", level);
                drawing.edge(&id, "result-out", "node", handle);
            }
            _ => {}
        }
    }
    let out = output.names.first().copied().unwrap_or_default();
    match output.value {
        ValueType::Number => {
            drawing.compare("second", "node", out, NEVER - 1);
            drawing.buy("buy-2", "second", "result-out");
        }
        _ => drawing.buy("buy-2", "node", out),
    }
    let plan = drawing.plan().context(node_type.name)?;
    Ok(Some(plan))
}

/// Nanoseconds of one evaluation, by the clock: what is short has to be told exactly, and of several
/// rounds the least was disturbed least.
fn wall_nanos(plan: &Arc<Plan>, ticks: &[Tick]) -> f64 {
    let mut evaluator = plan.start(Timeframe::Tick);
    let started = Instant::now();
    for tick in ticks {
        black_box(evaluator.on_tick(black_box(tick)));
    }
    started.elapsed().as_nanos() as f64 / ticks.len() as f64
}

/// One figure for each kind of node that computes something.
pub(super) fn figures(ticks: &[Tick], rounds: u32) -> anyhow::Result<Vec<Figure>> {
    let ticks = &ticks[..ticks.len().min(TICKS)];
    let without = without()?;
    let types = node_groups().iter().flat_map(|group| group.types);
    let mut figures = Vec::new();
    for node_type in types {
        let Some(with) = with(node_type)? else {
            continue;
        };
        // In turns, so that a change of the machine's clock meets both.
        let (mut most, mut least) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            most = most.min(wall_nanos(&with, ticks));
            least = least.min(wall_nanos(&without, ticks));
        }
        figures.push(Figure {
            name: format!("node {}", node_type.name),
            value: most - least,
            unit: "ns",
            baseline: None,
            goal: None,
        });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_kind_of_node_has_a_graph_in_which_it_is_computed() {
        // Without the second condition: a node that is a condition stands in its place.
        let base = Drawing::begun().plan().unwrap().ops().len();
        for node_type in node_groups().iter().flat_map(|group| group.types) {
            let plan = with(node_type).unwrap();
            let orders = [
                "buyNode",
                "sellNode",
                "stopLossNode",
                "takeProfitNode",
                "positionSizeNode",
            ];
            assert_eq!(
                plan.is_none(),
                orders.contains(&node_type.name),
                "{}",
                node_type.name
            );
            let is_constant = matches!(
                node_type.name,
                "priceNode" | "constantNode" | "labelNode" | "compareNode"
            );
            if let Some(plan) = plan.filter(|_| !is_constant) {
                assert!(
                    plan.ops().len() > base,
                    "{}: {:?}",
                    node_type.name,
                    plan.ops()
                );
            }
        }
    }
}
