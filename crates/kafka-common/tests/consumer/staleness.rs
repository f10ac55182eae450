//! Records that are too old aren't handled late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::Utc;
use kafka_common::{AgeOf, ClientError, HandlerError, KafkaConsumer, StaleOutcome, Staleness};
use rdkafka::message::{Headers, Message};

use crate::world::{Member, Notes, Seen, Tester, World};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn stale_records_are_skipped_and_done() {
    let world = World::start().await;
    world.send_at(0, "k", 1, Utc::now() - 2 * HOUR).await;
    world.send(0, "k", 2).await;
    world.send_at(0, "k", 3, Utc::now() - 3 * HOUR).await;
    world.send(0, "k", 4).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    });
    let member = Member::start(consumer.stale(
        Notes,
        Staleness {
            older_than: HOUR,
            age_of: AgeOf::Record,
            outcome: StaleOutcome::Skip,
        },
    ));
    seen.until(2).await;
    world.until_committed(&[4, 0, 0, 0]).await;
    assert_eq!(seen.ids(), [2, 4]);
    assert!(world.dead_letters().await.is_empty());
    member.stop().await;
}

/// By the envelope's time, and also where a record grows old between two attempts.
#[tokio::test]
async fn stale_records_go_to_the_dead_letters_where_that_is_wanted() {
    let mut world = World::start().await;
    world.settings.max_attempts = 20;
    world.settings.retry_backoff_ms = 100;
    world.send_at(0, "k", 1, Utc::now() - 2 * HOUR).await;
    let older_than = Duration::from_secs(20);
    // Fresh for ten seconds more.
    world
        .send_at(0, "k", 2, Utc::now() - Duration::from_secs(10))
        .await;
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let consumer = world.consumer(move |record| {
        assert_eq!(record.data.id, 2, "the other one is stale");
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err(HandlerError::transient("not yet")) }
    });
    let member = Member::start(consumer.stale(
        Notes,
        Staleness {
            older_than,
            age_of: AgeOf::Envelope,
            outcome: StaleOutcome::DeadLetter,
        },
    ));
    let dead = world.until_dead(2).await;
    for dead in &dead {
        let headers = dead.headers().unwrap();
        let class = headers.iter().find(|h| h.key == "dlq-error-class");
        assert_eq!(class.unwrap().value, Some(&b"stale"[..]));
    }
    let tried = attempts.load(Ordering::SeqCst);
    assert!((1..20).contains(&tried), "given up by age: {tried}");
    world.until_committed(&[2, 0, 0, 0]).await;
    member.stop().await;
}

#[test]
fn a_policy_for_a_topic_that_is_not_consumed_is_refused() {
    let settings = crate::world::settings("127.0.0.1:1", "", "");
    let policy = Staleness {
        older_than: HOUR,
        age_of: AgeOf::Record,
        outcome: StaleOutcome::Skip,
    };
    let consumer = KafkaConsumer::<Tester>::new(&settings).stale(Notes, policy);
    assert!(matches!(consumer.start(), Err(ClientError::NoHandler)));
    let twice = KafkaConsumer::<Tester>::new(&settings)
        .add_message_handler(Notes, |_| async { Ok(()) })
        .add_message_handler(Notes, |_| async { Ok(()) });
    let error = twice.start().unwrap_err().to_string();
    assert!(
        error.contains("`notes` has two message handlers"),
        "{error}"
    );
}
