#![allow(clippy::unwrap_used)]
use super::*;

fn security(protocol: &str) -> SecuritySettings {
    SecuritySettings {
        protocol: protocol.to_owned(),
        sasl_mechanism: "PLAIN".to_owned(),
        username: "strategy".to_owned(),
        ..SecuritySettings::default()
    }
}

fn code_of(code: RDKafkaErrorCode, reason: &str, error: i32, protocol: &str) -> &'static str {
    let verification = (error != 0).then_some(Verification { error, depth: 0 });
    classify(
        code,
        reason,
        verification,
        &security(protocol),
        "kafka:9093",
    )
    .map_or("none", |failure| failure.code())
}

#[test]
fn each_report_has_its_own_failure() {
    let verify = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                  broker certificate could not be verified";
    for (code, reason, error, protocol, expected) in [
        (
            RDKafkaErrorCode::Authentication,
            "SASL authentication error: Authentication failed",
            0,
            "sasl_ssl",
            "wrong_password",
        ),
        (
            RDKafkaErrorCode::Authentication,
            "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512",
            0,
            "sasl_ssl",
            "mechanism_refused",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            10,
            "ssl",
            "certificate_expired",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            9,
            "ssl",
            "certificate_not_yet_valid",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            62,
            "ssl",
            "certificate_for_another_host",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            64,
            "ssl",
            "certificate_for_another_host",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            20,
            "ssl",
            "unknown_authority",
        ),
        (
            RDKafkaErrorCode::SSL,
            verify,
            23,
            "ssl",
            "certificate_refused",
        ),
        (
            RDKafkaErrorCode::SSL,
            "error:0A00045C:SSL routines::tlsv13 alert certificate required",
            0,
            "ssl",
            "client_certificate_missing",
        ),
        (
            RDKafkaErrorCode::SSL,
            "error:0A00010B:SSL routines::wrong version number",
            0,
            "ssl",
            "broker_speaks_plaintext",
        ),
        (
            RDKafkaErrorCode::BrokerTransportFailure,
            "Disconnected: connecting to a PLAINTEXT broker listener?",
            0,
            "ssl",
            "broker_speaks_plaintext",
        ),
        (
            RDKafkaErrorCode::BrokerTransportFailure,
            "Disconnected: connection closed by peer: receive 0 after POLLIN (after 4ms in state APIVERSION_QUERY, 1 identical error(s) suppressed)",
            0,
            "",
            "broker_speaks_tls",
        ),
        (
            RDKafkaErrorCode::BrokerTransportFailure,
            "Disconnected: connection closed by peer: receive 0 after POLLIN (after 2ms in state UP)",
            0,
            "",
            "sign_in_required",
        ),
        (
            RDKafkaErrorCode::BrokerTransportFailure,
            "Disconnected: connection closed by peer: receive 0 after POLLIN (after 61002ms in state UP)",
            0,
            "",
            "none",
        ),
        (
            RDKafkaErrorCode::BrokerTransportFailure,
            "Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            0,
            "",
            "none",
        ),
    ] {
        assert_eq!(
            code_of(code, reason, error, protocol),
            expected,
            "{reason} ({error})"
        );
    }
}

#[test]
fn what_the_broker_says_of_our_certificate_is_told() {
    let mut ours = security("ssl");
    ours.certificate_file = "client.pem".to_owned();
    let reason =
        "error:0A000415:SSL routines::sslv3 alert certificate expired: SSL alert number 45";
    let failure = classify(RDKafkaErrorCode::SSL, reason, None, &ours, "kafka:9093").unwrap();
    assert!(
        failure.to_string().contains("(certificate expired)"),
        "{failure}"
    );
    assert!(!failure.may_pass());
}
