//! Every indicator against TA-Lib itself, and against textbook definitions in Python where TA-Lib
//! has none: on recorded candles and trades where they are, on generated ones in any case.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use strategy_engine::{NodeType, Op, Plan, Tick, Timeframe, ValueType, node_groups};

use crate::real_ticks::recording;
use crate::support::{decimal, plan, walk};

/// Agreement that is asked for: of the value itself, or of the prices that it is a difference of.
const RELATIVE: f64 = 1e-9;

struct Case {
    node: &'static str,
    out: &'static str,
    data: Value,
}

/// Each output of each indicator, with its defaults and with other figures.
fn cases() -> Vec<Case> {
    let other = |node: &str| match node {
        "macdNode" => json!({"fastPeriod": 3, "slowPeriod": 11, "signalPeriod": 4}),
        "bollingerBandsNode" => json!({"period": 5, "deviation": 1.5}),
        "keltnerNode" => json!({"period": 7, "atrPeriod": 15, "multiplier": 1.25}),
        "ichimokuNode" => json!({"tenkanPeriod": 3, "kijunPeriod": 10, "spanPeriod": 21,
                                 "displacement": 5}),
        "stochasticNode" => json!({"kPeriod": 5, "smooth": 1, "dPeriod": 4}),
        "sarNode" => json!({"acceleration": 0.05, "maximum": 0.11}),
        "supertrendNode" => json!({"period": 3, "multiplier": 1.5}),
        "divergenceNode" => json!({"lookbackPeriod": 60, "divergenceType": "both",
                                   "sensitivity": 0.9}),
        "patternNode" => json!({"patternType": "inverse_head_shoulders", "lookbackBars": 90,
                                "confidence": 0.5}),
        _ => json!({"period": 37}),
    };
    let mut cases = Vec::new();
    let indicators = node_groups()
        .iter()
        .find(|group| group.title == "Indicators");
    for node_type in indicators.unwrap().types {
        for output in node_type.outputs {
            let mut push = |data| {
                cases.push(Case {
                    node: node_type.name,
                    out: output.names[0],
                    data,
                });
            };
            push(json!({}));
            push(other(node_type.name));
        }
    }
    let mut more = |node, out, data| cases.push(Case { node, out, data });
    for pattern in ["double_top", "double_bottom", "head_shoulders"] {
        let data = json!({"patternType": pattern, "lookbackBars": 70, "confidence": 0.6});
        more("patternNode", "pattern-out", data);
    }
    for kind in ["raw", "sma", "ratio", "weighted"] {
        let data = json!({"volumeType": kind, "period": 12});
        more("volumeNode", "volume-out", data);
    }
    for anchor in ["day", "week", "rolling"] {
        more(
            "vwapNode",
            "vwap-out",
            json!({"anchor": anchor, "period": 9}),
        );
    }
    for (node, out) in [("emaNode", "ema-out"), ("highestNode", "highest-out")] {
        more(node, out, json!({"period": 1}));
    }
    more("stddevNode", "stddev-out", json!({"against": "talib"}));
    for out in ["upper-out", "middle-out", "lower-out"] {
        more("bollingerBandsNode", out, json!({"against": "talib"}));
    }
    cases
}

/// The Python that has TA-Lib; installed the first time.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let script = workspace().join("scripts/install-test-tools.sh");
    let installed = Command::new(script).arg("indicators").status();
    assert!(
        installed.unwrap().success(),
        "scripts/install-test-tools.sh could not install TA-Lib, see above"
    );
    cache.join("algotrade/indicators-venv/bin/python")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the second opinion says, and the bars that it saw.
fn ask(bars: &Value, cases: &[Case]) -> (Vec<[Decimal; 5]>, Vec<Vec<Option<f64>>>) {
    let cases: Vec<Value> = cases
        .iter()
        .map(|case| json!({"node": case.node, "out": case.out, "data": case.data}))
        .collect();
    let request = json!({"bars": bars, "cases": cases}).to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/indicators.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(request.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "see above");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bar = |row: &Value| {
        let figures: Vec<Decimal> = row
            .as_array()
            .unwrap()
            .iter()
            .map(|text| decimal(text.as_str().unwrap()))
            .collect();
        figures.try_into().unwrap()
    };
    let bars = answer["bars"].as_array().unwrap().iter().map(bar).collect();
    (
        bars,
        serde_json::from_value(answer["values"].clone()).unwrap(),
    )
}

/// A strategy that buys on the output, so that the plan computes it.
fn source(case: &Case, kind: ValueType) -> Value {
    let mut nodes = vec![
        json!({"id": "price", "type": "priceNode"}),
        json!({"id": "rsi", "type": "rsiNode"}),
        json!({"id": "x", "type": case.node, "data": case.data}),
        json!({"id": "buy", "type": "buyNode", "data": {"sizeType": "percent_of_cash"}}),
    ];
    let mut edges = vec![json!({"source": "price", "target": "rsi", "targetHandle": "price-in"})];
    let inputs = node_type(case.node).inputs.iter();
    for input in inputs.filter(|input| {
        input.value.is_some() && input.unwired == strategy_engine::Unwired::Required
    }) {
        let name = input.names[0];
        let from = if name == "indicator-in" {
            "rsi"
        } else {
            "price"
        };
        edges.push(json!({"source": from, "target": "x", "targetHandle": name}));
    }
    if kind == ValueType::Condition {
        edges.push(json!({"source": "x", "sourceHandle": case.out, "target": "buy"}));
    } else {
        nodes.push(json!({"id": "c", "type": "compareNode", "data": {"value": 50}}));
        edges.push(
            json!({"source": "x", "sourceHandle": case.out, "target": "c",
                          "targetHandle": "value1-in"}),
        );
        edges.push(json!({"source": "c", "target": "buy"}));
    }
    json!({"nodes": nodes, "edges": edges})
}

fn node_type(name: &str) -> &'static NodeType {
    let mut types = node_groups().iter().flat_map(|group| group.types);
    types.find(|node_type| node_type.name == name).unwrap()
}

/// The output's value at each bar; conditions as 1 and 0.
fn ours(case: &Case, bars: &[[Decimal; 5]], timeframe: Timeframe) -> Vec<Option<f64>> {
    let outputs = node_type(case.node).outputs;
    let kind = outputs
        .iter()
        .find(|o| o.names[0] == case.out)
        .unwrap()
        .value;
    let plan: Arc<Plan> = plan(&source(case, kind));
    let trigger = plan.actions()[0].trigger;
    let mut evaluator = plan.start(timeframe);
    let mut values = Vec::with_capacity(bars.len());
    let mut feed = |tick: &Tick| {
        let before = evaluator.evaluations();
        evaluator.on_tick(tick);
        if evaluator.evaluations() > before {
            values.push(match &plan.ops()[trigger as usize] {
                Op::Compare { first, .. } if kind == ValueType::Number => evaluator.number(*first),
                _ => evaluator
                    .condition(trigger)
                    .map(|holds| f64::from(u8::from(holds))),
            });
        }
    };
    // A Monday's midnight.
    let start: DateTime<Utc> = "2018-02-05T00:00:00Z".parse().unwrap();
    let tick = |seconds: i64, price: Decimal, volume: Decimal| Tick {
        time: start + chrono::TimeDelta::seconds(seconds),
        price,
        volume,
        ..Tick::default()
    };
    for (index, [open, high, low, close, volume]) in bars.iter().enumerate() {
        let begin = 60 * index as i64;
        if timeframe == Timeframe::Tick {
            feed(&tick(begin, *close, *volume));
            continue;
        }
        // The last trade is a second before the end, and the volume is that of the first.
        let prices = [*open, *high, *low, *close];
        for (place, price) in prices.into_iter().enumerate() {
            let volume = if place == 0 { *volume } else { Decimal::ZERO };
            feed(&tick(begin + 59 * place as i64 / 3, price, volume));
        }
    }
    if timeframe != Timeframe::Tick {
        feed(&tick(60 * bars.len() as i64, Decimal::ONE, Decimal::ONE));
    }
    values
}

/// Compares all cases; gives how many values were compared.
fn compare(name: &str, bars: &Value, timeframe: Timeframe) -> usize {
    let cases = cases();
    let (bars, theirs) = ask(bars, &cases);
    let mut compared = 0;
    for (case, theirs) in cases.iter().zip(&theirs) {
        let ours = ours(case, &bars, timeframe);
        assert_eq!(
            ours.len(),
            theirs.len(),
            "{name} {} {}",
            case.node,
            case.out
        );
        for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
            let place = || {
                format!(
                    "{name}: {} {} {} at {index}",
                    case.node, case.out, case.data
                )
            };
            let [_, high, low, close, _] = bars[index];
            match (a, b) {
                (None, None) => {}
                (Some(a), Some(b)) => {
                    let scale = b.abs().max(scale_of(case, close));
                    // TA-Lib takes the variance for a difference of two squares, which leaves it
                    // an error of about 1e-7 of the price. The textbook's is compared as well.
                    let cancels = case.data.get("against").is_some();
                    let scale = if cancels { 300.0 * scale } else { scale };
                    // TA-Lib's own result is rounding left of 0 / 0 where nothing moves.
                    let flat = case.node == "cciNode" && high <= low && *a == 0.0;
                    assert!(
                        (a - b).abs() <= RELATIVE * scale || flat,
                        "{}: {a} and {b}",
                        place()
                    );
                    compared += 1;
                }
                _ => panic!("{}: {a:?} and {b:?}", place()),
            }
        }
    }
    compared
}

/// What the error of a difference of prices is relative to.
fn scale_of(case: &Case, close: Decimal) -> f64 {
    let price: f64 = close.to_string().parse().unwrap();
    match case.node {
        "macdNode" | "momentumNode" | "atrNode" => price,
        "stddevNode" if case.data.get("against").is_some() => price,
        // Percentages, whose ranges are differences of prices.
        "rocNode" | "rsiNode" | "stochasticNode" | "williamsRNode" | "adxNode" | "cciNode" => 100.0,
        // The mean is the double nearest to the exact one; half a unit in the last place of a price
        // is magnified by a small deviation.
        "zscoreNode" => 20.0,
        _ => 0.0,
    }
}

fn generated(seed: u64, count: usize) -> Value {
    let ticks = walk(seed, 4 * count);
    let bars: Vec<Value> = ticks
        .chunks_exact(4)
        .map(|chunk| {
            let prices = || chunk.iter().map(|tick| tick.price);
            let volume: Decimal = chunk.iter().map(|tick| tick.volume).sum();
            let figures = [
                chunk[0].price,
                prices().max().unwrap(),
                prices().min().unwrap(),
                chunk[3].price,
                volume,
            ];
            json!(figures.map(|figure| figure.to_string()))
        })
        .collect();
    json!(bars)
}

#[test]
fn indicators_agree_on_candles() {
    let minute: Timeframe = "1m".parse().unwrap();
    let mut compared = compare("generated", &generated(3, 2_000), minute);
    let file = workspace().join("../shared/data/candles_1m_btcusd_2018-02.sql.zip");
    if file.exists() {
        let recorded = json!({"zip": file, "take": 4_000});
        compared += compare("recorded", &recorded, minute);
    }
    assert!(compared > 130_000, "only {compared} values");
}

#[test]
fn indicators_agree_on_trades() {
    let bars: Vec<Value> = recording()
        .unwrap_or_else(|| walk(5, 2_500))
        .iter()
        .take(2_500)
        .map(|tick| {
            json!(
                [tick.price, tick.price, tick.price, tick.price, tick.volume]
                    .map(|figure: Decimal| figure.to_string())
            )
        })
        .collect();
    let compared = compare("trades", &json!(bars), Timeframe::Tick);
    assert!(compared > 130_000, "only {compared} values");
}
