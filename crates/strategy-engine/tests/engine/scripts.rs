//! Scripts: the graph that they come to, and every strategy in both forms.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use strategy_engine::{
    ParamValue, Script, Timeframe, compile, compile_script, compile_script_with, format_script,
    templates, write_script,
};

use crate::random;
use crate::support::{graph, once};

/// A script that must compile without a word.
pub fn clean(source: &str) -> Script {
    let script = compile_script(source);
    assert_eq!(script.diagnostics(), [], "{source}");
    script
}

fn hash_of(script: &Script) -> String {
    let plan = script.compilation.plan.as_ref();
    let problems = script.diagnostics();
    plan.unwrap_or_else(|| panic!("{problems:#?}"))
        .hash()
        .to_string()
}

/// The script of a graph, which has to come to the same plan.
pub fn there_and_back(source: &Value) -> String {
    let drawn = compile(source);
    let plan = drawn
        .plan
        .unwrap_or_else(|| panic!("{:#?}", drawn.diagnostics));
    let text = write_script(source).unwrap();
    let script = compile_script(&text);
    let graph = script
        .graph
        .clone()
        .unwrap_or_else(|| panic!("{:#?}\n{text}", script.diagnostics()));
    assert_eq!(
        hash_of(&script),
        plan.hash().to_string(),
        "{text}\n{:#?}",
        plan.ops()
    );
    // The graph of the script is the same plan, and so is the script of that graph.
    assert_eq!(compile(&graph).plan.unwrap().hash(), plan.hash(), "{text}");
    let again = write_script(&graph).unwrap();
    assert_eq!(
        hash_of(&compile_script(&again)),
        plan.hash().to_string(),
        "{text}\n{again}"
    );
    let formatted = format_script(&text).unwrap();
    assert_eq!(formatted, text, "what is written is formatted");
    text
}

#[test]
fn every_template_is_the_same_plan_drawn_and_written() {
    for template in templates() {
        let written = there_and_back(&template.source());
        let file = format!(
            "{}/templates/{}.py",
            env!("CARGO_MANIFEST_DIR"),
            template.key
        );
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, &written).unwrap();
            continue;
        }
        assert_eq!(
            template.script, written,
            "UPDATE_DOCS=1 cargo test -p strategy-engine template"
        );
        let script = clean(template.script);
        assert_eq!(script.name.as_deref(), Some(template.name));
    }
}

#[test]
fn one_of_each_node_is_the_same_plan_written() {
    there_and_back(&random::one_of_each());
}

/// In a script a name whose value is known chooses; in a graph it is a condition like any other, and
/// an order that never comes is an order.
#[test]
fn a_condition_that_is_known_and_has_a_name_is_no_switch() {
    for operator in ["not_equal", "equal"] {
        let source = graph(
            &[
                ("price", "priceNode", json!({})),
                ("figure", "constantNode", json!({"value": 101})),
                ("known", "compareNode", json!({"operator": operator})),
                ("up", "compareNode", json!({"operator": "greater_than"})),
                ("both", "andNode", json!({})),
                ("other", "notNode", json!({})),
                ("a", "buyNode", once()),
                ("b", "buyNode", once()),
                ("c", "sellNode", once()),
                ("d", "buyNode", once()),
            ],
            &[
                "figure.value-out > known.value1-in",
                "figure.value-out > known.value2-in",
                "price.price-out > up.value1-in",
                "figure.value-out > up.value2-in",
                "known.result-out > both.input-a",
                "up.result-out > both.input-b",
                "known.result-out > other.input-in",
                "known.result-out > a.trigger-in",
                "both.result-out > b.trigger-in",
                "other.result-out > c.trigger-in",
                "up.result-out > d.trigger-in",
            ],
        );
        let text = there_and_back(&source);
        assert!(text.contains("if known and known:"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_graph_is_the_same_plan_written(seed in any::<u64>(), count in 1_usize..40) {
        there_and_back(&random::strategy(seed, count));
    }
}

#[test]
fn orders_with_everything_are_the_same_plan_written() {
    let sizes = [
        json!({"sizingMethod": "fixed_percent", "riskPercent": 3, "maxPosition": 500}),
        json!({"sizingMethod": "fixed_amount", "maxPosition": "1234.50"}),
        json!({"sizingMethod": "volatility_adjusted"}),
        json!({"sizeType": "fixed", "sizeValue": "0.1234567890123456789012345"}),
        json!({"sizeType": "percent_portfolio", "sizeValue": 12.5}),
        json!({"sizeType": "risk_based", "riskAmount": 50, "stopLossPct": 3}),
    ];
    let stops = [
        json!({}),
        json!({"stopType": "fixed_amount", "stopValue": 0.5}),
        json!({"stopType": "atr_multiple", "stopValue": 1.5, "trailingEnabled": true}),
        json!({"stopType": "trailing_percent", "stopValue": 4}),
    ];
    let targets = [
        json!({"profitValue": 7}),
        json!({"profitType": "fixed_amount", "profitValue": 10}),
        json!({"profitType": "rr_ratio", "profitValue": 2, "partialProfits": true}),
    ];
    let kinds = [
        json!({}),
        json!({"orderType": "limit", "limitPrice": 99.5}),
        json!({"orderType": "stop", "stopPrice": 101}),
        json!({"orderType": "stop-limit", "stopPrice": 101, "limitPrice": 102, "repeat": true}),
    ];
    for index in 0..12 {
        let with = |kind: &Value, more: Value| {
            let mut data = kind.clone();
            data.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            data
        };
        let kind = &kinds[index % kinds.len()];
        let quantity = json!({"sizeType": "percent_of_cash", "quantity": 50});
        let source = graph(
            &[
                ("price", "priceNode", json!({})),
                ("atr", "atrNode", json!({})),
                ("up", "compareNode", json!({"value": 100})),
                ("down", "compareNode", json!({"value": 90, "operator": "<"})),
                ("enter here!", "buyNode", with(kind, quantity)),
                (
                    "size",
                    "positionSizeNode",
                    sizes[index % sizes.len()].clone(),
                ),
                ("stop", "stopLossNode", stops[index % stops.len()].clone()),
                (
                    "target",
                    "takeProfitNode",
                    targets[index % targets.len()].clone(),
                ),
                ("any", "orNode", json!({})),
                (
                    "leave",
                    "sellNode",
                    json!({"sizeType": "percent_of_position"}),
                ),
                (
                    "trail",
                    "sellNode",
                    json!({"sizeType": "units", "quantity": 1,
                    "orderType": "trailing-stop", "trailPercent": 2.5}),
                ),
            ],
            &[
                "price.price-out > up.value1-in",
                "price.price-out > down.value1-in",
                "up.result-out > enter here!.trigger-in",
                "enter here!.signal-out > size.signal-in",
                "up.result-out > stop.trigger-in",
                "enter here!.signal-out > target.trigger-in",
                "atr.atr-out > stop.atr-in",
                "atr.atr-out > size.volatility-in",
                "stop.stop-triggered > any.input-a",
                "target.profit-triggered > any.input-b",
                "down.result-out > any.input-a",
                "any.result-out > leave.trigger-in",
                "down.result-out > trail.trigger-in",
            ],
        );
        there_and_back(&source);
    }
}

#[test]
fn a_drawing_from_the_python_platform_is_written_with_its_meaning_here() {
    let source = graph(
        &[
            (
                "1f8a9c3e-8b1d-4c62-9f54-0a6d0f3c2b11",
                "priceNode",
                json!({"priceType": "close"}),
            ),
            ("rsiNode-1724745600000", "rsiNode", json!({"period": "14"})),
            (
                "t",
                "thresholdNode",
                json!({"threshold": 40, "hysteresis": 0.1}),
            ),
            (
                "w",
                "timeNode",
                json!({"startTime": "22:00", "endTime": "02:00",
                "timezone": "America/New_York", "weekdays": "mon, fri"}),
            ),
            ("both", "andNode", json!({})),
            ("b", "buyNode", json!({"quantity": 25})),
            ("s", "sellNode", json!({})),
        ],
        &[
            "1f8a9c3e-8b1d-4c62-9f54-0a6d0f3c2b11.price-out > rsiNode-1724745600000.price-in",
            "rsiNode-1724745600000.rsi-out > t.value-in",
            "t.below-out > both.input1-in",
            "w.time-out > both.input2-in",
            "both.result-out > b.trigger-in",
            "t.above-out > s.trigger-in",
        ],
    );
    let text = there_and_back(&source);
    assert!(
        text.contains("time_between(\"22:00\", \"02:00\", \"America/New_York\", \"mon,fri\")"),
        "{text}"
    );
    assert!(text.contains("below(rsi(close, 14), 40, 0.1)"), "{text}");
    assert!(
        text.contains("buy(size=percent_of_cash(25), id=\"b\")"),
        "{text}"
    );
}

/// Two scripts that come to the same plan.
fn same(first: &str, second: &str) {
    assert_eq!(
        hash_of(&compile_script(first)),
        hash_of(&compile_script(second)),
        "{first}\n{second}"
    );
}

const BUY: &str = "if close > 1:\n    buy()\n";

#[test]
fn a_script_is_what_would_have_been_drawn() {
    let drawn = graph(
        &[
            ("price", "priceNode", json!({})),
            ("fast", "smaNode", json!({"period": 10})),
            ("slow", "smaNode", json!({"period": 30})),
            ("rsi", "rsiNode", json!({})),
            ("up", "crossoverNode", json!({})),
            ("low", "compareNode", json!({"operator": "<", "value": 70})),
            ("both", "andNode", json!({})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > fast.price-in",
            "price.price-out > slow.price-in",
            "price.price-out > rsi.price-in",
            "fast.sma-out > up.fast-in",
            "slow.sma-out > up.slow-in",
            "rsi.rsi-out > low.value1-in",
            "low.result-out > both.input-a",
            "up.cross-out > both.input-a",
            "both.result-out > buy.trigger-in",
        ],
    );
    let script = clean(
        "strategy(\"Crossover\", timeframe=\"1m\")\n\
         fast = sma(close, 10)\n\
         slow = sma(close, 30)\n\
         if crosses_above(fast, slow) and rsi(close, 14) < 70:\n    buy(size=units(1))\n",
    );
    assert_eq!(
        hash_of(&script),
        compile(&drawn).plan.unwrap().hash().to_string()
    );
    assert_eq!(script.name.as_deref(), Some("Crossover"));
    assert_eq!(script.timeframe, Some("1m".parse::<Timeframe>().unwrap()));
    let graph = script.graph.unwrap();
    let ids: Vec<&str> = graph["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"fast") && ids.contains(&"slow") && ids.contains(&"buy"),
        "{ids:?}"
    );
}

#[test]
fn what_is_written_in_two_ways_is_the_same() {
    let buy = |condition: &str| format!("if {condition}:\n    buy()\n");
    same(
        &buy("1 < close < 2 and volume > 3"),
        &buy("(1 < close and close < 2) and 3 < volume").replace("3 < volume", "volume > 3"),
    );
    same(
        "if close > 1:\n    if volume > 2:\n        buy()\n",
        &buy("close > 1 and volume > 2"),
    );
    same(
        "if close > 5:\n    sell()\nelif volume > 2:\n    buy()\n",
        "if close > 5:\n    sell()\nif not close > 5 and volume > 2:\n    buy()\n",
    );
    same(
        "if close > 5:\n    sell()\nelse:\n    buy()\n",
        "if close > 5:\n    sell()\nif not close > 5:\n    buy()\n",
    );
    same(
        "total = 0\nfor n in [5, 10]:\n    total = total + sma(close, n)\nif close > total / 2:\n    buy()\n",
        "if close > (0 + sma(close, 5) + sma(close, 10)) / 2:\n    buy()\n",
    );
    same(
        "def mean(n, of=close):\n    twice = 2 * n\n    return sma(of, twice)\nif close > mean(5):\n    buy()\n",
        "if close > sma(close, 10):\n    buy()\n",
    );
    same(&buy("close > close[1]"), &buy("close > lag(close, 1)"));
    same(
        &buy("bollinger(close).upper < close"),
        "upper, middle, lower = bollinger(close, 20, 2)\nif upper < close:\n    buy()\n",
    );
    same(&buy("adx() > 20"), &buy("adx(14).adx > 20"));
    same(
        &buy("max(close, open, 3) > 4"),
        &buy("max(max(close, open), 3) > 4"),
    );
    same(
        &buy("close > 1"),
        "x = 3\nx -= 2\nif close > x:\n    buy(percent_of_cash(100))\n",
    );
    same(
        "wide = param(\"wide\", False)\nif wide:\n    n = 20\nelse:\n    n = 10\nif close > sma(close, n):\n    buy()\n",
        &buy("close > sma(close, 10)"),
    );
    same(
        "kind = param(\"kind\", \"a\")\nif kind == \"b\":\n    n = 20\nelif not False:\n    n = 10\nif close > sma(close, n):\n    buy()\n",
        &buy("close > sma(close, 10)"),
    );
    same(&buy("close > 1_000"), &buy("close > 1e3"));
    same(&buy("close > 1"), &format!("\"\"\"A comment.\"\"\"\n{BUY}"));
}

#[test]
fn parameters_can_be_set() {
    let source = "fast = param(\"fast\", 10, min=2, max=20)\non = param(\"on\", True)\n\
                  zone = param(\"zone\", \"UTC\", choices=[\"UTC\", \"EST\"])\n\
                  if close > sma(close, fast) and (hour(zone) > 8 if on else 1) > 0:\n    buy()\n";
    let source = source.replace(
        "(hour(zone) > 8 if on else 1) > 0",
        "hour(zone) > (8 if on else 9)",
    );
    let script = clean(&source);
    let names: Vec<&str> = script
        .params
        .iter()
        .map(|param| param.name.as_str())
        .collect();
    assert_eq!(names, ["fast", "on", "zone"]);
    assert_eq!(script.params[0].default, ParamValue::Number(10.0));
    assert_eq!(
        (script.params[0].min, script.params[0].max),
        (Some(2.0), Some(20.0))
    );
    let set = |name: &str, value: &str| {
        compile_script_with(
            &source,
            &BTreeMap::from([(name.to_owned(), value.to_owned())]),
        )
    };
    let other = set("fast", "15");
    assert_eq!(other.params[0].value, ParamValue::Number(15.0));
    assert_ne!(hash_of(&other), hash_of(&script));
    assert_eq!(hash_of(&set("fast", "10")), hash_of(&script));
    assert_ne!(hash_of(&set("on", "false")), hash_of(&script));
    for (name, value) in [
        ("fast", "21"),
        ("fast", "ten"),
        ("zone", "PST"),
        ("on", "1"),
        ("fats", "3"),
    ] {
        let refused = set(name, value);
        assert_eq!(
            refused.diagnostics()[0].code,
            "param_invalid",
            "{name}={value}"
        );
        assert!(refused.compilation.plan.is_none());
    }
}
