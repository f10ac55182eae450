//! Order, concurrency, and that only the contiguous finished prefix is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::world::{Member, PARTITIONS, Seen, World, eventually};

#[tokio::test]
async fn every_record_is_handled_once_in_the_order_of_its_partition() {
    let world = World::start().await;
    world.send_many(1_000).await;
    let seen = Seen::default();
    let (handled, at_once) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let member = Member::start(world.consumer(move |record| {
        let (seen, at_once) = (handled.clone(), Arc::clone(&at_once));
        async move {
            assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            tokio::task::yield_now().await;
            seen.note(&record);
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    }));
    seen.until(1_000).await;
    // More than may be on its way at once (twice 50), so credits came back.
    world.until_committed(&[250; PARTITIONS as usize]).await;
    member.stop().await;
    for partition in 0..PARTITIONS {
        let all = seen.all();
        let offsets = all.iter().filter(|(p, ..)| *p == partition);
        let offsets: Vec<i64> = offsets.map(|(_, offset, _)| *offset).collect();
        assert_eq!(offsets, (0..250).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn keys_pass_each_other_within_the_limit_and_keep_their_own_order() {
    let world = World::start().await;
    for id in 0..60 {
        world.send(0, &format!("key-{}", id % 6), id).await;
    }
    let seen = Seen::default();
    let (handled, most) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let (running, highest) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let consumer = world.consumer(move |record| {
        let (seen, running, highest) = (handled.clone(), running.clone(), highest.clone());
        let gate = Arc::clone(&gate);
        async move {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            highest.fetch_max(now, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            running.fetch_sub(1, Ordering::SeqCst);
            seen.note(&record);
            Ok(())
        }
    });
    let member = Member::start(consumer.concurrency(4));
    eventually("four handlers side by side", || async {
        most.load(Ordering::SeqCst) == 4
    })
    .await;
    opened.add_permits(60);
    seen.until(60).await;
    assert_eq!(most.load(Ordering::SeqCst), 4);
    for key in 0..6 {
        let ids: Vec<u64> = seen.ids().into_iter().filter(|id| id % 6 == key).collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }
    world.until_committed(&[60, 0, 0, 0]).await;
    member.stop().await;
}

#[tokio::test]
async fn what_is_behind_an_unfinished_record_is_not_committed() {
    let world = World::start().await;
    for id in 0..10 {
        world.send(0, &format!("key-{id}"), id).await;
    }
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        let seen = handled.clone();
        async move {
            if record.data.id == 3 {
                std::future::pending::<()>().await;
            }
            seen.note(&record);
            Ok(())
        }
    });
    let consumer = consumer
        .concurrency(10)
        .drain_timeout(Duration::from_millis(100));
    let member = Member::start(consumer);
    seen.until(9).await;
    member.stop().await;
    assert_eq!(world.committed().await, [3, 0, 0, 0]);

    let seen = Seen::default();
    let handled = seen.clone();
    let member = Member::start(world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    }));
    seen.until(7).await;
    assert_eq!(
        seen.ids(),
        [3, 4, 5, 6, 7, 8, 9],
        "the next member goes on there"
    );
    member.stop().await;
    assert_eq!(world.committed().await, [10, 0, 0, 0]);
}

/// The handlers hold everything that may be on its way, for longer than the poller waits before it
/// pauses what is assigned.
#[tokio::test]
async fn slow_handlers_cost_neither_records_nor_the_membership() {
    let world = World::start().await;
    world.send_many(400).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let member = Member::start(world.consumer(move |record| {
        let (seen, gate) = (handled.clone(), Arc::clone(&gate));
        async move {
            gate.acquire().await.unwrap().forget();
            seen.note(&record);
            Ok(())
        }
    }));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(seen.all().is_empty());
    opened.add_permits(400);
    seen.until(400).await;
    world.until_committed(&[100; PARTITIONS as usize]).await;
    assert_eq!(seen.ids().len(), 400, "each once");
    member.stop().await;
}
