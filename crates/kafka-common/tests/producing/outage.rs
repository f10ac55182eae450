//! A broker that dies and comes back while messages are sent at a steady rate: nothing is lost,
//! nothing comes twice, the order of every key is kept; and a spool delivers what was kept for it.

use std::collections::HashMap;
use std::time::Duration;

use kafka_common::admin::set_up_topics;
use kafka_common::messages::{
    ForwardTestEvent, ForwardTestEventKind, SubscriptionAction, SymbolSubscription,
};
use kafka_common::{
    ForwardTestService, KafkaProducer, KafkaSettings, MarketDataService, Spool, SpoolSettings,
    Spooled, Topics,
};
use test_support::KafkaBroker;
use tokio::time::interval;
use uuid::Uuid;

use crate::reader::{PATIENCE, Reader};

/// 1,000 a second, while the broker dies, is away, and for a while after.
const KEYS: u64 = 20;
const EACH: u64 = 300;
const ROUND: Duration = Duration::from_millis(KEYS);

fn event(sequence: u64) -> ForwardTestEvent {
    ForwardTestEvent {
        session_id: Uuid::nil(),
        user_id: "alice".to_owned(),
        strategy_id: Uuid::nil(),
        symbol: "BTCUSD".to_owned(),
        event: ForwardTestEventKind::SessionStarted,
        sequence,
        timestamp: chrono::Utc::now(),
        equity: None,
        reason: None,
        order: None,
        metrics: None,
    }
}

fn subscription(number: usize) -> SymbolSubscription {
    SymbolSubscription {
        symbol: "BTCUSD".to_owned(),
        action: SubscriptionAction::Subscribed,
        requested_by: number.to_string(),
        timestamp: chrono::Utc::now(),
    }
}

/// Sends the events of all keys, a round at a time, and waits for every acknowledgement.
async fn send_steadily(producer: KafkaProducer<ForwardTestService>) {
    let mut pending = Vec::new();
    let mut rounds = interval(ROUND);
    for sequence in 1..=EACH {
        rounds.tick().await;
        for key in 0..KEYS {
            let topic = Topics::FORWARD_TEST_EVENTS;
            let key = format!("key-{key}");
            let event = event(sequence);
            let queued = producer.enqueue_message(topic, &event, &key);
            pending.push(queued.await.unwrap());
        }
    }
    for delivery in pending {
        delivery.wait().await.unwrap();
    }
    assert_eq!(producer.stop(PATIENCE).await.total(), 0);
}

async fn keep(spool: &Spool<MarketDataService>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let _ = keep_one(spool, number).await;
    }
}

async fn keep_one(spool: &Spool<MarketDataService>, number: usize) -> Spooled {
    let event = subscription(number);
    let topic = Topics::SYMBOL_SUBSCRIPTIONS;
    spool.send_message(topic, &event, "BTCUSD").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_loses_nothing_doubles_nothing_and_keeps_the_order() {
    let mut broker = KafkaBroker::start().await.unwrap();
    let settings = KafkaSettings {
        bootstrap_servers: broker.bootstrap_servers(),
        ..KafkaSettings::default()
    };
    set_up_topics(&settings).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let spool_settings = SpoolSettings {
        name: "test",
        dir: dir.path().to_owned(),
        max_bytes: 1024 * 1024,
    };

    let producer = KafkaProducer::<ForwardTestService>::start(&settings).unwrap();
    let market = KafkaProducer::<MarketDataService>::start(&settings).unwrap();
    let sending = tokio::spawn(send_steadily(producer));
    let spool = Spool::open(&market, &spool_settings).await.unwrap();
    keep(&spool, 0..10).await;
    let delivered = keep_one(&spool, 10).await.delivered();
    tokio::time::timeout(PATIENCE, delivered)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(spool.waiting(), 0);

    broker.kill();
    keep(&spool, 11..40).await;
    // The process ends, and its successor finds what waits.
    let left = spool.stop(Duration::from_millis(1)).await;
    assert_eq!(left, 29);
    let spool = Spool::open(&market, &spool_settings).await.unwrap();
    assert_eq!(spool.waiting(), 29);
    keep(&spool, 40..60).await;

    broker.restart().await.unwrap();
    assert_eq!(spool.stop(PATIENCE).await, 0);
    tokio::time::timeout(PATIENCE, sending)
        .await
        .unwrap()
        .unwrap();

    let mut sequences: HashMap<String, Vec<u64>> = HashMap::new();
    for record in Reader::all(&settings, "forward-test-events", 4) {
        let sequence = record.value["data"]["sequence"].as_u64().unwrap();
        sequences.entry(record.key).or_default().push(sequence);
    }
    assert_eq!(sequences.len() as u64, KEYS);
    let expected: Vec<u64> = (1..=EACH).collect();
    for (key, sequences) in sequences {
        assert_eq!(sequences, expected, "{key}");
    }
    let spooled: Vec<usize> = Reader::all(&settings, "symbol-subscriptions", 2)
        .map(|record| {
            let number = record.value["data"]["requested_by"].as_str().unwrap();
            number.parse().unwrap()
        })
        .collect();
    assert_eq!(spooled, (0..60).collect::<Vec<_>>());
}
