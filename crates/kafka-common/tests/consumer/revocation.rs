//! Partitions that go while records of them are in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kafka_common::GroupProtocol;
use tokio::sync::Semaphore;

use crate::world::{Member, PARTITIONS, Seen, World, eventually};

/// The handler in hand ends within the bound: the next owner doesn't see its record again.
#[tokio::test]
async fn what_is_in_hand_is_finished_and_committed_before_the_partition_goes() {
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let mut world = World::start().await;
        world.settings.group_protocol = protocol;
        world.send_many(PARTITIONS as u64).await;
        let (seen, gate) = (Seen::default(), Arc::new(Semaphore::new(0)));
        let begun = Arc::new(AtomicUsize::new(0));
        let member = || {
            let (seen, gate, begun) = (seen.clone(), Arc::clone(&gate), Arc::clone(&begun));
            let consumer = world.consumer(move |record| {
                let (seen, gate) = (seen.clone(), Arc::clone(&gate));
                begun.fetch_add(1, Ordering::SeqCst);
                async move {
                    gate.acquire().await.unwrap().forget();
                    seen.note(&record);
                    Ok(())
                }
            });
            Member::start(consumer.concurrency(PARTITIONS as usize))
        };
        let first = member();
        // All four partitions have a record in hand.
        eventually("the handlers to begin", || async {
            begun.load(Ordering::SeqCst) == PARTITIONS as usize
        })
        .await;
        let second = member();
        // While the first one is asked to give partitions back, its handlers end.
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.add_permits(1_000);
        seen.until(PARTITIONS as usize).await;
        eventually("the second one to have partitions", || async {
            second.watchdog.state() != kafka_common::ConsumerState::Unassigned
        })
        .await;
        first.stop().await;
        second.stop().await;
        assert_eq!(
            seen.ids().len(),
            PARTITIONS as usize,
            "each once: {protocol:?}"
        );
        assert_eq!(world.committed().await, [1; PARTITIONS as usize]);
    }
}

/// The handler doesn't end within the bound: it is given up, its late end changes nothing, and the
/// next owner handles the record.
#[tokio::test]
async fn a_late_end_is_fenced() {
    let world = World::start().await;
    world.send_many(PARTITIONS as u64).await;
    let hanging = Seen::default();
    let begun = hanging.clone();
    let first = world.consumer(move |record| {
        begun.note(&record);
        std::future::pending()
    });
    let first = first
        .concurrency(PARTITIONS as usize)
        .drain_timeout(Duration::from_millis(300));
    let first = Member::start(first);
    hanging.until(PARTITIONS as usize).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let second = Member::start(world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    }));
    // What was taken from the first one is handled by the second one.
    seen.until(1).await;
    first.stop().await;
    seen.until(PARTITIONS as usize).await;
    second.stop().await;
    assert_eq!(world.committed().await, [1; PARTITIONS as usize]);
}

/// A handler that blocks its thread can't be given up. The partition goes all the same, and when
/// the handler ends after all, its offset isn't committed over the new owner's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_does_not_hold_the_group() {
    let world = World::start().await;
    world.send_many(PARTITIONS as u64).await;
    let (ended, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let begun = Seen::default();
    let noted = begun.clone();
    let first = world.consumer(move |record| {
        noted.note(&record);
        let _until_the_test_says = wait.lock().unwrap().recv();
        async { Ok(()) }
    });
    let first = Member::start(first.drain_timeout(Duration::from_millis(100)));
    begun.until(1).await;
    let blocked = begun.ids()[0];
    let seen = Seen::default();
    let member = || {
        let handled = seen.clone();
        Member::start(world.consumer(move |record| {
            handled.note(&record);
            async { Ok(()) }
        }))
    };
    // With four of them each gets one partition, so also the blocked one changes hands or stays.
    let others = [member(), member(), member()];
    seen.until(PARTITIONS as usize - 1).await;
    drop(ended);
    first.stop().await;
    world.until_committed(&[1; PARTITIONS as usize]).await;
    for other in others {
        other.stop().await;
    }
    let all: std::collections::BTreeSet<u64> = seen.ids().into_iter().chain(begun.ids()).collect();
    assert_eq!(
        all.len(),
        PARTITIONS as usize,
        "none lost, {blocked} among them"
    );
}
