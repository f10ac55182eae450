//! Members join, leave and are killed under load: every record has its effect, and what is
//! committed never runs ahead of the effects.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kafka_common::{KafkaConsumer, KafkaSettings, Record};

use crate::world::{Member, Note, Notes, PARTITIONS, Tester, World, eventually, lines, settings};

const RECORDS: u64 = 6_000;

/// The effect of a record is a line of a file that all members append to.
fn consumer(settings: &KafkaSettings, effects: &Path) -> KafkaConsumer<Tester> {
    let effects = effects.to_owned();
    let handler = move |record: Record<Note>| {
        let effects = effects.clone();
        async move {
            // Some handlers wait, most are quick.
            if record.data.id.is_multiple_of(50) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let line = format!(
                "{} {} {}\n",
                record.meta.partition, record.meta.offset, record.data.id
            );
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&effects)
                .unwrap();
            file.write_all(line.as_bytes()).unwrap();
            Ok(())
        }
    };
    KafkaConsumer::new(settings)
        .add_message_handler(Notes, handler)
        .concurrency(4)
}

fn effects_of(file: &Path) -> BTreeSet<(i32, i64, u64)> {
    let parse = |line: String| {
        let mut parts = line.split(' ');
        let mut next = || parts.next().unwrap().to_owned();
        (
            next().parse().unwrap(),
            next().parse().unwrap(),
            next().parse().unwrap(),
        )
    };
    lines(file).into_iter().map(parse).collect()
}

/// A member in a process of its own, which can be killed as a crash would.
fn spawn_process(world: &World, effects: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "rebalance::a_member_in_its_own_process",
            "--ignored",
        ])
        .env(
            "KAFKA_COMMON_MEMBER_KAFKA",
            &world.settings.bootstrap_servers,
        )
        .env("KAFKA_COMMON_MEMBER_TOPICS", &world.settings.topic_prefix)
        .env("KAFKA_COMMON_MEMBER_GROUPS", &world.settings.group_prefix)
        .env("KAFKA_COMMON_MEMBER_EFFECTS", effects)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "a part of the test below, in a process that it kills"]
async fn a_member_in_its_own_process() {
    let variable = |name: &str| std::env::var(format!("KAFKA_COMMON_MEMBER_{name}"));
    // Without them somebody runs the ignored tests.
    let (Ok(kafka), Ok(topics), Ok(groups), Ok(effects)) = (
        variable("KAFKA"),
        variable("TOPICS"),
        variable("GROUPS"),
        variable("EFFECTS"),
    ) else {
        return;
    };
    let settings = settings(&kafka, &topics, &groups);
    let consumer = consumer(&settings, &PathBuf::from(effects));
    let _killed = Member::start(consumer).ended().await;
}

#[tokio::test]
async fn members_join_leave_and_are_killed_and_no_record_loses_its_effect() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let effects = folder.path().join("effects");
    let count = || effects_of(&effects).len() as u64;
    let reach = |part: u64| {
        let count = &count;
        async move { eventually("effects", || async { count() >= part }).await }
    };
    let member = || Member::start(consumer(&world.settings, &effects));

    let chaos = async {
        let first = member();
        reach(RECORDS / 8).await;
        let mut process = spawn_process(&world, &effects);
        reach(RECORDS / 4).await;
        let second = member();
        reach(RECORDS / 3).await;
        // The process may have nothing yet, or be in the middle of a record.
        process.kill().unwrap();
        process.wait().unwrap();
        committed_is_done(&world, &effects).await;
        reach(RECORDS / 2).await;
        first.stop().await;
        let third = member();
        committed_is_done(&world, &effects).await;
        reach(RECORDS * 2 / 3).await;
        second.stop().await;
        let fourth = member();
        reach(RECORDS).await;
        [third, fourth]
    };
    let load = async {
        for part in 0..RECORDS / 100 {
            let sends = (part * 100..(part + 1) * 100).map(|id| {
                let world = &world;
                let partition = (id % PARTITIONS as u64) as i32;
                async move { world.send(partition, &format!("key-{}", id % 7), id).await }
            });
            futures_util::future::join_all(sends).await;
        }
    };
    let (members, ()) = tokio::join!(chaos, load);
    let end = RECORDS as i64 / i64::from(PARTITIONS);
    world.until_committed(&[end; PARTITIONS as usize]).await;
    for member in members {
        member.stop().await;
    }
    let ids: BTreeSet<u64> = effects_of(&effects)
        .into_iter()
        .map(|(.., id)| id)
        .collect();
    assert_eq!(ids, (0..RECORDS).collect());
    assert!(world.dead_letters().await.is_empty());
}

/// Everything before the committed offsets has had its effect.
async fn committed_is_done(world: &World, effects: &Path) {
    let committed = world.committed().await;
    let effects = effects_of(effects);
    for (partition, committed) in (0..).zip(committed) {
        let done: BTreeSet<i64> = effects
            .iter()
            .filter(|(of, ..)| *of == partition)
            .map(|(_, offset, _)| *offset)
            .collect();
        let missing: Vec<i64> = (0..committed).filter(|o| !done.contains(o)).collect();
        assert!(missing.is_empty(), "partition {partition}: {missing:?}");
    }
}
