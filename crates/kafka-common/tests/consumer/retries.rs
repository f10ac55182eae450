//! Transient errors: again in place, while only their partition waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kafka_common::HandlerError;

use crate::world::{Member, PARTITIONS, Seen, World, eventually};

#[tokio::test]
async fn a_retry_pauses_its_partition_only_and_keeps_its_order() {
    let mut world = World::start().await;
    world.settings.max_attempts = 20;
    for id in 0..20 {
        world.send((id % 2) as i32, "k", id).await;
    }
    let seen = Seen::default();
    let attempts = Arc::new(Mutex::new(HashMap::<u64, u32>::new()));
    let mended = Arc::new(AtomicBool::new(false));
    let (handled, counted, works) = (seen.clone(), attempts.clone(), mended.clone());
    let member = Member::start(world.consumer(move |record| {
        let id = record.data.id;
        *counted.lock().unwrap().entry(id).or_default() += 1;
        let fails = id == 4 && !works.load(Ordering::SeqCst);
        if !fails {
            handled.note(&record);
        }
        async move {
            match fails {
                true => Err(HandlerError::transient("not yet")),
                false => Ok(()),
            }
        }
    }));
    // Ids 0 and 2 before it, and all ten of the other partition.
    seen.until(12).await;
    eventually("several attempts", || async {
        attempts
            .lock()
            .unwrap()
            .get(&4)
            .is_some_and(|tried| *tried >= 3)
    })
    .await;
    mended.store(true, Ordering::SeqCst);
    seen.until(20).await;
    let even: Vec<u64> = seen.ids().into_iter().filter(|id| id % 2 == 0).collect();
    assert_eq!(even, (0..10).map(|n| n * 2).collect::<Vec<_>>());
    world.until_committed(&[10, 10, 0, 0]).await;
    assert!(world.dead_letters().await.is_empty());
    // What comes later flows again.
    world.send(0, "k", 20).await;
    seen.until(21).await;
    member.stop().await;
}

/// A partition that is paused for a retry when the group rebalances goes on, wherever it lands.
#[tokio::test]
async fn a_rebalance_during_a_retry_leaves_nothing_paused() {
    let mut world = World::start().await;
    world.settings.max_attempts = 20;
    world.settings.retry_backoff_ms = 50;
    world.send_many(40).await;
    let seen = Seen::default();
    let (mended, tried) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let member = || {
        let (seen, mended, tried) = (seen.clone(), mended.clone(), tried.clone());
        Member::start(world.consumer(move |record| {
            let works = mended.load(Ordering::SeqCst);
            tried.store(true, Ordering::SeqCst);
            if works {
                seen.note(&record);
            }
            async move {
                match works {
                    true => Ok(()),
                    false => Err(HandlerError::transient("not yet")),
                }
            }
        }))
    };
    let first = member();
    eventually("an attempt", || async {
        tried.swap(false, Ordering::SeqCst)
    })
    .await;
    let second = member();
    // The second one has got something, and fails too; both have paused all they have.
    eventually("both to be members", || async {
        use kafka_common::ConsumerState::Unassigned;
        first.watchdog.state() != Unassigned && second.watchdog.state() != Unassigned
    })
    .await;
    mended.store(true, Ordering::SeqCst);
    seen.until(40).await;
    world.until_committed(&[10; PARTITIONS as usize]).await;
    second.stop().await;
    for id in 40..48 {
        world.send((id % 4) as i32, "k", id).await;
    }
    seen.until(48).await;
    first.stop().await;
}
