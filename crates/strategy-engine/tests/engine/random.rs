//! Strategies drawn at random from the catalogue: any node may feed any other that takes it.

use serde_json::{Map, Value, json};
use strategy_engine::{DataField, NodeType, Unwired, ValueType, node_groups};

/// A sequence of numbers from a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count
    }
}

/// Nodes so far, and which output gives what.
#[derive(Default)]
pub struct Drawing {
    pub nodes: Vec<Value>,
    pub edges: Vec<Value>,
    numbers: Vec<(String, &'static str)>,
    conditions: Vec<(String, &'static str)>,
}

impl Drawing {
    /// Begins with a price and a condition on it.
    pub fn begin() -> Self {
        let mut drawing = Self::default();
        drawing
            .nodes
            .push(json!({"id": "price", "type": "priceNode"}));
        drawing
            .nodes
            .push(json!({"id": "above", "type": "compareNode", "data": {"value": 99.5}}));
        drawing
            .edges
            .push(json!({"source": "price", "target": "above", "targetHandle": "value1-in"}));
        drawing.numbers.push(("price".to_owned(), "price-out"));
        drawing.conditions.push(("above".to_owned(), "result-out"));
        drawing
    }

    /// Adds a node whose inputs come from earlier ones; each of its outputs can be used from then
    /// on.
    pub fn add(&mut self, node_type: &NodeType, data: Value, dice: &mut Dice) -> String {
        let id = format!("n{}", self.nodes.len());
        let name = node_type.name.split(' ').next().unwrap();
        self.nodes
            .push(json!({"id": id, "type": name, "data": data}));
        for input in node_type.inputs {
            let sources = match input.value {
                Some(ValueType::Number) => &self.numbers,
                Some(ValueType::Condition) => &self.conditions,
                _ => continue,
            };
            if input.unwired != Unwired::Required && dice.below(2) == 0 {
                continue;
            }
            let (source, out) = &sources[dice.below(sources.len())];
            self.edges
                .push(json!({"source": source, "sourceHandle": out, "target": id,
                                   "targetHandle": input.names[0]}));
        }
        for output in node_type.outputs {
            match output.value {
                ValueType::Number => self.numbers.push((id.clone(), output.names[0])),
                ValueType::Condition => self.conditions.push((id.clone(), output.names[0])),
                _ => {}
            }
        }
        id
    }

    /// Lets every condition buy, and every number through a crossing with the price.
    pub fn trade_on_everything(mut self) -> Value {
        let numbers = std::mem::take(&mut self.numbers);
        for (index, (source, out)) in numbers.into_iter().enumerate() {
            let id = format!("x{index}");
            self.nodes
                .push(json!({"id": id, "type": "crossoverNode", "data": {"crossType": "any"}}));
            self.edges
                .push(json!({"source": source, "sourceHandle": out, "target": id,
                                   "targetHandle": "fast-in"}));
            self.edges
                .push(json!({"source": "price", "target": id, "targetHandle": "slow-in"}));
            self.conditions.push((id, "cross-out"));
        }
        for (index, (source, out)) in self.conditions.iter().enumerate() {
            let id = format!("buy{index}");
            let data = json!({"sizeType": "units", "quantity": 1, "repeat": index % 2 == 0});
            self.nodes
                .push(json!({"id": id, "type": "buyNode", "data": data}));
            self.edges
                .push(json!({"source": source, "sourceHandle": out, "target": id}));
        }
        json!({"nodes": self.nodes, "edges": self.edges})
    }
}

/// The types that compute something.
pub fn computing() -> Vec<&'static NodeType> {
    let groups = node_groups().iter().filter(|group| group.title != "Orders");
    groups.flat_map(|group| group.types).collect()
}

/// Small figures for a type's fields: most periods fit a test's few ticks.
pub fn data(node_type: &NodeType, dice: &mut Dice) -> Value {
    let mut data = Map::new();
    for DataField { name, range, .. } in node_type.fields {
        let value = if range.ends_with("to 100,000") || range.ends_with("to 1,000") {
            json!(2 + dice.below(9))
        } else if *name == "unit" {
            json!(["seconds", "bars"][dice.below(2)])
        } else if *name == "duration" {
            json!(1 + dice.below(20))
        } else if *name == "timezone" {
            json!(["UTC", "PST", "Asia/Kolkata"][dice.below(3)])
        } else if *name == "value" {
            json!(99 + dice.below(3))
        } else if range.contains(", ") && !range.contains(':') && *name != "weekdays" {
            let choices: Vec<&str> = range
                .split(", ")
                .filter(|choice| !choice.contains(' '))
                .collect();
            json!(choices[dice.below(choices.len())])
        } else {
            continue;
        };
        data.insert((*name).to_owned(), value);
    }
    // The macd's fast average must not be the slower one, or a warning says so.
    if node_type.name == "macdNode" {
        data.insert("slowPeriod".to_owned(), json!(12));
    }
    Value::Object(data)
}

/// One of each type that computes something, fed by the price.
pub fn one_of_each() -> Value {
    let mut dice = Dice::new(1);
    let mut drawing = Drawing::begin();
    for node_type in computing() {
        let data = data(node_type, &mut dice);
        drawing.add(node_type, data, &mut dice);
    }
    drawing.trade_on_everything()
}

/// So many nodes of any type.
pub fn strategy(seed: u64, count: usize) -> Value {
    let mut dice = Dice::new(seed);
    let types = computing();
    let mut drawing = Drawing::begin();
    for _ in 0..count {
        let node_type = types[dice.below(types.len())];
        let data = data(node_type, &mut dice);
        drawing.add(node_type, data, &mut dice);
    }
    drawing.trade_on_everything()
}
