//! What holds for any source.

use proptest::prelude::*;
use serde_json::{Value, json};
use strategy_engine::{CODES, Op, Severity, Timeframe, compile, compile_text, templates};

use crate::support::{graph, plan, run, walk};

/// Any JSON at all.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            ".{0,4}".prop_map(String::from),
            prop::sample::select(vec![
                "nodes",
                "edges",
                "data",
                "json_tree",
                "strategies",
                "id"
            ])
            .prop_map(String::from),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (1_i64..20).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        2 => prop::sample::select(vec![
            "", "5", "NaN", "inf", "-0", "1e400", "above", "any", "raw", "ratio", "weighted", "<",
            "equal", "units", "percentage", "all", "market", "limit", "close", "volume", "true",
        ]).prop_map(Value::from),
    ]
}

/// Something like a graph: real types, fields and handles, wired at random.
fn graph_like() -> impl Strategy<Value = Value> {
    const TYPES: [&str; 17] = [
        "priceNode",
        "volumeNode",
        "constantNode",
        "smaNode",
        "emaNode",
        "rsiNode",
        "compareNode",
        "andNode",
        "orNode",
        "notNode",
        "crossoverNode",
        "thresholdNode",
        "buyNode",
        "sellNode",
        "labelNode",
        "macdNode",
        "nonsense",
    ];
    const FIELDS: [&str; 18] = [
        "period",
        "value",
        "operator",
        "crossType",
        "volumeType",
        "priceType",
        "quantity",
        "sizeType",
        "sellType",
        "percentage",
        "sellPercent",
        "repeat",
        "orderType",
        "threshold",
        "upperThreshold",
        "lowerThreshold",
        "hysteresis",
        "symbol",
    ];
    const OUT: [&str; 10] = [
        "price-out",
        "volume-out",
        "value-out",
        "sma-out",
        "ema-out",
        "rsi-out",
        "result-out",
        "cross-out",
        "overbought-out",
        "below-out",
    ];
    const IN: [&str; 12] = [
        "price-in",
        "data-in",
        "value1-in",
        "value2-in",
        "value-in",
        "compare-in",
        "input-a",
        "input2-in",
        "input-in",
        "fast-in",
        "slow-in",
        "trigger-in",
    ];
    let node = (
        0_u8..12,
        prop::sample::select(TYPES.to_vec()),
        prop::collection::vec((prop::sample::select(FIELDS.to_vec()), scalar()), 0..4),
    )
        .prop_map(|(id, kind, data)| {
            let data: serde_json::Map<String, Value> = data
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            json!({"id": format!("n{id}"), "type": kind, "data": data})
        });
    let handle =
        |names: &[&'static str]| prop::option::weighted(0.5, prop::sample::select(names.to_vec()));
    let edge = (0_u8..13, handle(&OUT), 0_u8..13, handle(&IN)).prop_map(|(from, out, to, into)| {
        json!({"source": format!("n{from}"), "sourceHandle": out,
               "target": format!("n{to}"), "targetHandle": into})
    });
    (
        prop::collection::vec(node, 0..12),
        prop::collection::vec(edge, 0..16),
    )
        .prop_map(|(nodes, edges)| json!({"nodes": nodes, "edges": edges}))
}

/// A chain of nodes that fit, so that most compile: its parameters are arbitrary.
fn pipeline() -> impl Strategy<Value = Value> {
    let indicator = (
        prop::sample::select(vec![
            ("smaNode", "sma-out"),
            ("emaNode", "ema-out"),
            ("rsiNode", "rsi-out"),
        ]),
        1_u32..40,
    );
    (
        prop::sample::select(vec!["open", "high", "low", "close", "volume"]),
        prop::collection::vec(indicator, 0..4),
        prop::sample::select(vec![">", "<", ">=", "<=", "==", "!="]),
        -5.0_f64..120.0,
        any::<bool>(),
    )
        .prop_map(|(price_type, indicators, operator, value, repeat)| {
            let mut nodes = vec![
                json!({"id": "p", "type": "priceNode", "data": {"priceType": price_type}}),
                json!({"id": "c", "type": "compareNode",
                       "data": {"operator": operator, "value": value}}),
                json!({"id": "b", "type": "buyNode", "data": {"sizeType": "percent_of_cash",
                       "repeat": repeat}}),
            ];
            let mut edges = vec![json!({"source": "c", "target": "b"})];
            let mut last = ("p".to_owned(), "price-out");
            for (index, ((kind, out), period)) in indicators.into_iter().enumerate() {
                let id = format!("i{index}");
                nodes.push(json!({"id": id, "type": kind, "data": {"period": period}}));
                edges.push(json!({"source": last.0, "sourceHandle": last.1, "target": id}));
                last = (id, out);
            }
            edges.push(json!({"source": last.0, "target": "c", "targetHandle": "value1-in"}));
            json!({"nodes": nodes, "edges": edges})
        })
}

fn holds_together(source: &Value) -> Result<(), TestCaseError> {
    let compilation = compile(source);
    let any_error = compilation
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    prop_assert_eq!(compilation.plan.is_none(), any_error);
    for diagnostic in &compilation.diagnostics {
        prop_assert!(CODES.iter().any(|(code, _)| *code == diagnostic.code));
    }
    if let Some(plan) = compilation.plan {
        let plan = std::sync::Arc::new(plan);
        run(&plan, Timeframe::Tick, &walk(9, 100));
        run(&plan, "1s".parse().unwrap(), &walk(9, 100));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A strategy is sent and stored as text, in which a number has up to 17 digits.
    #[test]
    fn a_constant_is_the_number_that_was_written(written in -1e6..1e6_f64) {
        let source = graph(
            &[
                ("price", "priceNode", json!({})),
                ("level", "constantNode", json!({"value": written})),
                ("is", "compareNode", json!({})),
                ("buy", "buyNode", json!({})),
            ],
            &[
                "price.price-out > is.value1-in",
                "level.value-out > is.value2-in",
                "is.result-out > buy.trigger-in",
            ],
        );
        let plan = plan(&serde_json::from_str(&source.to_string()).unwrap());
        let constants: Vec<f64> = plan
            .ops()
            .iter()
            .filter_map(|op| match op {
                Op::Number { value } => Some(value.get()),
                _ => None,
            })
            .collect();
        prop_assert_eq!(constants, [written]);
    }

    #[test]
    fn no_json_panics(source in any_json()) {
        holds_together(&source)?;
    }

    #[test]
    fn no_text_panics(source in ".{0,200}") {
        prop_assert!(!compile_text(&source).diagnostics.is_empty());
    }

    #[test]
    fn no_graph_panics(source in graph_like()) {
        holds_together(&source)?;
    }

    #[test]
    fn no_pipeline_panics(source in pipeline()) {
        prop_assert!(compile(&source).ok());
        holds_together(&source)?;
    }

    #[test]
    fn the_order_in_the_file_does_not_matter(
        template in 0..templates().len(), seed in any::<u64>(),
    ) {
        let source = templates()[template].source();
        let mut shuffled = source.clone();
        let mut state = seed | 1;
        for list in ["nodes", "edges"] {
            let items = shuffled[list].as_array_mut().unwrap();
            for i in (1..items.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                items.swap(i, (state >> 33) as usize % (i + 1));
            }
        }
        prop_assert_eq!(plan(&shuffled), plan(&source));
    }
}
