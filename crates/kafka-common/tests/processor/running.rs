//! One member, and nobody dies: commits, dead letters, failures of the store, health.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kafka_common::KafkaSettings;
use kafka_common::Topic as _;
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use rdkafka::message::{Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::counting::{Counting, Hooks};
use crate::stage::{self, AT_ONCE, DEAD_LETTERS, Member};
use crate::stores::WatchedStore;

async fn stage() -> (test_support::Isolated, KafkaSettings) {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    stage::create_counting_topics(&settings).await;
    (own, settings)
}

#[tokio::test]
async fn a_commit_is_due_after_so_many_records() {
    let (_own, mut settings) = stage().await;
    settings.commit_interval_ms = 10_000;
    settings.commit_records = 50;
    stage::send_ticks(&settings, 0..500, AT_ONCE).await;
    let store = Arc::new(WatchedStore::default());
    let member = Member::start(&settings, "a", Counting::default(), store.clone());
    stage::until_committed(&settings, 500).await;
    member.stop().await;
    let saves = store.saves();
    assert_eq!(saves.iter().sum::<usize>(), 500, "{saves:?}");
    assert!(saves.iter().all(|rows| *rows <= 50), "{saves:?}");
    assert!(saves.contains(&50), "{saves:?}");
    stage::assert_exactly_once(&settings, 500).await;
}

#[tokio::test]
async fn a_commit_is_due_after_a_time() {
    let (_own, mut settings) = stage().await;
    settings.commit_interval_ms = 50;
    settings.commit_records = 1_000_000;
    settings.max_poll_records = 10;
    stage::send_ticks(&settings, 0..500, AT_ONCE).await;
    let store = Arc::new(WatchedStore::default());
    let counting = Counting {
        pace: Duration::from_millis(2),
        ..Counting::default()
    };
    let member = Member::start(&settings, "a", counting, store.clone());
    stage::until_committed(&settings, 500).await;
    member.stop().await;
    let saves = store.saves();
    // A second of work at least: had it waited for the end, there would be one commit.
    assert!(saves.len() >= 3, "{saves:?}");
    stage::assert_exactly_once(&settings, 500).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_goes_to_the_dead_letters_once() {
    let (_own, settings) = stage().await;
    stage::send_ticks(&settings, 0..100, AT_ONCE).await;
    send_garbage(&settings).await;
    stage::send_ticks(&settings, 100..200, AT_ONCE).await;
    let first = Arc::new(WatchedStore::default());
    let member = Member::start(&settings, "a", Counting::default(), first);
    stage::until_committed(&settings, 201).await;
    member.stop().await;

    // Without its snapshots it applies the whole log again, with outputs suppressed.
    let lost = Arc::new(WatchedStore::default());
    let member = Member::start(&settings, "a", Counting::default(), lost);
    stage::send_ticks(&settings, 200..300, AT_ONCE).await;
    stage::until_committed(&settings, 301).await;
    member.stop().await;

    stage::assert_exactly_once(&settings, 300).await;
    let letters = stage::read_all(&settings, DEAD_LETTERS, 1, "read_committed").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].payload(), Some(&b"not a tick"[..]));
    let header = |name: &str| {
        let headers = letters[0].headers().unwrap();
        let found = headers.iter().find(|header| header.key == name).unwrap();
        String::from_utf8_lossy(found.value.unwrap()).into_owned()
    };
    assert_eq!(header("no\u{fffd}text"), "\u{fffd}");
    assert_eq!(header("dlq-original-topic"), MarketDataUpdates::SPEC.name);
    assert_eq!(header("dlq-original-partition"), "5");
    assert_eq!(header("dlq-error-class"), "poison");
}

async fn send_garbage(settings: &KafkaSettings) {
    let producer: BaseProducer = settings.producer("test").create().unwrap();
    let topic = settings.topic(MarketDataUpdates::SPEC.name);
    let record = BaseRecord::<str, [u8]>::to(&topic)
        .partition(5)
        .headers(test_support::with_unreadable_name(OwnedHeaders::new()))
        .payload(b"not a tick");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    tokio::task::spawn_blocking(move || producer.flush(stage::DEADLINE))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_store_that_fails_holds_up_and_loses_nothing() {
    let (_own, settings) = stage().await;
    let store = Arc::new(WatchedStore::default());
    let member = Member::start(&settings, "a", Counting::default(), store.clone());
    stage::send_ticks(&settings, 0..200, AT_ONCE).await;
    stage::until_committed(&settings, 200).await;

    store.broken.store(true, Ordering::Relaxed);
    stage::send_ticks(&settings, 200..400, AT_ONCE).await;
    let status = &member.handle.status;
    stage::eventually("the failure is told", || async {
        status
            .ready()
            .is_err_and(|error| error.contains("unplugged"))
    })
    .await;
    assert_eq!(status.live(), Ok(()), "a new process wouldn't help");

    store.broken.store(false, Ordering::Relaxed);
    stage::until_committed(&settings, 400).await;
    stage::eventually("ready again", || async { status.ready().is_ok() }).await;
    member.stop().await;
    stage::assert_exactly_once(&settings, 400).await;
    // The rows of a commit that the store missed are written when it is applied again.
    let rows: std::collections::BTreeSet<_> = store.inner.rows().into_iter().collect();
    assert_eq!(rows.len(), 400);
}

#[tokio::test]
async fn a_member_is_ready_when_its_state_is_restored() {
    let (_own, settings) = stage().await;
    stage::send_ticks(&settings, 0..300, AT_ONCE).await;
    let member = Member::start(
        &settings,
        "a",
        Counting::default(),
        Arc::new(WatchedStore::default()),
    );
    stage::until_committed(&settings, 300).await;
    member.stop().await;

    // 300 records are applied again, 5 ms each.
    let slow = Counting {
        pace: Duration::from_millis(5),
        ..Counting::default()
    };
    let member = Member::start(&settings, "a", slow, Arc::new(WatchedStore::default()));
    let status = member.handle.status.clone();
    let restoring = || async { status.ready().is_err_and(|e| e.starts_with("restoring")) };
    stage::eventually("it is restoring", restoring).await;
    stage::eventually("it is ready", || async { status.ready().is_ok() }).await;
    assert_eq!(status.live(), Ok(()));
    member.stop().await;
    stage::assert_exactly_once(&settings, 300).await;
}

/// Says more than fits into a record, so that no commit of it succeeds.
struct SaysTooMuch;

impl Hooks for SaysTooMuch {
    fn reason(&self, offset: i64) -> String {
        "x".repeat(if offset < 3 { 1 } else { 1_100_000 })
    }
}

/// Outputs of a commit that failed, by a process that doesn't come back.
#[tokio::test]
async fn what_a_failed_commit_leaves_open_is_ended_at_once() {
    let (_own, mut settings) = stage().await;
    settings.commit_records = 20;
    stage::send_ticks(&settings, 0..400, AT_ONCE).await;
    let counting = Counting {
        hooks: Arc::new(SaysTooMuch),
        ..Counting::default()
    };
    let member = Member::start(&settings, "a", counting, Arc::new(WatchedStore::default()));
    let status = Arc::clone(&member.handle.status);
    stage::eventually("a commit fails", || async {
        let ready = status.ready();
        ready.is_err_and(|error| error.contains("queueing an output"))
    })
    .await;
    member.stop().await;
    let stopped = Instant::now();
    let (config, spec) = (settings.admin(), StrategySignals::SPEC);
    let topic = settings.topic(spec.name);
    tokio::task::spawn_blocking(move || {
        test_support::all_decided(&config, &topic, spec.partitions);
    })
    .await
    .unwrap();
    // The broker itself waits for `transaction.timeout.ms`, 15 s.
    assert!(stopped.elapsed() < Duration::from_secs(10));
}
