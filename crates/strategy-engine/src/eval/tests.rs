//! Indicators against a plain recomputation of their definitions over the whole history.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use timeframe::Timeframe;

use super::Tick;
use crate::compile;
use crate::plan::Op;

/// What the indicator gives at each tick; none is no value.
fn values(node: &str, out: &str, data: serde_json::Value, ticks: &[Tick]) -> Vec<Option<f64>> {
    let source = json!({
        "nodes": [
            {"id": "price", "type": "priceNode"},
            {"id": "x", "type": node, "data": data},
            {"id": "c", "type": "compareNode", "data": {"value": 0}},
            {"id": "buy", "type": "buyNode", "data": {"sizeType": "percent_of_cash"}},
        ],
        "edges": [
            {"source": "price", "target": "x", "targetHandle": if node == "volumeNode" {
                "data-in" } else { "price-in" }},
            {"source": "x", "sourceHandle": out, "target": "c", "targetHandle": "value1-in"},
            {"source": "c", "target": "buy"},
        ],
    });
    let compilation = compile(&source);
    let plan = Arc::new(compilation.plan.unwrap_or_else(|| panic!("{source}")));
    let compare = plan.ops().iter().find_map(|op| match op {
        Op::Compare { first, .. } => Some(*first as usize),
        _ => None,
    });
    let mut evaluator = plan.start(Timeframe::Tick);
    let number = |tick: &Tick| {
        evaluator.on_tick(tick);
        let value = evaluator.results.numbers[compare.unwrap()];
        (!value.is_nan()).then_some(value)
    };
    ticks.iter().map(number).collect()
}

fn to_f64(value: Decimal) -> f64 {
    value.to_string().parse().unwrap()
}

fn close_to(found: &[Option<f64>], expected: &[Option<f64>]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        match (found, expected) {
            (Some(a), Some(b)) => {
                let difference = (a - b).abs();
                prop_assert!(
                    difference <= 1e-9 * b.abs().max(1.0),
                    "{index}: {a} and {b}"
                );
            }
            (None, None) => {}
            _ => prop_assert!(false, "{index}: {found:?} and {expected:?}"),
        }
    }
    Ok(())
}

fn history(value: impl Fn(&[f64]) -> Option<f64>, inputs: &[f64]) -> Vec<Option<f64>> {
    (1..=inputs.len())
        .map(|end| value(&inputs[..end]))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn ema(inputs: &[f64], period: usize) -> Option<f64> {
    let (seed, rest) = inputs.split_at_checked(period)?;
    let alpha = 2.0 / (period as f64 + 1.0);
    Some(
        rest.iter()
            .fold(mean(seed), |ema, x| alpha * x + (1.0 - alpha) * ema),
    )
}

fn rsi(inputs: &[f64], period: usize) -> Option<f64> {
    let changes: Vec<f64> = inputs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let smoothed = |sign: f64| {
        let moves: Vec<f64> = changes
            .iter()
            .map(|change| (sign * change).max(0.0))
            .collect();
        let (seed, rest) = moves.split_at_checked(period)?;
        let n = period as f64;
        Some(
            rest.iter()
                .fold(mean(seed), |average, x| (average * (n - 1.0) + x) / n),
        )
    };
    let (gain, loss) = (smoothed(1.0)?, smoothed(-1.0)?);
    Some(if gain + loss < 1e-14 {
        0.0
    } else {
        100.0 - 100.0 / (1.0 + gain / loss)
    })
}

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let tick = (1_i64..1_000_000, 0_u32..6, 1_i64..1_000_000_000);
    prop::collection::vec(tick, 1..80).prop_map(|ticks| {
        let tick = |(price, scale, volume): (i64, u32, i64)| Tick {
            time: DateTime::UNIX_EPOCH,
            price: Decimal::new(price, scale),
            volume: Decimal::new(volume, 8),
            ..Tick::default()
        };
        ticks.into_iter().map(tick).collect()
    })
}

proptest! {
    #[test]
    fn indicators_are_what_they_are_defined_as(ticks in ticks(), period in 1_usize..12) {
        let prices: Vec<f64> = ticks.iter().map(|tick| to_f64(tick.price)).collect();
        let data = json!({"period": period});
        let emas = history(|inputs| ema(inputs, period), &prices);
        close_to(&values("emaNode", "ema-out", data.clone(), &ticks), &emas)?;
        let rsis = history(|inputs| rsi(inputs, period), &prices);
        close_to(&values("rsiNode", "rsi-out", data.clone(), &ticks), &rsis)?;
        // The average is the exact one, correctly rounded: decimals agree to the last bit.
        let smas: Vec<Option<f64>> = (1..=ticks.len())
            .map(|end| {
                let window = ticks[..end].last_chunk_of(period)?;
                let sum: Decimal = window.iter().map(|tick| tick.price).sum();
                Some(super::exact::quotient(
                    sum.mantissa(),
                    period as u128 * 10_u128.pow(sum.scale()),
                ))
            })
            .collect();
        prop_assert_eq!(values("smaNode", "sma-out", data, &ticks), smas);
    }

    #[test]
    fn weighted_price_is_turnover_by_volume(ticks in ticks(), period in 1_usize..12) {
        let data = json!({"volumeType": "weighted", "period": period});
        let expected: Vec<Option<f64>> = (1..=ticks.len())
            .map(|end| {
                let window = ticks[..end].last_chunk_of(period)?;
                let turnover: Decimal = window.iter().map(|t| t.price * t.volume).sum();
                let volume: Decimal = window.iter().map(|t| t.volume).sum();
                Some(to_f64(turnover) / to_f64(volume))
            })
            .collect();
        close_to(&values("volumeNode", "volume-out", data, &ticks), &expected)?;
    }
}

/// The last so many items, if there are as many.
trait LastChunk<T> {
    fn last_chunk_of(&self, count: usize) -> Option<&[T]>;
}

impl<T> LastChunk<T> for [T] {
    fn last_chunk_of(&self, count: usize) -> Option<&[T]> {
        self.get(self.len().checked_sub(count)?..)
    }
}
