//! Faults that a real broker doesn't make on demand, injected by librdkafka's mock cluster.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use chrono::Utc;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaErrorCode, RDKafkaRespErr};

use super::*;
use crate::matrix::MarketDataService;
use crate::messages::{SubscriptionAction, SymbolSubscription};
use crate::topics::Topics;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Producer = KafkaProducer<MarketDataService>;

/// The machine may be busy; what doesn't come within this time doesn't come.
const PATIENCE: Duration = Duration::from_secs(60);

fn event() -> SymbolSubscription {
    SymbolSubscription {
        symbol: "BTCUSD".to_owned(),
        action: SubscriptionAction::Subscribed,
        requested_by: "test".to_owned(),
        timestamp: Utc::now(),
    }
}

fn start(cluster: &Cluster, change: impl FnOnce(&mut KafkaSettings)) -> Producer {
    let mut settings = KafkaSettings {
        bootstrap_servers: cluster.bootstrap_servers(),
        linger_ms: 0,
        ..KafkaSettings::default()
    };
    change(&mut settings);
    assert_eq!(settings.problems(), []);
    Producer::start(&settings).unwrap()
}

async fn send(producer: &Producer) -> Result<Delivered, ProduceError> {
    producer
        .send_message(Topics::SYMBOL_SUBSCRIPTIONS, &event(), "BTCUSD")
        .await
}

async fn queue(producer: &Producer) -> Result<PendingDelivery, ProduceError> {
    producer
        .enqueue_message(Topics::SYMBOL_SUBSCRIPTIONS, &event(), "BTCUSD")
        .await
}

/// With a short delivery timeout, even the first message on a busy machine may be too late.
async fn until_delivered(producer: &Producer) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = send(producer).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn code(error: &ProduceError) -> Option<RDKafkaErrorCode> {
    match error {
        ProduceError::Delivery { source, .. } => source.rdkafka_error_code(),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_circuit_opens_when_messages_fail_and_closes_when_the_broker_is_back() {
    let cluster = Cluster::new(1).unwrap();
    let producer = start(&cluster, |settings| {
        settings.delivery_timeout_ms = 1_000;
        settings.breaker = BreakerSettings {
            failure_percent: 50,
            minimum_messages: 4,
            window_ms: 600_000,
            open_ms: 1,
        };
    });
    until_delivered(&producer).await;
    assert_eq!(producer.check(), Ok(()));

    cluster.broker_down(1).unwrap();
    let mut pending = Vec::new();
    for _ in 0..4 {
        pending.push(queue(&producer).await.unwrap());
    }
    for delivery in pending {
        let error = delivery.wait().await.unwrap_err();
        assert_eq!(code(&error), Some(RDKafkaErrorCode::MessageTimedOut));
    }
    assert_eq!(producer.circuit(), CircuitState::Open);

    // One probe goes through and takes its time; every other message fails at once.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let probe = queue(&producer).await.unwrap();
    assert_eq!(producer.circuit(), CircuitState::HalfOpen);
    assert!(producer.check().is_err());
    match send(&producer).await.unwrap_err() {
        ProduceError::CircuitOpen { topic, .. } => assert_eq!(topic, "symbol-subscriptions"),
        other => panic!("{other}"),
    }
    probe.wait().await.unwrap_err();

    cluster.broker_up(1).unwrap();
    until_delivered(&producer).await;
    assert_eq!(producer.circuit(), CircuitState::Closed);
    assert_eq!(producer.stop(PATIENCE).await.total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_refusal_is_tried_again_and_a_lasting_one_is_told_at_once() {
    let cluster = Cluster::new(1).unwrap();
    let producer = start(&cluster, |settings| settings.retry_backoff_ms = 1);
    send(&producer).await.unwrap();
    let refuse = |error, times| cluster.request_errors(RDKafkaApiKey::Produce, &vec![error; times]);

    // librdkafka gives this one up at once; nothing of it is in the log.
    let passing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED;
    refuse(passing, 4);
    send(&producer).await.unwrap();

    refuse(passing, 5);
    let error = send(&producer).await.unwrap_err();
    assert_eq!(
        code(&error),
        Some(RDKafkaErrorCode::ThrottlingQuotaExceeded)
    );

    // Pipelined messages could be overtaken: each is tried once.
    refuse(passing, 1);
    queue(&producer).await.unwrap().wait().await.unwrap_err();
    send(&producer).await.unwrap();

    refuse(
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        1,
    );
    let error = send(&producer).await.unwrap_err();
    assert!(matches!(error, ProduceError::Denied(_)), "{error}");
    // Refusals say nothing against the broker.
    assert_eq!(producer.circuit(), CircuitState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_has_broken_down_is_replaced() {
    let cluster = Cluster::new(1).unwrap();
    let producer = start(&cluster, |_| {});
    send(&producer).await.unwrap();
    producer.inner.client().break_for_good();
    send(&producer).await.unwrap();
    assert_eq!(producer.stop(PATIENCE).await.total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_waited_for_and_stopping_tells_what_was_left() {
    let cluster = Cluster::new(1).unwrap();
    let producer = start(&cluster, |settings| {
        settings.queue_full_wait_ms = 20;
        settings.properties = [("queue.buffering.max.messages", "2")]
            .into_iter()
            .collect();
    });
    send(&producer).await.unwrap();
    cluster.broker_down(1).unwrap();
    let first = queue(&producer).await.unwrap();
    let second = queue(&producer).await.unwrap();
    match queue(&producer).await.unwrap_err() {
        ProduceError::QueueFull { waited, .. } => assert!(waited >= Duration::from_millis(20)),
        other => panic!("{other}"),
    }
    let report = producer.clone().stop(Duration::from_millis(20)).await;
    assert_eq!(report.undelivered, [("symbol-subscriptions", 2)].into());
    // Their senders are told as well, and nobody can send any more.
    first.wait().await.unwrap_err();
    second.wait().await.unwrap_err();
    let error = send(&producer).await.unwrap_err();
    assert!(matches!(error, ProduceError::Stopped { .. }), "{error}");
    assert!(producer.check().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn room_in_the_queue_is_used_as_soon_as_it_is_there() {
    let cluster = Cluster::new(1).unwrap();
    let producer = start(&cluster, |settings| {
        settings.queue_full_wait_ms = 60_000;
        settings.properties = [("queue.buffering.max.messages", "5")]
            .into_iter()
            .collect();
    });
    let mut pending = Vec::new();
    for _ in 0..200 {
        pending.push(queue(&producer).await.unwrap());
    }
    let mut last = HashMap::new();
    for delivery in pending {
        let Delivered { partition, offset } = delivery.wait().await.unwrap();
        if let Some(before) = last.insert(partition, offset) {
            assert!(before < offset, "in the order of the calls");
        }
    }
}
