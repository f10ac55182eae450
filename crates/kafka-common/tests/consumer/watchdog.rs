//! Idle is not stuck, and neither is a broker that is away.

use std::time::Duration;

use kafka_common::ConsumerState;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use test_support::KafkaBroker;

use crate::world::{Member, PATIENCE, Seen, World, blocking, eventually};

const STUCK_AFTER: Duration = Duration::from_millis(500);

async fn until_stuck(member: &Member) -> String {
    eventually("it to be stuck", || async {
        member.watchdog.check().is_err()
    })
    .await;
    member.watchdog.check().unwrap_err()
}

async fn until_idle(member: &Member) {
    eventually("it to be idle", || async {
        member.watchdog.check().unwrap();
        member.watchdog.state() == ConsumerState::Idle
    })
    .await;
    member.watchdog.ready().unwrap();
}

#[tokio::test]
async fn a_handler_that_hangs_is_stuck_and_an_idle_consumer_is_not() {
    let world = World::start().await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        let seen = handled.clone();
        async move {
            seen.note(&record);
            if record.data.id == 2 {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    });
    let consumer = consumer
        .stuck_after(STUCK_AFTER)
        .drain_timeout(Duration::from_millis(100));
    let member = Member::start(consumer);
    // Nothing was ever written.
    until_idle(&member).await;
    world.send(1, "k", 1).await;
    seen.until(1).await;
    // Everything is read.
    until_idle(&member).await;
    world.send(1, "k", 2).await;
    let what = until_stuck(&member).await;
    assert!(what.contains("notes` partition 1"), "{what}");
    assert!(what.contains("offset 1"), "{what}");
    assert!(member.watchdog.ready().is_err());
    let watchdog = member.watchdog.clone();
    member.stop().await;
    assert_eq!(watchdog.state(), ConsumerState::Stopped);
}

/// Behind the last record of a transaction stands its marker, which no consumer gets: the group's
/// lag stays 1, and an aborted transaction's records are never read.
#[tokio::test]
async fn markers_and_aborted_records_are_nothing_to_read() {
    let world = World::start().await;
    let mut config = world.settings.transactional_producer("tester");
    config.set("transactional.id", world.settings.group("marker"));
    let topic = world.settings.topic("notes");
    let envelope =
        kafka_common::envelope::encode("test", chrono::Utc::now(), &crate::world::Note { id: 1 });
    let value = envelope.unwrap();
    blocking(move || {
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        for commits in [true, false] {
            producer.begin_transaction().unwrap();
            let record = BaseRecord::to(&topic).partition(0).key("k").payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            producer.flush(PATIENCE).unwrap();
            match commits {
                true => producer.commit_transaction(PATIENCE).unwrap(),
                false => producer.abort_transaction(PATIENCE).unwrap(),
            }
        }
    })
    .await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    });
    let member = Member::start(consumer.stuck_after(STUCK_AFTER));
    seen.until(1).await;
    until_idle(&member).await;
    assert_eq!(seen.ids(), [1]);
    member.stop().await;
}

/// And stopping doesn't wait for a broker that is away.
#[tokio::test]
async fn a_broker_that_is_away_does_not_make_it_stuck() {
    let mut broker = KafkaBroker::start().await.unwrap();
    let world = World::on_broker(&broker.bootstrap_servers()).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    });
    let member = Member::start(consumer.stuck_after(STUCK_AFTER));
    world.send(0, "k", 1).await;
    seen.until(1).await;
    broker.stop().await.unwrap();
    eventually("the broker to be missed", || async {
        member.watchdog.check().unwrap();
        matches!(member.watchdog.state(), ConsumerState::Unreachable(_))
    })
    .await;
    assert!(member.watchdog.ready().is_err());
    broker.restart().await.unwrap();
    world.send(0, "k", 2).await;
    seen.until(2).await;
    until_idle(&member).await;
    broker.stop().await.unwrap();
    member.shutdown.cancel();
    member.ended().await.unwrap();
}
