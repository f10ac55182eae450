//! Passwords and certificates: what is right connects, and each mistake has a message of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_common::messages::{Severity, UserNotification};
use kafka_common::{
    ClientError, ConnectFailure, KafkaProducer, KafkaSettings, Operations, ProduceError,
    SecuritySettings, Topics, admin,
};
use test_support::SecuredBroker;

use crate::user;

const BOUND: Duration = Duration::from_secs(20);

/// Settings of a client at a TLS listener that trusts the broker's authority.
fn tls(broker: &SecuredBroker, servers: String) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: servers,
        security: SecuritySettings {
            protocol: "ssl".to_owned(),
            ca_file: file(broker, "ca.pem"),
            ..SecuritySettings::default()
        },
        ..KafkaSettings::default()
    }
}

fn with_certificate(
    mut settings: KafkaSettings,
    broker: &SecuredBroker,
    name: &str,
) -> KafkaSettings {
    settings.security.certificate_file = file(broker, &format!("{name}.pem"));
    settings.security.key_file = file(broker, &format!("{name}.key"));
    settings
}

fn file(broker: &SecuredBroker, name: &str) -> String {
    broker.file(name).display().to_string()
}

async fn failure(settings: &KafkaSettings, within: Duration) -> ConnectFailure {
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    match admin::check_connection(settings, within).await {
        Err(ClientError::Connect(failure)) => failure,
        other => panic!("{other:?} at {}", settings.bootstrap_servers),
    }
}

pub(crate) async fn what_is_right_connects(broker: &SecuredBroker) {
    let mut scram_256 = user(broker, "strategy");
    scram_256.security.sasl_mechanism = "SCRAM-SHA-256".to_owned();
    let mut scram_512 = user(broker, "notification");
    scram_512.security.sasl_mechanism = "SCRAM-SHA-512".to_owned();
    let mut sasl_tls = user(broker, "strategy");
    sasl_tls.bootstrap_servers = broker.sasl_tls();
    sasl_tls.security.protocol = "sasl_ssl".to_owned();
    sasl_tls.security.ca_file = file(broker, "ca.pem");
    let mutual = with_certificate(tls(broker, broker.mutual_tls()), broker, "client");
    assert_eq!(mutual.security.principal(), "User:CN=market-data");
    assert_eq!(scram_256.security.principal(), "User:strategy");
    for (what, settings) in [
        ("PLAIN", user(broker, "nobody")),
        ("SCRAM-SHA-256", scram_256),
        ("SCRAM-SHA-512", scram_512),
        ("SASL over TLS", sasl_tls),
        ("TLS", tls(broker, broker.tls())),
        ("mutual TLS", mutual),
    ] {
        assert!(
            settings.problems().is_empty(),
            "{what}: {:?}",
            settings.problems()
        );
        let connected = admin::check_connection(&settings, BOUND).await;
        connected.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

pub(crate) async fn each_failure_has_its_own_message(broker: &SecuredBroker) {
    let mut wrong_password = user(broker, "strategy");
    wrong_password.security.password = "guess".to_owned().into();
    let mut stranger = tls(broker, broker.tls());
    stranger.security.ca_file = file(broker, "stranger.pem");
    let mut without_tls = tls(broker, broker.tls());
    without_tls.security = SecuritySettings::default();
    let mut without_sign_in = without_tls.clone();
    without_sign_in.bootstrap_servers = broker.sasl();
    let mut nobody_there = without_tls.clone();
    nobody_there.bootstrap_servers = format!("127.0.0.1:{}", test_support::free_port().unwrap());
    let refused = with_certificate(tls(broker, broker.mutual_tls()), broker, "expired-client");
    let mut texts = BTreeSet::new();
    for (expected, settings) in [
        ("wrong_password", wrong_password),
        ("unknown_authority", stranger),
        ("certificate_expired", tls(broker, broker.expired())),
        (
            "certificate_for_another_host",
            tls(broker, broker.elsewhere()),
        ),
        (
            "client_certificate_missing",
            tls(broker, broker.mutual_tls()),
        ),
        ("client_certificate_refused", refused),
        ("broker_speaks_plaintext", tls(broker, broker.sasl())),
    ] {
        let failure = failure(&settings, BOUND).await;
        assert_eq!(failure.code(), expected, "{failure}");
        texts.insert(failure.to_string());
    }
    // These may also be a broker that is restarting: they are told only after some time.
    let short = Duration::from_secs(3);
    for (expected, settings) in [
        ("broker_speaks_tls", without_tls),
        ("sign_in_required", without_sign_in),
        ("unreachable", nobody_there),
    ] {
        let failure = failure(&settings, short).await;
        assert_eq!(failure.code(), expected, "{failure}");
        texts.insert(failure.to_string());
    }
    assert_eq!(texts.len(), 10, "{texts:#?}");
    let mut scram = user(broker, "strategy");
    scram.security.sasl_mechanism = "SCRAM-SHA-256".to_owned();
    scram.security.password = "guess".to_owned().into();
    assert_eq!(failure(&scram, BOUND).await.code(), "wrong_password");
}

/// librdkafka only lets a producer's messages time out.
pub(crate) async fn a_producer_says_why_it_cannot_sign_in(broker: &SecuredBroker) {
    let mut settings = user(broker, "ops");
    settings.security.password = "guess".to_owned().into();
    settings.delivery_timeout_ms = 1_000;
    let producer = KafkaProducer::<Operations>::start(&settings).unwrap();
    let notification = UserNotification {
        user_id: "u".to_owned(),
        title: "t".to_owned(),
        message: String::new(),
        severity: Severity::Info,
        timestamp: chrono::Utc::now(),
        kind: None,
    };
    let topic = Topics::USER_NOTIFICATIONS;
    let error = producer
        .send_message(topic, &notification, "u")
        .await
        .unwrap_err();
    assert!(matches!(error, ProduceError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("refuses user `ops`"), "{error}");
}
