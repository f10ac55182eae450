//! Graphs, ticks and runs in a line each.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{Compilation, Diagnostic, Plan, Severity, Signal, Tick, Timeframe, compile};

/// A graph of `(id, type, data)` and edges written `from.handle > to.handle`.
pub fn graph(nodes: &[(&str, &str, Value)], edges: &[&str]) -> Value {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(id, kind, data)| json!({"id": id, "type": kind, "data": data}))
        .collect();
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let (from, to) = edge.split_once(" > ").unwrap();
            let (source, source_handle) = from.split_once('.').unwrap();
            let (target, target_handle) = to.split_once('.').unwrap();
            json!({"source": source, "sourceHandle": source_handle,
                   "target": target, "targetHandle": target_handle})
        })
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

/// The data of a buy node of one unit at each evaluation at which its trigger is true.
pub fn each_time() -> Value {
    json!({"sizeType": "units", "quantity": 1, "repeat": true})
}

/// The data of a buy node of one unit when its trigger becomes true.
pub fn once() -> Value {
    json!({"sizeType": "units", "quantity": 1})
}

/// A plan that must compile.
pub fn plan(source: &Value) -> Arc<Plan> {
    let Compilation { diagnostics, plan } = compile(source);
    Arc::new(plan.unwrap_or_else(|| panic!("{diagnostics:#?}")))
}

pub fn errors(source: &Value) -> Vec<Diagnostic> {
    let all = compile(source).diagnostics;
    all.into_iter()
        .filter(|d| d.severity == Severity::Error)
        .collect()
}

pub fn codes(source: &Value) -> Vec<String> {
    compile(source)
        .diagnostics
        .into_iter()
        .map(|d| d.code.into_owned())
        .collect()
}

pub fn at(millis: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_764_043_200_000 + millis)
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// One tick a second at these prices, each of volume 1.
pub fn ticks(prices: &[&str]) -> Vec<Tick> {
    let tick = |(index, price): (usize, &&str)| Tick {
        time: at(1_000 * index as i64),
        price: decimal(price),
        volume: Decimal::ONE,
        ..Tick::default()
    };
    prices.iter().enumerate().map(tick).collect()
}

/// Every signal with the index of the tick that caused it.
pub fn run(plan: &Arc<Plan>, timeframe: Timeframe, ticks: &[Tick]) -> Vec<(usize, Signal)> {
    let mut evaluator = plan.start(timeframe);
    let mut signals = Vec::new();
    for (index, tick) in ticks.iter().enumerate() {
        signals.extend(
            evaluator
                .on_tick(tick)
                .into_iter()
                .map(|signal| (index, signal)),
        );
    }
    signals
}

/// At which of these prices a signal fires.
pub fn fires(source: &Value, prices: &[&str]) -> Vec<usize> {
    let signals = run(&plan(source), Timeframe::Tick, &ticks(prices));
    signals.into_iter().map(|(index, _)| index).collect()
}

/// Ticks of a random walk from a seed: small steps, so that averages tie and cross often.
pub fn walk(seed: u64, count: usize) -> Vec<Tick> {
    let mut state = seed | 1;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut cents = 10_000_i64;
    let mut millis = 0;
    (0..count)
        .map(|_| {
            cents = (cents + next(5) as i64 - 2).max(1);
            millis += next(700) as i64;
            let price = Decimal::new(cents, 2);
            let volume = Decimal::new(1 + next(100_000) as i64, 5 + next(4) as u32);
            Tick {
                time: at(millis),
                price,
                volume,
                ..Tick::default()
            }
        })
        .collect()
}
