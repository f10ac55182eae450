//! Rules: generated, created, found again; and what a service's start says of them.

use std::collections::BTreeSet;

use kafka_common::acl::{self, Acl, Operation, Pattern, ResourceKind};
use kafka_common::admin::{self, Rule};
use kafka_common::matrix::MATRIX;
use kafka_common::preflight::{self, Problem};
use test_support::SecuredBroker;

use crate::user;

pub(crate) async fn before_any_rule_everything_is_refused_by_name(broker: &SecuredBroker) {
    let mut strategy = user(broker, "strategy");
    let problems = preflight::check(&strategy, "strategy").await;
    // Two topics to write, one to read, one for dead letters, one group: all at once.
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "`User:strategy` may not Write Topic `eu.strategy-signals`",
        "`User:strategy` may not Write Topic `eu.strategy-compilations`",
        "`User:strategy` may not Read Topic `eu.market-data-updates`",
        "`User:strategy` may not Write Topic `eu.market-data-updates.strategy-service.dlq`",
        "`User:strategy` may not Read Group `eu.strategy-service`",
    ];
    assert_eq!(texts.len(), expected.len(), "{texts:#?}");
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.starts_with(expected), "{text}");
    }
    // Somebody without rights can't create topics or rules either, and is told so.
    let error = admin::set_up_topics(&strategy)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`User:strategy` may not Create Topic `eu."),
        "{error}"
    );
    let error = admin::acls(&strategy).await.unwrap_err().to_string();
    assert!(
        error.contains("`User:strategy` may not Describe Cluster"),
        "{error}"
    );
    // A service that can't start says so within its bound.
    strategy.startup_wait_ms = 600;
    let shutdown = tokio_util::sync::CancellationToken::new();
    let error = preflight::wait(&strategy, "strategy", &shutdown)
        .await
        .unwrap_err();
    assert_eq!(error.problems, problems);
}

pub(crate) async fn the_set_up_creates_them_once(broker: &SecuredBroker) {
    let admin = user(broker, "admin");
    admin::set_up_topics(&admin).await.unwrap();
    assert_eq!(admin::acls(&admin).await.unwrap(), []);
    let wanted = acl::wanted(&admin);
    // Twice, because a second set-up must change nothing.
    for _ in 0..2 {
        let created = admin::create_acls(&admin, wanted.clone()).await.unwrap();
        for (rule, outcome) in created {
            outcome.unwrap_or_else(|error| panic!("{rule}: {error}"));
        }
        let found: Vec<Acl> = admin::acls(&admin)
            .await
            .unwrap()
            .into_iter()
            .map(|rule| {
                assert!(rule.allows && rule.host == "*", "{rule}");
                rule.acl
            })
            .collect();
        assert_eq!(found, wanted);
    }
}

pub(crate) async fn extra_rules_are_found_and_removed(broker: &SecuredBroker) {
    let admin = user(broker, "admin");
    let extra = Acl {
        principal: "User:market-data".to_owned(),
        kind: ResourceKind::Topic,
        name: "eu.trade-".to_owned(),
        pattern: Pattern::Prefixed,
        operation: Operation::Read,
    };
    let created = admin::create_acls(&admin, vec![extra.clone()])
        .await
        .unwrap();
    assert!(created.iter().all(|(_, outcome)| outcome.is_ok()));
    let found = admin::acls(&admin).await.unwrap();
    assert!(found.contains(&Rule::from(extra.clone())));
    let removed = admin::delete_acls(&admin, vec![extra.into()])
        .await
        .unwrap();
    assert!(removed.iter().all(|(_, outcome)| outcome.is_ok()));
    let left: BTreeSet<Acl> = admin::acls(&admin)
        .await
        .unwrap()
        .into_iter()
        .map(|rule| rule.acl)
        .collect();
    assert_eq!(left, acl::wanted(&admin).into_iter().collect());
}

pub(crate) async fn every_service_may_start(broker: &SecuredBroker) {
    for row in MATRIX {
        let settings = user(broker, row.service);
        let problems = preflight::check(&settings, row.service).await;
        assert_eq!(problems, [], "{}", row.service);
    }
    // And none as another: what is missing is named.
    let problems = preflight::check(&user(broker, "notification"), "market-data").await;
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(
        problems
            .iter()
            .all(|problem| matches!(problem, Problem::Denied(_)))
    );
}
