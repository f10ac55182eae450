//! A message that a schema describes.

use kafka_common::Topic;
use kafka_common::topics::{CATALOGUE, TopicVisitor, visit};
use serde_json::{Map, Value, json};

/// Samples of each topic: with every field and with the required ones only, and with each choice of
/// what can be chosen.
const VARIANTS: usize = 8;

/// Envelopes of every topic of the catalogue, each with the topic's place in it.
pub fn envelopes() -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    for (number, spec) in (0..).zip(CATALOGUE) {
        for variant in 0..VARIANTS {
            if let Some(value) = visit(spec.name, Sample(variant)) {
                found.push((number, value));
            }
        }
    }
    found
}

struct Sample(usize);

impl TopicVisitor for Sample {
    type Output = Vec<u8>;

    fn visit<T: Topic>(self, _topic: T) -> Vec<u8> {
        let schema = schemars::schema_for!(T::Message).to_value();
        let maker = Maker {
            root: &schema,
            variant: self.0,
        };
        let envelope = json!({
            "timestamp": "2026-01-05T00:00:00.000Z",
            "producer_service": "strategy",
            "data": maker.of(&schema, 0),
        });
        envelope.to_string().into_bytes()
    }
}

struct Maker<'a> {
    root: &'a Value,
    variant: usize,
}

impl Maker<'_> {
    fn of(&self, schema: &Value, depth: usize) -> Value {
        if depth > 8 {
            return Value::Null;
        }
        if let Some(path) = schema["$ref"].as_str() {
            let target = self.root.pointer(path.trim_start_matches('#'));
            return target.map_or(Value::Null, |target| self.of(target, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.choose(values).cloned().unwrap_or_default();
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(schemas) = schema[choice].as_array() {
                let chosen = self.choose(schemas);
                return chosen.map_or(Value::Null, |chosen| self.of(chosen, depth + 1));
            }
        }
        match self.type_of(schema) {
            Some("object") => self.object(schema, depth),
            Some("array") => json!([self.of(&schema["items"], depth + 1)]),
            Some("string") => json!(match schema["format"].as_str() {
                Some("date-time") => "2026-01-05T00:00:00.049274Z",
                Some("uuid") => "7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11",
                _ => "BTCUSD",
            }),
            Some("number") => json!(1.5),
            Some("integer") => json!(42),
            Some("boolean") => json!(true),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let required = schema["required"].as_array();
        let is_required = |name: &str| {
            let mut names = required.into_iter().flatten();
            names.any(|required| required == name)
        };
        let all = self.variant.is_multiple_of(2);
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            if all || is_required(name) {
                object.insert(name.clone(), self.of(field, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// Of several types the variants take turns.
    fn type_of<'s>(&self, schema: &'s Value) -> Option<&'s str> {
        match &schema["type"] {
            Value::Array(types) => self.choose(types)?.as_str(),
            single => single.as_str(),
        }
    }

    fn choose<'s>(&self, choices: &'s [Value]) -> Option<&'s Value> {
        choices.get(self.variant / 2 % choices.len().max(1))
    }
}
