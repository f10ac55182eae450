#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::matrix::MarketDataService;
use crate::messages::{SubscriptionAction, SymbolSubscription};
use crate::settings::KafkaSettings;
use crate::topics::Topics;

const PATIENCE: Duration = Duration::from_secs(60);

fn event(number: usize) -> SymbolSubscription {
    SymbolSubscription {
        symbol: "BTCUSD".to_owned(),
        action: SubscriptionAction::Subscribed,
        requested_by: number.to_string(),
        timestamp: chrono::Utc::now(),
    }
}

async fn keep(spool: &Spool<MarketDataService>, number: usize) -> Result<Spooled, ProduceError> {
    spool
        .send_message(Topics::SYMBOL_SUBSCRIPTIONS, &event(number), "BTCUSD")
        .await
}

/// The numbers in the order of the log; all have one key.
fn in_log(settings: &KafkaSettings, count: usize) -> Vec<usize> {
    let client: BaseConsumer = settings.consumer("test", "test").create().unwrap();
    client.subscribe(&["symbol-subscriptions"]).unwrap();
    let mut numbers = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while numbers.len() < count && Instant::now() < deadline {
        let Some(Ok(message)) = client.poll(Duration::from_millis(100)) else {
            continue;
        };
        let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let number = value["data"]["requested_by"].as_str().unwrap();
        numbers.push(number.parse().unwrap());
    }
    numbers
}

/// A message that is refused keeps its place: those behind it wait until it is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_not_overtaken() {
    let cluster = MockCluster::<'static, DefaultProducerContext>::new(1).unwrap();
    let settings = KafkaSettings {
        bootstrap_servers: cluster.bootstrap_servers(),
        linger_ms: 0,
        // A message a request, so that the refusal hits one of them and others are under way.
        max_batch_size: 1,
        ..KafkaSettings::default()
    };
    let producer = KafkaProducer::<MarketDataService>::start(&settings).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let spool_settings = SpoolSettings {
        name: "test",
        dir: dir.path().to_owned(),
        max_bytes: 1024 * 1024,
    };
    let spool = Spool::open(&producer, &spool_settings).await.unwrap();
    let first = keep(&spool, 0).await.unwrap().delivered();
    tokio::time::timeout(PATIENCE, first)
        .await
        .unwrap()
        .unwrap();

    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[refusal; 1_000]);
    let mut last = None;
    for number in 1..30 {
        last = Some(keep(&spool, number).await.unwrap());
    }
    let stalled = Instant::now() + PATIENCE;
    while spool.check().is_ok() {
        assert!(Instant::now() < stalled, "the refusal was never told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cluster.clear_request_errors(RDKafkaApiKey::Produce);
    let delivered = last.unwrap().delivered();
    tokio::time::timeout(PATIENCE, delivered)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(spool.check(), Ok(()));
    assert_eq!(spool.stop(PATIENCE).await, 0);
    assert_eq!(in_log(&settings, 30), (0..30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_with_a_typed_error() {
    let cluster = MockCluster::<'static, DefaultProducerContext>::new(1).unwrap();
    cluster.broker_down(1).unwrap();
    let settings = KafkaSettings {
        bootstrap_servers: cluster.bootstrap_servers(),
        ..KafkaSettings::default()
    };
    let producer = KafkaProducer::<MarketDataService>::start(&settings).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let spool_settings = SpoolSettings {
        name: "test",
        dir: dir.path().to_owned(),
        max_bytes: 2_000,
    };
    let spool = Spool::open(&producer, &spool_settings).await.unwrap();
    let mut kept = 0;
    let error = loop {
        match keep(&spool, kept).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100, "the bound is 2,000 bytes");
    };
    match error {
        ProduceError::Spool { topic, source } => {
            assert_eq!(topic, "symbol-subscriptions");
            assert!(
                matches!(
                    source,
                    SpoolError::Full {
                        max_bytes: 2_000,
                        ..
                    }
                ),
                "{source}"
            );
        }
        other => panic!("{other}"),
    }
    assert_eq!(spool.waiting(), kept as u64);
    // Nothing can be sent: everything stays for the next process.
    assert_eq!(spool.stop(Duration::from_millis(1)).await, kept as u64);
    let spool = Spool::open(&producer, &spool_settings).await.unwrap();
    assert_eq!(spool.waiting(), kept as u64);
}
