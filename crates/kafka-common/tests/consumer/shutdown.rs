//! Stopping and dropping end within their bounds, and lose nothing.

use std::time::Duration;

use kafka_common::KafkaConsumer;

use crate::world::{Member, Notes, PATIENCE, Seen, Tester, World, blocking, eventually, settings};

#[tokio::test]
async fn a_stop_finishes_what_is_in_hand_and_no_more() {
    let world = World::start().await;
    for id in 0..10 {
        world.send(0, "k", id).await;
    }
    let (begun, done) = (Seen::default(), Seen::default());
    let (noted, finished) = (begun.clone(), done.clone());
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let opened = gate.clone();
    let member = Member::start(world.consumer(move |record| {
        let (done, gate) = (finished.clone(), gate.clone());
        noted.note(&record);
        async move {
            gate.notified().await;
            done.note(&record);
            Ok(())
        }
    }));
    begun.until(1).await;
    member.shutdown.cancel();
    tokio::task::yield_now().await;
    opened.notify_one();
    member.ended().await.unwrap();
    assert_eq!((begun.ids(), done.ids()), (vec![0], vec![0]));
    assert_eq!(world.committed().await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_handler_that_hangs_does_not_hold_the_stop() {
    let world = World::start().await;
    world.send(0, "k", 1).await;
    let seen = Seen::default();
    let begun = seen.clone();
    let consumer = world.consumer(move |record| {
        begun.note(&record);
        std::future::pending()
    });
    let member = Member::start(consumer.drain_timeout(Duration::from_millis(200)));
    seen.until(1).await;
    member.stop().await;
    assert_eq!(
        world.committed().await,
        [0, 0, 0, 0],
        "it will be delivered again"
    );
}

/// A consumer whose task is aborted leaves the group by itself: the next member gets everything
/// long before the session would time out.
#[tokio::test]
async fn an_aborted_consumer_leaves_the_group_and_commits() {
    let mut world = World::start().await;
    world.settings.session_timeout_ms = 300_000;
    let seen = Seen::default();
    let consumer = || {
        let seen = seen.clone();
        world.consumer(move |record| {
            seen.note(&record);
            async { Ok(()) }
        })
    };
    let first = Member::start(consumer());
    world.send_many(4).await;
    seen.until(4).await;
    first.task.abort();
    eventually("the end", || async { first.task.is_finished() }).await;
    world.until_committed(&[1, 1, 1, 1]).await;
    let second = Member::start(consumer());
    for id in 4..8 {
        world.send((id % 4) as i32, "k", id).await;
    }
    seen.until(8).await;
    second.stop().await;
    assert_eq!(seen.ids().len(), 8, "each once");
}

/// Neither with a broker nor without one, on the runtime's only thread.
#[tokio::test]
async fn a_consumer_that_never_ran_is_dropped_at_once() {
    let world = World::start().await;
    let unreachable = settings("127.0.0.1:1", "", "");
    for settings in [&world.settings, &unreachable] {
        let started = KafkaConsumer::<Tester>::new(settings)
            .add_message_handler(Notes, |_| async { Ok(()) })
            .start()
            .unwrap();
        let dropping = blocking(move || drop(started));
        tokio::time::timeout(PATIENCE, dropping).await.unwrap();
    }
}

/// A broker that was never there: the stop doesn't wait for it.
#[tokio::test]
async fn a_consumer_without_a_broker_stops() {
    let consumer = KafkaConsumer::<Tester>::new(&settings("127.0.0.1:1", "", ""))
        .add_message_handler(Notes, |_| async { Ok(()) });
    let member = Member::start(consumer);
    tokio::task::yield_now().await;
    member.stop().await;
}
