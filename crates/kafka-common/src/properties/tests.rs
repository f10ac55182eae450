#![allow(clippy::unwrap_used)]
use super::*;

fn properties(json: &str) -> Properties {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_name_can_be_written_in_three_ways() {
    let expected: Properties = [("socket.keepalive.enable", "true")].into_iter().collect();
    for json in [
        r#"{"socket.keepalive.enable": true}"#,
        r#"{"socket": {"keepalive": {"enable": "true"}}}"#,
        r#"{"socket_keepalive_enable": "true"}"#,
    ] {
        assert_eq!(properties(json), expected, "{json}");
    }
    // This one is librdkafka's own spelling.
    assert_eq!(property_name("LOG_LEVEL"), "log_level");
    assert!(properties(r#"{"log_level": 7}"#).problems().is_empty());
}

#[test]
fn what_must_hold_has_a_setting_or_is_no_property_is_refused_by_name() {
    let problem = |name: &str, value: &str| {
        let one: Properties = [(name, value)].into_iter().collect();
        one.problems().join("\n")
    };
    for name in INVARIANTS {
        let text = problem(name, "x");
        assert!(text.contains(name) && text.contains("must not"), "{text}");
    }
    let text = problem("linger.ms", "5");
    assert!(text.contains("kafka.linger_ms"), "{text}");
    let text = problem("no.such.property", "5");
    assert!(text.contains("no.such.property"), "{text}");
    let text = problem("socket.timeout.ms", "soon");
    assert!(
        text.contains("socket.timeout.ms") && text.contains("soon"),
        "{text}"
    );
    assert_eq!(problem("socket.timeout.ms", "5000"), "");
}

/// The lists above name properties that librdkafka really has.
#[test]
fn every_name_that_is_refused_is_a_property() {
    let settings = OWN_SETTINGS.iter().map(|(property, _)| property);
    for name in INVARIANTS.iter().chain(settings) {
        let mut config = ClientConfig::new();
        config.set(*name, "no value of any property");
        let error = config.create_native_config().err().map(|e| e.to_string());
        let unknown = error.unwrap_or_default().contains("No such configuration");
        assert!(!unknown, "{name}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let with_secret: Properties = [("ssl.key.password", "hush")].into_iter().collect();
    assert!(!format!("{with_secret:?}").contains("hush"));
}
