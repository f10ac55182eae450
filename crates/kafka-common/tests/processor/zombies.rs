//! A member that the group has given up, and that still lives, can't commit
//! (`docs/decisions/0007-zombies-are-fenced-by-generation.md`).

use std::sync::Arc;
use std::time::Duration;

use kafka_common::processor::MemoryStore;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{GroupProtocol, KafkaSettings, Service as _, StrategyService, Topic as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::child::{Behaviour, ChildMember};
use crate::counting::{Counting, Row};
use crate::stage::{self, AT_ONCE, Member};
use crate::stores::FileStore;

/// A process stops with records applied and outputs not yet committed. The group takes it for
/// dead; another member does its work. Then it goes on.
async fn a_stopped_process_goes_on(settings: &KafkaSettings, then_sleep_ms: u64) {
    stage::create_counting_topics(settings).await;
    let folder = tempfile::tempdir().unwrap();
    let behaviour = Behaviour {
        stop_after: Some(50),
        then_sleep_ms,
        pace_ms: 1,
    };
    let zombie = ChildMember::start(settings, "zombie", folder.path(), &behaviour);
    stage::send_ticks(settings, 0..1_000, AT_ONCE).await;
    stage::eventually("it stops", || async { zombie.is_stopped() }).await;
    assert!(
        stage::committed(settings).await < 1_000,
        "something is left to be doubled"
    );

    let store = Arc::new(FileStore {
        folder: folder.path().to_owned(),
    });
    let heir = Member::start(settings, "heir", Counting::default(), store);
    stage::until_committed(settings, 1_000).await;
    zombie.resume();
    // It can't but try to commit before it joins again.
    stage::eventually("it is back in the group", || async { zombie.is_back() }).await;
    stage::send_ticks(settings, 1_000..1_200, AT_ONCE).await;
    stage::until_committed(settings, 1_200).await;
    heir.stop().await;
    zombie.kill();
    stage::assert_exactly_once(settings, 1_200).await;
}

/// It commits at once: the broker refuses its generation.
#[tokio::test]
async fn a_zombie_that_does_not_know_it_yet_is_fenced() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    a_stopped_process_goes_on(&settings, 0).await;
}

/// Its client has learnt meanwhile that it isn't a member any more, its state machine hasn't.
#[tokio::test]
async fn a_zombie_whose_client_knows_it_is_fenced() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    a_stopped_process_goes_on(&settings, 3_000).await;
}

#[tokio::test]
async fn a_zombie_is_fenced_with_kip_848() {
    let own = test_support::isolated().await;
    let mut settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    settings.group_protocol = GroupProtocol::Consumer;
    a_stopped_process_goes_on(&settings, 0).await;
}

/// Why the processor asks its client whether the assignment is lost: to the broker, a transaction
/// that names no member is that of an old client, whatever group it commits for.
#[tokio::test]
async fn the_broker_lets_a_nameless_transaction_pass() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    stage::create_counting_topics(&settings).await;
    stage::send_ticks(&settings, 0..100, AT_ONCE).await;
    let store = Arc::new(MemoryStore::<Row>::default());
    let member = Member::start(&settings, "a", Counting::default(), store);
    stage::until_committed(&settings, 100).await;

    let stranger = settings.clone();
    let passed = tokio::task::spawn_blocking(move || {
        let (producer, sent) = open_transaction(&stranger, 0);
        producer.abort_transaction(stage::DEADLINE).unwrap();
        sent
    });
    passed.await.unwrap().unwrap();
    member.stop().await;
}

/// A transaction of nobody, left open, that moves the group's offset of partition 0.
fn open_transaction(settings: &KafkaSettings, offset: i64) -> (BaseProducer, KafkaResult<()>) {
    let nobody: BaseConsumer = settings
        .consumer("stranger", StrategyService::GROUP)
        .create()
        .unwrap();
    let producer: BaseProducer = settings
        .transactional_producer("stranger")
        .create()
        .unwrap();
    producer.init_transactions(stage::DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    let mut offsets = TopicPartitionList::new();
    let topic = settings.topic(MarketDataUpdates::SPEC.name);
    offsets
        .add_partition_offset(&topic, 0, Offset::Offset(offset))
        .unwrap();
    let metadata = nobody.group_metadata().unwrap();
    let sent = producer.send_offsets_to_transaction(&offsets, &metadata, stage::DEADLINE);
    (producer, sent)
}

/// The transaction of a process that died in a commit: until the broker has ended it nobody knows
/// where its partition stands, and whoever takes it over waits.
#[tokio::test]
async fn a_commit_that_was_left_open_is_waited_for() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    stage::create_counting_topics(&settings).await;
    stage::send_ticks(&settings, 0..400, AT_ONCE).await;
    let start = || {
        let store = Arc::new(MemoryStore::<Row>::default());
        Member::start(&settings, "a", Counting::default(), store)
    };
    let member = start();
    stage::until_committed(&settings, 400).await;
    member.stop().await;

    let dead = settings.clone();
    let left_open = tokio::task::spawn_blocking(move || open_transaction(&dead, 1));
    let (producer, sent) = left_open.await.unwrap();
    sent.unwrap();
    let member = start();
    stage::send_ticks(&settings, 400..800, AT_ONCE).await;
    drop(producer);
    // The broker ends the transaction after 15 s.
    stage::until_committed(&settings, 800).await;
    member.stop().await;
    stage::assert_exactly_once(&settings, 800).await;
}

/// Two processes under one name: the later one wins, and the other says what is wrong.
#[tokio::test]
async fn a_process_of_the_same_name_fences_the_earlier_one() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    stage::create_counting_topics(&settings).await;
    let store = Arc::new(MemoryStore::<Row>::default());
    let first = Member::start(&settings, "same", Counting::default(), store.clone());
    stage::send_ticks(&settings, 0..200, AT_ONCE).await;
    stage::until_committed(&settings, 200).await;
    let second = Member::start(&settings, "same", Counting::default(), store);
    let load = tokio::spawn({
        let settings = settings.clone();
        async move { stage::send_ticks(&settings, 200..1_000, 100).await }
    });
    let statuses = [&first.handle.status, &second.handle.status];
    stage::eventually("one of them says so", || async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        statuses
            .iter()
            .any(|status| status.ready().is_err_and(|e| e.contains("instance_id")))
    })
    .await;
    first.stop().await;
    load.await.unwrap();
    stage::until_committed(&settings, 1_000).await;
    second.stop().await;
    stage::assert_exactly_once(&settings, 1_000).await;
}
