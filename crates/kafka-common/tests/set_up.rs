//! The set-up on a real broker: what is missing is created, what differs is told and mended; and
//! what a service waits for at its start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use kafka_common::admin::{self, Drift, TopicState};
use kafka_common::preflight::{self, Problem};
use kafka_common::{ClientError, ConnectFailure, KafkaSettings};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use test_support::Isolated;
use tokio_util::sync::CancellationToken;

const BOUND: Duration = Duration::from_secs(30);

fn settings(own: &Isolated) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: own.kafka.clone(),
        topic_prefix: own.topic_prefix.clone(),
        group_prefix: own.group_prefix.clone(),
        ..KafkaSettings::default()
    }
}

fn client(settings: &KafkaSettings) -> AdminClient<DefaultClientContext> {
    settings.admin().create().unwrap()
}

async fn create(settings: &KafkaSettings, topic: NewTopic<'_>) {
    let created = client(settings)
        .create_topics([&topic], &AdminOptions::new())
        .await;
    created.unwrap().into_iter().next().unwrap().unwrap();
}

async fn config(settings: &KafkaSettings, topic: &str, key: &str) -> String {
    let resource = ResourceSpecifier::Topic(topic);
    let described = client(settings)
        .describe_configs([&resource], &AdminOptions::new())
        .await
        .unwrap();
    let resource = described.into_iter().next().unwrap().unwrap();
    resource.get(key).unwrap().value.clone().unwrap()
}

fn drift_of(states: &[TopicState], topic: &str) -> Vec<Drift> {
    let state = states.iter().find(|state| state.wanted.name == topic);
    state.unwrap().drift.clone()
}

#[tokio::test]
async fn what_differs_is_told_and_mended_and_nothing_else_is_touched() {
    let own = test_support::isolated().await;
    let settings = settings(&own);
    let (small, short, large) = (
        own.topic("market-data-updates"),
        own.topic("trade-executions"),
        own.topic("audit-logs"),
    );
    let one = || TopicReplication::Fixed(1);
    let day = "86400000";
    create(
        &settings,
        NewTopic::new(&small, 3, one()).set("retention.ms", day),
    )
    .await;
    let topic = NewTopic::new(&short, 4, one())
        .set("retention.ms", "1000")
        .set("max.message.bytes", "123456");
    create(&settings, topic).await;
    create(
        &settings,
        NewTopic::new(&large, 5, one()).set("retention.ms", "7776000000"),
    )
    .await;

    let before = admin::topic_states(&settings).await.unwrap();
    assert_eq!(before.len(), 11 + 8);
    assert_eq!(
        drift_of(&before, &own.topic("realtime-updates")),
        [Drift::Missing]
    );
    admin::set_up_topics(&settings).await.unwrap();

    let found = admin::topic_states(&settings).await.unwrap();
    assert_eq!(
        drift_of(&found, &small),
        [Drift::TooFewPartitions { found: 3 }]
    );
    assert_eq!(
        drift_of(&found, &short),
        [Drift::Retention { found_ms: 1_000 }]
    );
    assert_eq!(
        drift_of(&found, &large),
        [Drift::TooManyPartitions { found: 5 }]
    );
    let right = found.iter().filter(|state| state.drift.is_empty());
    assert_eq!(right.count(), 19 - 3);
    // More copies than this broker can give are told, and can't be mended.
    let mut three = settings.clone();
    three.replication_factor = 3;
    let wanting = admin::topic_states(&three).await.unwrap();
    assert!(drift_of(&wanting, &small).contains(&Drift::TooFewReplicas { found: 1 }));

    let mended = admin::mend(&settings, &found).await.unwrap();
    assert_eq!(mended.len(), 2);
    for mended in mended {
        mended.outcome.unwrap();
    }
    // A broker may tell old settings for a moment.
    let deadline = tokio::time::Instant::now() + BOUND;
    loop {
        let left = admin::topic_states(&settings).await.unwrap();
        if left.iter().filter(|state| !state.drift.is_empty()).count() == 1 {
            assert_eq!(
                drift_of(&left, &large),
                [Drift::TooManyPartitions { found: 5 }]
            );
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{left:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        config(&settings, &short, "retention.ms").await,
        "2592000000"
    );
    // An alteration that isn't incremental would have reset this one.
    assert_eq!(
        config(&settings, &short, "max.message.bytes").await,
        "123456"
    );
    assert!(admin::mend(&settings, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_broker_without_an_authorizer_says_so() {
    let own = test_support::isolated().await;
    let error = admin::acls(&settings(&own)).await.unwrap_err();
    assert!(matches!(error, ClientError::NoAuthorizer), "{error}");
}

#[tokio::test]
async fn a_service_waits_for_its_topics_and_names_all_that_are_missing() {
    let own = test_support::isolated().await;
    let settings = settings(&own);
    let problems = preflight::check(&settings, "forward-test").await;
    let mut missing: Vec<String> = problems
        .into_iter()
        .map(|problem| match problem {
            Problem::TopicMissing(topic) => topic,
            other => panic!("{other}"),
        })
        .collect();
    missing.sort();
    let expected = [
        "forward-test-events",
        "market-data-updates",
        "market-data-updates.forward-test-service.dlq",
        "strategy-signals",
        "strategy-signals.forward-test-service.dlq",
        "trade-executions",
    ];
    assert_eq!(missing, expected.map(|topic| own.topic(topic)));

    let shutdown = CancellationToken::new();
    let waiting = {
        let (settings, shutdown) = (settings.clone(), shutdown.clone());
        tokio::spawn(async move { preflight::wait(&settings, "forward-test", &shutdown).await })
    };
    admin::set_up_topics(&settings).await.unwrap();
    let waited = tokio::time::timeout(BOUND, waiting).await;
    waited
        .expect("it starts once the topics are there")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_service_gives_up_after_its_bound_and_when_it_is_stopped() {
    let port = test_support::free_port().unwrap();
    let mut settings = KafkaSettings {
        bootstrap_servers: format!("127.0.0.1:{port}"),
        startup_wait_ms: 0,
        ..KafkaSettings::default()
    };
    let shutdown = CancellationToken::new();
    let error = preflight::wait(&settings, "strategy", &shutdown)
        .await
        .unwrap_err();
    let unreachable = |problem: &Problem| {
        matches!(
            problem,
            Problem::Connect(ConnectFailure::Unreachable { .. })
        )
    };
    assert!(error.problems.iter().all(unreachable), "{error}");
    assert!(
        error.to_string().contains(&format!("127.0.0.1:{port}")),
        "{error}"
    );

    settings.startup_wait_ms = 3_600_000;
    shutdown.cancel();
    let stopped = tokio::time::timeout(BOUND, preflight::wait(&settings, "strategy", &shutdown));
    assert!(stopped.await.expect("it ends").is_err());
}

#[tokio::test]
async fn clocks_are_compared_as_far_as_they_can_be() {
    let own = test_support::isolated().await;
    let settings = settings(&own);
    admin::set_up_topics(&settings).await.unwrap();
    let tolerance = Duration::from_secs(5);
    let none = admin::records_from_the_future(&settings, tolerance)
        .await
        .unwrap();
    assert_eq!(none, []);
    let producer: rdkafka::producer::FutureProducer = settings.producer("test").create().unwrap();
    let topic = own.topic("service-health");
    // A broker refuses records from more than an hour ahead.
    let later = chrono::Utc::now().timestamp_millis() + 30 * 60_000;
    let record = rdkafka::producer::FutureRecord::to(&topic)
        .key("k")
        .payload("{}")
        .partition(1)
        .timestamp(later);
    producer
        .send(record, BOUND)
        .await
        .map_err(|(error, _)| error)
        .unwrap();
    let found = admin::records_from_the_future(&settings, tolerance)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].topic.as_str(), found[0].partition, found[0].offset),
        (topic.as_str(), 1, 0)
    );

    // The broker is on this machine: the two clocks are one.
    let offset = admin::measure_clock(&settings).await.unwrap();
    assert_eq!(offset.certain_ms(), 0, "{offset:?}");
    assert!(offset.at_least_ms <= offset.at_most_ms);
    let probe = own.topic("clock-probe");
    let deadline = tokio::time::Instant::now() + BOUND;
    // A deleted topic is in the metadata for a moment.
    while topics(&settings)
        .await
        .iter()
        .any(|topic| topic.starts_with(&probe))
    {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the clock's topic is left"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn topics(settings: &KafkaSettings) -> Vec<String> {
    let settings = settings.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let metadata = client(&settings)
            .inner()
            .fetch_metadata(None, BOUND)
            .unwrap();
        metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned())
            .collect()
    });
    listed.await.unwrap()
}
