//! Whether a value is what a topic's readers expect, and the key that it belongs under.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::topics::{CATALOGUE, Topic, TopicVisitor, visit};

/// A payload that a topic's readers would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct InvalidMessage {
    /// The field, from `data` on.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Whether the catalogue has a topic of this logical name, and so its message type is known.
#[must_use]
pub fn is_catalogued(topic: &str) -> bool {
    CATALOGUE.iter().any(|spec| spec.name == topic)
}

/// Reads a payload as the message of a topic of the catalogue; other topics take anything.
///
/// # Errors
/// A field is missing or of the wrong type; the error names it.
pub fn check(topic: &str, data: &RawValue) -> Result<(), InvalidMessage> {
    struct Check<'a>(&'a RawValue);
    impl TopicVisitor for Check<'_> {
        type Output = Result<(), InvalidMessage>;

        fn visit<T: Topic>(self, _topic: T) -> Self::Output {
            read::<T::Message>(self.0)
        }
    }
    visit(topic, Check(data)).unwrap_or(Ok(()))
}

fn read<M: DeserializeOwned>(data: &RawValue) -> Result<(), InvalidMessage> {
    let mut deserializer = serde_json::Deserializer::from_str(data.get());
    match serde_path_to_error::deserialize::<_, M>(&mut deserializer) {
        Ok(_) => Ok(()),
        Err(error) => {
            let path = error.path().to_string();
            let problem = error.into_inner().to_string();
            // The position is that in the payload, which isn't what the operator wrote.
            let problem = problem.split(" at line ").next().unwrap_or_default();
            // The path of a missing field ends at its owner.
            let missing = problem
                .strip_prefix("missing field `")
                .and_then(|rest| rest.strip_suffix('`'));
            let steps = ["data", path.trim_start_matches('.'), missing.unwrap_or("")];
            let field: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
            Err(InvalidMessage {
                field: field.join("."),
                problem: match missing {
                    Some(_) => "is missing".to_owned(),
                    None => problem.to_owned(),
                },
            })
        }
    }
}

/// The key that the catalogue wants for a payload; `None` if the payload lacks its field. Outside
/// of the catalogue nothing is known of keys.
#[must_use]
pub fn derived_key(topic: &str, data: &RawValue) -> Option<String> {
    let spec = CATALOGUE.iter().find(|spec| spec.name == topic)?;
    let field = spec.key.replace(' ', "_");
    let data: Value = serde_json::from_str(data.get()).ok()?;
    text(&data, &field)
}

/// A text field of a payload, which signals have one level deeper.
pub(super) fn text(data: &Value, field: &str) -> Option<String> {
    let found = data
        .get(field)
        .or_else(|| data.get("market_data")?.get(field))?;
    found.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    const TICK: &str = r#"{"symbol":"BTCUSD","price":50000.00,"volume":1.5,
        "timestamp":"2024-01-01T12:00:00Z","source":"coinbase"}"#;

    #[test]
    fn what_the_specification_shows_is_valid() {
        assert_eq!(check("market-data-updates", &raw(TICK)), Ok(()));
        assert_eq!(check("somebody-elses", &raw("[]")), Ok(()));
    }

    #[test]
    fn the_failing_field_is_named() {
        for (from, to, field, problem) in [
            (r#""volume":1.5,"#, "", "data.volume", "is missing"),
            (
                r#"50000.00"#,
                r#""high""#,
                "data.price",
                "not an exact decimal",
            ),
            (r#""coinbase""#, "7", "data.source", "invalid type"),
            (
                r#""2024-01-01T12:00:00Z""#,
                r#""noon""#,
                "data.timestamp",
                "input",
            ),
        ] {
            let invalid = check("market-data-updates", &raw(&TICK.replace(from, to))).unwrap_err();
            assert_eq!(invalid.field, field, "{invalid}");
            assert!(invalid.problem.contains(problem), "{invalid}");
        }
        let signal = r#"{"session_id":"00000000-0000-0000-0000-000000000001",
            "strategy_id":"00000000-0000-0000-0000-000000000002",
            "signal":{"action":"BUY","quantity":1.0},
            "market_data":{"symbol":"BTCUSD","price":1}}"#;
        let invalid = check("strategy-signals", &raw(signal)).unwrap_err();
        assert_eq!(invalid.field, "data.signal.reason");
        let invalid = check("strategy-signals", &raw("7")).unwrap_err();
        assert_eq!(invalid.field, "data");
    }

    #[test]
    fn the_key_is_the_catalogues() {
        let key = |topic, data| derived_key(topic, &raw(data));
        assert_eq!(key("market-data-updates", TICK).as_deref(), Some("BTCUSD"));
        let signal = r#"{"market_data":{"symbol":"ETHUSD"}}"#;
        assert_eq!(key("strategy-signals", signal).as_deref(), Some("ETHUSD"));
        let trade = r#"{"session_id":"s","symbol":"BTCUSD"}"#;
        assert_eq!(key("trade-executions", trade).as_deref(), Some("s"));
        assert_eq!(key("strategy-compilations", "{}"), None);
    }
}
