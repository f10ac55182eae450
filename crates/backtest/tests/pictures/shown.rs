//! What a strategy did, and what its indicators showed meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use backtest::{Backtest, Terms};
use paper_exchange::{Action, ExecutionStatus};
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;
use strategy_engine::{Holding, Op, Origin, Shown, Template, Tick, Timeframe, trace};

/// Trades that are shown, the last ones: before them the indicators warm up.
pub const SHOWN: usize = 420;
/// Lines of the lower panel.
const MOST_BELOW: usize = 3;

/// Values of an indicator, one for each trade that is shown.
#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

/// A fill.
#[derive(Debug)]
pub struct Fill {
    pub index: usize,
    pub price: f64,
    pub action: Action,
}

#[derive(Debug)]
pub struct Behaviour {
    pub prices: Vec<f64>,
    /// Indicators that are prices.
    pub over: Vec<Line>,
    /// One that isn't, and the levels that it is compared with.
    pub below: Vec<Line>,
    pub levels: Vec<f64>,
    pub fills: Vec<Fill>,
}

impl Behaviour {
    pub fn of(template: &Template, market: &[Tick]) -> Self {
        let source = template.source();
        let begin = market.len() - SHOWN;
        let prices: Vec<f64> = market
            .iter()
            .filter_map(|tick| tick.price.to_f64())
            .collect();
        let prices = prices[begin..].to_vec();
        let (over, below) = indicators(&source, market, &prices);
        let names: BTreeSet<&str> = below.iter().map(|line| node(&line.name)).collect();
        let levels = names
            .iter()
            .flat_map(|name| levels(&source, name))
            .collect();
        Self {
            fills: fills(&source, market, begin),
            prices,
            over,
            below,
            levels,
        }
    }

    /// How many purchases and sales are shown.
    pub fn counts(&self) -> (usize, usize) {
        let bought = self.fills.iter().filter(|fill| fill.action == Action::Buy);
        let bought = bought.count();
        (bought, self.fills.len() - bought)
    }
}

fn fills(source: &Value, market: &[Tick], begin: usize) -> Vec<Fill> {
    let plan = Arc::new(trace(source).unwrap().plan);
    let mut backtest = Backtest::new(&plan, &Terms::default()).unwrap();
    for tick in market {
        backtest.on_tick(tick).unwrap();
    }
    let executions = backtest.finish().executions.into_iter();
    let filled = executions.filter(|execution| execution.status == ExecutionStatus::Filled);
    filled
        .filter_map(|execution| {
            let index = market.iter().position(|tick| tick.time == execution.time)?;
            Some(Fill {
                index: index.checked_sub(begin)?,
                price: execution.price.to_f64()?,
                action: execution.action,
            })
        })
        .collect()
}

/// The node of `node.output`.
fn node(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Those that are prices, and the first node of the others.
fn indicators(source: &Value, market: &[Tick], prices: &[f64]) -> (Vec<Line>, Vec<Line>) {
    let trace = trace(source).unwrap();
    let mut evaluator = Arc::new(trace.plan.clone()).start(Timeframe::Tick);
    let begin = market.len() - prices.len();
    let outputs = |node: &str| {
        trace
            .outputs
            .iter()
            .filter(|output| output.node == node)
            .count()
    };
    let mut lines: Vec<Line> = trace
        .outputs
        .iter()
        .map(|output| Line {
            name: match outputs(&output.node) {
                1 => output.node.clone(),
                _ => format!("{}.{}", output.node, output.output.trim_end_matches("-out")),
            },
            values: Vec::new(),
        })
        .collect();
    for (index, tick) in market.iter().enumerate() {
        evaluator.on_tick_holding(tick, &Holding::default());
        if index < begin {
            continue;
        }
        for (line, shown) in lines.iter_mut().zip(evaluator.show(&trace)) {
            line.values.push(match shown {
                Some(Shown::Number(number)) => Some(number),
                _ => None,
            });
        }
    }
    let low = prices.iter().copied().fold(f64::INFINITY, f64::min);
    let high = prices.iter().copied().fold(0.0, f64::max);
    let is_price = |value: &f64| (0.9 * low..1.1 * high).contains(value);
    let mut seen = BTreeSet::new();
    let (mut over, mut below): (Vec<Line>, Vec<Line>) = (Vec::new(), Vec::new());
    for (line, output) in lines.into_iter().zip(&trace.outputs) {
        let Origin::Op(op) = output.origin else {
            continue;
        };
        let mut known = line.values.iter().flatten().peekable();
        let is_market = matches!(trace.plan.ops()[op as usize], Op::Market { .. });
        if is_market || known.peek().is_none() || !seen.insert(op) {
            continue;
        }
        if known.all(is_price) {
            over.push(line);
        } else if below
            .first()
            .is_none_or(|first| node(&first.name) == node(&line.name))
        {
            below.push(line);
        }
    }
    below.truncate(MOST_BELOW);
    (over, below)
}

/// The constants that a condition compares a node with.
fn levels(source: &Value, name: &str) -> Vec<f64> {
    let nodes = source["nodes"].as_array().unwrap();
    let edges = source["edges"].as_array().unwrap();
    let into = |target: &Value| -> Vec<&str> {
        let edges = edges.iter().filter(|edge| edge["target"] == *target);
        edges.filter_map(|edge| edge["source"].as_str()).collect()
    };
    let constant = |id: &&str| {
        let node = nodes.iter().find(|node| node["id"] == **id)?;
        let is_constant = node["type"] == "constantNode";
        node["data"]["value"].as_f64().filter(|_| is_constant)
    };
    let compares = |node: &&Value| node["type"] == "compareNode" || node["type"] == "crossoverNode";
    nodes
        .iter()
        .filter(compares)
        .map(|node| into(&node["id"]))
        .filter(|inputs| inputs.contains(&name))
        .flat_map(|inputs| inputs.iter().filter_map(constant).collect::<Vec<f64>>())
        .collect()
}
