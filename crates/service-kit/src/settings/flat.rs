//! `kafka.properties` as one flat table by librdkafka's names.
//!
//! A name with dots can be spelled in several ways, and the environment has a way of its own.
//! Each source is brought into one spelling before the sources are merged, so that a later one
//! replaces what an earlier one spelled differently.

use config::{ConfigError, Map, Source, Value, ValueKind};
use kafka_common::properties::property_name;

#[derive(Debug, Clone)]
pub(super) struct FlatProperties<S>(pub(super) S);

impl<S: Source + Clone + Send + Sync + 'static> Source for FlatProperties<S> {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        // The environment gives paths; collected into a table they are one.
        let mut root = Value::new(None, ValueKind::Table(Map::new()));
        self.0.collect_to(&mut root)?;
        let mut root = root.into_table()?;
        if let Some(kafka) = root.get_mut("kafka")
            && let ValueKind::Table(kafka) = &mut kafka.kind
            && let Some(properties) = kafka.get_mut("properties")
            && let ValueKind::Table(nested) = &properties.kind
        {
            let mut flat = Map::new();
            flatten("", nested, &mut flat);
            properties.kind = ValueKind::Table(flat);
        }
        Ok(root)
    }
}

fn flatten(prefix: &str, nested: &Map<String, Value>, flat: &mut Map<String, Value>) {
    for (name, value) in nested {
        let path = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        match &value.kind {
            ValueKind::Table(table) => flatten(&path, table, flat),
            _ => {
                flat.insert(property_name(&path), value.clone());
            }
        }
    }
}
