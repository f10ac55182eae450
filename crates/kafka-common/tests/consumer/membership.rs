//! Static members.

use std::collections::BTreeSet;

use kafka_common::{ClientError, ConsumerState};

use crate::world::{Member, PARTITIONS, Seen, World, eventually};

fn member(world: &World, instance: &str, seen: &Seen) -> Member {
    let mut settings = world.settings.clone();
    settings.static_membership = true;
    settings.instance_id = instance.to_owned();
    // Nobody is taken for dead during the test.
    settings.session_timeout_ms = 120_000;
    let seen = seen.clone();
    let consumer = kafka_common::KafkaConsumer::new(&settings).add_message_handler(
        crate::world::Notes,
        move |record: kafka_common::Record<crate::world::Note>| {
            seen.note(&record);
            async { Ok(()) }
        },
    );
    Member::start(consumer)
}

async fn until_assigned(member: &Member) {
    eventually("partitions", || async {
        member.watchdog.state() != ConsumerState::Unassigned
    })
    .await;
}

#[tokio::test]
async fn a_static_member_finds_its_partitions_again_after_a_restart() {
    let world = World::start().await;
    let (stays, restarts) = (Seen::default(), Seen::default());
    let staying = member(&world, "a", &stays);
    until_assigned(&staying).await;
    let restarting = member(&world, "b", &restarts);
    until_assigned(&restarting).await;
    world.send_many(PARTITIONS as u64 * 10).await;
    eventually("all records", || async {
        stays.ids().len() + restarts.ids().len() >= PARTITIONS as usize * 10
    })
    .await;
    let partitions = |seen: &Seen| -> BTreeSet<i32> {
        seen.all()
            .iter()
            .map(|(partition, ..)| *partition)
            .collect()
    };
    let (kept, restarted) = (partitions(&stays), partitions(&restarts));
    assert!(kept.is_disjoint(&restarted), "{kept:?} {restarted:?}");
    restarting.stop().await;
    let before = stays.ids().len();
    for id in 100..100 + PARTITIONS as u64 {
        world.send((id % PARTITIONS as u64) as i32, "k", id).await;
    }
    eventually("the one that stays to go on", || async {
        stays.ids().len() == before + PARTITIONS as usize / 2
    })
    .await;
    let again = Seen::default();
    let restarting = member(&world, "b", &again);
    again.until(PARTITIONS as usize / 2).await;
    assert_eq!(partitions(&again), restarted);
    assert_eq!(stays.ids().len(), before + PARTITIONS as usize / 2);
    restarting.stop().await;
    staying.stop().await;
}

#[tokio::test]
async fn a_second_member_with_the_same_instance_id_fences_the_first() {
    let world = World::start().await;
    let seen = Seen::default();
    let first = member(&world, "a", &seen);
    until_assigned(&first).await;
    let second = member(&world, "a", &seen);
    let error = first.ended().await.unwrap_err();
    assert!(matches!(error, ClientError::Kafka { .. }), "{error}");
    world.send_many(4).await;
    seen.until(4).await;
    second.stop().await;
}
