//! Rights, passwords and certificates, on a real broker where what no ACL allows is forbidden.
//!
//! One test, because all of it shares one broker; its parts are the modules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connections;
mod matrix;
mod rules;

use kafka_common::{KafkaSettings, SecuritySettings};
use test_support::SecuredBroker;

/// Settings of a user who signs in with SASL/PLAIN.
pub(crate) fn user(broker: &SecuredBroker, name: &str) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: broker.sasl(),
        topic_prefix: "eu.".to_owned(),
        group_prefix: "eu.".to_owned(),
        instance_id: "1".to_owned(),
        linger_ms: 0,
        fetch_max_wait_ms: 50,
        delivery_timeout_ms: 20_000,
        security: SecuritySettings {
            protocol: "sasl_plaintext".to_owned(),
            sasl_mechanism: "PLAIN".to_owned(),
            username: name.to_owned(),
            password: SecuredBroker::password(name).into(),
            ..SecuritySettings::default()
        },
        ..KafkaSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_what_the_matrix_allows_is_possible() {
    let broker = SecuredBroker::start().await.unwrap();
    rules::before_any_rule_everything_is_refused_by_name(&broker).await;
    rules::the_set_up_creates_them_once(&broker).await;
    rules::extra_rules_are_found_and_removed(&broker).await;
    tokio::join!(
        connections::each_failure_has_its_own_message(&broker),
        connections::what_is_right_connects(&broker),
        connections::a_producer_says_why_it_cannot_sign_in(&broker),
    );
    rules::every_service_may_start(&broker).await;
    matrix::eighty_eight_cases(&broker).await;
    tokio::join!(
        matrix::dead_letters(&broker),
        matrix::groups(&broker),
        matrix::transactional_ids(&broker),
        matrix::the_typed_producer_names_what_is_denied(&broker),
    );
}
