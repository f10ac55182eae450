//! The AsyncAPI 3 document of the platform, made from the topic catalogue, the matrix and the
//! messages themselves: it can't say anything else than what the code does.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::matrix::{MATRIX, MatrixRow};
use crate::messages::RecordKind;
use crate::settings::KafkaSettings;
use crate::topics::{DescribedTopic, described};
use crate::trace;

/// Version of the Kafka bindings that are used.
const BINDING: &str = "0.5.0";

/// The document, for the deployment that the settings describe.
#[must_use]
pub fn document(settings: &KafkaSettings) -> Value {
    // Draft 7 is what AsyncAPI's own schema language builds on.
    let schemas = SchemaSettings::draft07().with(|schemas| {
        schemas.definitions_path = "/components/schemas".into();
        schemas.meta_schema = None;
    });
    let mut generator = schemas.into_generator();
    let topics = described(&mut generator);
    let schemas = generator.take_definitions(true);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "AlgoTrade events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every topic of AlgoTrade, what it carries, and which service produces \
                and consumes it. Prices and quantities are JSON numbers and exact decimals: a \
                reader that keeps binary floats loses digits. A reader ignores fields that it \
                does not know.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": server(settings)},
        "channels": by_name(&topics, |topic| channel(settings, topic)),
        "operations": operations(settings),
        "components": {
            "messages": by_name(&topics, message),
            "schemas": schemas,
        },
    })
}

fn server(settings: &KafkaSettings) -> Value {
    let encrypted = settings.security.protocol.ends_with("ssl");
    json!({
        "host": settings.bootstrap_servers,
        "protocol": if encrypted { "kafka-secure" } else { "kafka" },
        "description": "Every client uses the murmur2 partitioner and reads only what is committed.",
    })
}

fn by_name(topics: &[DescribedTopic], value: impl Fn(&DescribedTopic) -> Value) -> Value {
    let entries = topics
        .iter()
        .map(|topic| (topic.spec.name.to_owned(), value(topic)));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn channel(settings: &KafkaSettings, topic: &DescribedTopic) -> Value {
    let name = topic.spec.name;
    let address = settings.topic(name);
    json!({
        "address": address,
        "title": name,
        "description": topic.description,
        "messages": {(topic.message.as_str()): {"$ref": format!("#/components/messages/{name}")}},
        "bindings": {"kafka": {
            "topic": address,
            "partitions": topic.spec.partitions,
            "replicas": settings.replication_factor,
            "topicConfiguration": {
                "cleanup.policy": ["delete"],
                "retention.ms": topic.spec.retention.as_millis() as u64,
            },
            "bindingVersion": BINDING,
        }},
    })
}

fn message(topic: &DescribedTopic) -> Value {
    let mut message = json!({
        "name": topic.message,
        "title": topic.message,
        "contentType": "application/json",
        "headers": headers(topic.spec.name),
        "payload": {
            "type": "object",
            "required": ["timestamp", "producer_service", "data"],
            "properties": {
                "timestamp": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the record was produced: the wall clock.",
                },
                "producer_service": {
                    "type": "string",
                    "description": "The service that produced it.",
                },
                "data": topic.schema,
            },
        },
        "bindings": {"kafka": {
            "key": {"type": "string", "description": format!("The {}.", topic.spec.key)},
            "bindingVersion": BINDING,
        }},
    });
    if let Some(data) = example(topic.spec.name) {
        let payload = json!({
            "timestamp": "2024-01-01T12:00:00.000Z",
            "producer_service": "algotrade-microservice",
            "data": data,
        });
        message["examples"] = json!([{"name": "specification", "payload": payload}]);
    }
    message
}

fn headers(topic: &str) -> Value {
    let mut properties = json!({
        "content-type": {"type": "string", "const": "application/json"},
        "schema-version": {"type": "string", "const": "1"},
        "message-id": {
            "type": "string",
            "format": "uuid",
            "description": "The same if a message is sent again.",
        },
        (trace::HEADER): {
            "type": "string",
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "W3C trace context: a message that is sent while another is handled \
                carries on its trace.",
        },
    });
    if topic == "strategy-signals" {
        let kinds = [
            RecordKind::Signal,
            RecordKind::Start,
            RecordKind::Stop,
            RecordKind::Progress,
        ];
        properties[RecordKind::HEADER] = json!({
            "type": "string",
            "enum": kinds.map(RecordKind::as_str),
            "description": "What the record is; without it, a signal.",
        });
    }
    json!({"type": "object", "properties": properties})
}

fn operations(settings: &KafkaSettings) -> Value {
    let sends = MATRIX
        .iter()
        .flat_map(|row| row.produces.iter().map(move |topic| (row, "send", *topic)));
    let receives = MATRIX.iter().flat_map(|row| {
        row.consumes
            .iter()
            .map(move |topic| (row, "receive", *topic))
    });
    let entries = sends.chain(receives).map(|(row, action, topic)| {
        let name = format!("{}.{action}.{topic}", row.service);
        (name, operation(settings, row, action, topic))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn operation(settings: &KafkaSettings, row: &MatrixRow, action: &str, topic: &str) -> Value {
    let mut binding = json!({
        "clientId": {"type": "string", "const": format!("algotrade-{}", row.service)},
        "bindingVersion": BINDING,
    });
    if action == "receive" {
        binding["groupId"] = json!({"type": "string", "const": settings.group(row.group)});
    }
    json!({
        "action": action,
        "channel": {"$ref": format!("#/channels/{topic}")},
        "title": format!("{} {action}s {topic}", row.service),
        "tags": [{"name": row.service}],
        "bindings": {"kafka": binding},
    })
}

/// The messages that the specification shows.
fn example(topic: &str) -> Option<Value> {
    let id = "7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11";
    match topic {
        "market-data-updates" => Some(json!({
            "symbol": "BTCUSD", "price": 50000.00, "volume": 1.5,
            "timestamp": "2024-01-01T12:00:00Z", "source": "coinbase",
        })),
        "strategy-signals" => Some(json!({
            "session_id": id, "strategy_id": id,
            "signal": {"action": "BUY", "quantity": 1.0, "reason": "SMA crossover"},
            "market_data": {"symbol": "BTCUSD", "price": 50000.00},
        })),
        "trade-executions" => Some(json!({
            "trade_id": id, "session_id": id, "symbol": "BTCUSD", "action": "BUY",
            "quantity": 1.0, "price": 50000.00, "status": "FILLED",
            "timestamp": "2024-01-01T12:00:00Z",
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::messages::{MarketDataUpdate, StrategySignal, TradeExecution};
    use crate::topics::CATALOGUE;

    #[test]
    fn the_examples_are_messages() {
        let text = |topic| example(topic).unwrap().to_string();
        serde_json::from_str::<MarketDataUpdate>(&text("market-data-updates")).unwrap();
        serde_json::from_str::<StrategySignal>(&text("strategy-signals")).unwrap();
        serde_json::from_str::<TradeExecution>(&text("trade-executions")).unwrap();
    }

    #[test]
    fn the_document_says_what_the_catalogue_and_the_matrix_say() {
        let settings = KafkaSettings {
            topic_prefix: "stage.".to_owned(),
            ..KafkaSettings::default()
        };
        let document = document(&settings);
        let channels = document["channels"].as_object().unwrap();
        assert_eq!(channels.len(), CATALOGUE.len());
        let market_data = &channels["market-data-updates"];
        assert_eq!(market_data["address"], "stage.market-data-updates");
        assert_eq!(market_data["bindings"]["kafka"]["partitions"], 8);
        let operations = document["operations"].as_object().unwrap();
        let in_matrix = |row: &MatrixRow| row.produces.len() + row.consumes.len();
        assert_eq!(
            operations.len(),
            MATRIX.iter().map(in_matrix).sum::<usize>()
        );
        assert!(operations.contains_key("forward-test.receive.strategy-signals"));
        let trade = &document["components"]["schemas"]["TradeExecution"];
        assert_eq!(trade["properties"]["price"]["type"], "number");
        let required = trade["required"].as_array().unwrap();
        assert!(required.contains(&json!("price")) && !required.contains(&json!("fee")));
    }
}
