//! What a plan is made of, and what its hash depends on.

use serde_json::{Value, json};
use strategy_engine::{Field, Op, Plan, PlanHash};

use crate::support::{each_time, graph, once, plan};

fn crossover(fast: u32, id: &str) -> Value {
    let edge = format!("{id}.cross-out > buy.trigger-in");
    let fast_edge = format!("fast.sma-out > {id}.fast-in");
    let slow_edge = format!("slow.sma-out > {id}.slow-in");
    graph(
        &[
            ("price", "priceNode", json!({})),
            ("fast", "smaNode", json!({"period": fast})),
            ("slow", "smaNode", json!({"period": 30})),
            (id, "crossoverNode", json!({})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > fast.price-in",
            "price.price-out > slow.price-in",
            &fast_edge,
            &slow_edge,
            &edge,
        ],
    )
}

#[test]
fn averages_of_the_price_need_no_separate_price() {
    let plan = plan(&crossover(10, "x"));
    let mean = |period| Op::MarketMean {
        field: Field::Close,
        period,
    };
    assert_eq!(plan.ops()[..2], [mean(10), mean(30)]);
    assert_eq!(plan.ops().len(), 3);
    let summary = plan.summary();
    assert_eq!((summary.nodes, summary.warmup), (5, 31));
}

#[test]
fn the_hash_depends_on_meaning() {
    let hash = plan(&crossover(10, "x")).hash();
    assert_eq!(plan(&crossover(10, "x")).hash(), hash);
    assert_ne!(plan(&crossover(11, "x")).hash(), hash);
    assert_eq!(
        plan(&crossover(10, "y")).hash(),
        hash,
        "what a node is called that isn't an action means nothing"
    );
    let mut repeated = crossover(10, "x");
    repeated["nodes"][4]["data"] = each_time();
    assert_ne!(plan(&repeated).hash(), hash);
    let mut same_quantity = crossover(10, "x");
    same_quantity["nodes"][4]["data"]["quantity"] = json!("1.000");
    assert_eq!(plan(&same_quantity).hash(), hash);
    assert_eq!(hash.to_string().len(), 64);
    assert_eq!(hash.to_string().parse::<PlanHash>().unwrap(), hash);
}

/// A change of this hash means that every stored plan and snapshot becomes worthless: raise
/// `PLAN_VERSION` with it.
#[test]
fn the_hash_of_a_version_never_changes() {
    let hash = plan(&crossover(10, "x")).hash();
    assert_eq!(hash.to_string(), PINNED);
}

const PINNED: &str = "2b50f71985679c8c1d2dc0394df9bd8d74a440bcc3ddb721d281c4b25dc37b59";

#[test]
fn equal_operations_exist_once() {
    let twice = graph(
        &[
            ("price", "priceNode", json!({})),
            ("price2", "priceNode", json!({"priceType": "close"})),
            ("a", "smaNode", json!({"period": 5})),
            ("b", "smaNode", json!({"period": "5"})),
            ("c", "compareNode", json!({"operator": ">"})),
            ("buy", "buyNode", once()),
        ],
        &[
            "price.price-out > a.price-in",
            "price2.price-out > b.price-in",
            "a.sma-out > c.value1-in",
            "b.sma-out > c.value2-in",
            "c.result-out > buy.trigger-in",
        ],
    );
    assert_eq!(plan(&twice).ops().len(), 2, "one average, one comparison");
}

#[test]
fn conditions_on_constants_are_folded() {
    let source = graph(
        &[
            ("two", "constantNode", json!({"value": 2})),
            ("c", "compareNode", json!({"operator": ">", "value": 1})),
            ("not", "notNode", json!({})),
            ("or", "orNode", json!({})),
            ("buy", "buyNode", once()),
        ],
        &[
            "two.value-out > c.value1-in",
            "c.result-out > not.input-in",
            "c.result-out > or.input-a",
            "not.result-out > or.input-b",
            "or.result-out > buy.trigger-in",
        ],
    );
    assert_eq!(plan(&source).ops(), [Op::Flag { value: true }]);
    assert_eq!(
        crate::support::fires(&source, &["1", "1"]),
        [0],
        "becomes true once"
    );
}

#[test]
fn plans_survive_storage_and_refuse_tampering() {
    let plan = plan(&crossover(10, "x"));
    let stored = serde_json::to_value(&*plan).unwrap();
    assert_eq!(
        serde_json::from_value::<Plan>(stored.clone()).unwrap(),
        *plan
    );
    let text = serde_json::to_string(&*plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), *plan);

    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = stored.clone();
        change(&mut changed);
        assert_ne!(changed, stored);
        serde_json::from_value::<Plan>(changed)
            .unwrap_err()
            .to_string()
    };
    let content = |path: &str| format!("/content/{path}");
    let set = |path: &str, value: Value| {
        let path = content(path);
        refused(&move |plan| *plan.pointer_mut(&path).unwrap() = value.clone())
    };
    assert!(set("version", json!(1)).contains("version 1"));
    assert!(set("ops/0/market_mean/period", json!(11)).contains("was stored"));
    assert!(set("ops/0/market_mean/period", json!(0)).contains("operation 0"));
    assert!(set("ops/2/cross/fast", json!(2)).contains("operation 2"));
    assert!(set("ops/2/cross/fast", json!(900)).contains("operation 2"));
    assert!(set("actions/0/trigger", json!(0)).contains("node buy"));
    assert!(set("actions/0/trigger", json!(9)).contains("node buy"));
    assert!(set("actions/0/quantity", json!("0")).contains("node buy"));
}

#[test]
fn dead_nodes_are_not_in_the_plan() {
    let mut source = crossover(10, "x");
    let hash = plan(&source).hash();
    let nodes = source["nodes"].as_array_mut().unwrap();
    nodes.push(json!({"id": "dead", "type": "rsiNode"}));
    source["edges"]
        .as_array_mut()
        .unwrap()
        .push(json!({"source": "price", "target": "dead"}));
    assert_eq!(plan(&source).hash(), hash);
}
