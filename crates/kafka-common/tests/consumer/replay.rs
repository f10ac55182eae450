//! Reading again: seeks, and bounded replays beside the group.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{TimeZone, Utc};
use kafka_common::{ClientError, HandlerError, KafkaConsumer, Position, ReplayReport};
use tokio_util::sync::CancellationToken;

use crate::world::{Member, Notes, PARTITIONS, Seen, Tester, World};

fn noting(world: &World, seen: &Seen) -> KafkaConsumer<Tester> {
    let seen = seen.clone();
    world.consumer(move |record| {
        seen.note(&record);
        async { Ok(()) }
    })
}

/// Ten records a second apart, all in partition 0.
async fn ten_seconds(world: &World) {
    for id in 0..10 {
        world.send_at(0, "k", id, second(id as i64)).await;
    }
}

fn second(of: i64) -> chrono::DateTime<Utc> {
    // Lately, so that retention leaves them alone.
    static START: OnceLock<i64> = OnceLock::new();
    let start = START.get_or_init(|| Utc::now().timestamp() - 600);
    Utc.timestamp_opt(start + of, 0).unwrap()
}

#[tokio::test]
async fn a_seek_before_consuming_wins_over_the_committed_offset_once() {
    let world = World::start().await;
    ten_seconds(&world).await;
    let seen = Seen::default();
    let member = Member::start(noting(&world, &seen));
    seen.until(10).await;
    member.stop().await;
    assert_eq!(world.committed().await, [10, 0, 0, 0]);
    for (to, first) in [
        (Position::Earliest, 0),
        (Position::Offset(7), 7),
        (Position::Offset(-5), 0),
        (Position::Time(second(4)), 4),
        (Position::Time(second(4) - Duration::from_millis(1)), 4),
    ] {
        let seen = Seen::default();
        let started = noting(&world, &seen).start().unwrap();
        started.seek(Notes, Some(0), to);
        let member = Member::run(started);
        seen.until(10 - first).await;
        member.stop().await;
        assert_eq!(seen.ids(), (first as u64..10).collect::<Vec<_>>(), "{to:?}");
        assert_eq!(world.committed().await, [10, 0, 0, 0]);
    }
    // To the end: what is skipped stays skipped, although nothing was handled.
    world.send(0, "k", 10).await;
    for to in [
        Position::Latest,
        Position::Time(Utc::now() + Duration::from_secs(60)),
    ] {
        let started = noting(&world, &seen).start().unwrap();
        started.seek(Notes, None, to);
        let member = Member::run(started);
        world.until_committed(&[11, 0, 0, 0]).await;
        member.stop().await;
    }
}

#[tokio::test]
async fn a_seek_while_running_goes_back_and_forth() {
    let world = World::start().await;
    ten_seconds(&world).await;
    let seen = Seen::default();
    let member = Member::start(noting(&world, &seen));
    seen.until(10).await;
    let sought = member
        .control
        .seek(Notes, Some(0), Position::Offset(8))
        .await;
    assert_eq!(sought.unwrap(), [(0, 8)]);
    crate::world::eventually("two again", || async { seen.ids().len() == 12 }).await;
    let mut sought = member
        .control
        .seek(Notes, None, Position::Time(second(5)))
        .await
        .unwrap();
    sought.sort_unstable();
    assert_eq!(sought, [(0, 5), (1, 0), (2, 0), (3, 0)]);
    crate::world::eventually("five again", || async { seen.ids().len() == 17 }).await;
    assert_eq!(seen.ids()[10..], [8, 9, 5, 6, 7, 8, 9]);
    world.until_committed(&[10, 0, 0, 0]).await;
    let control = member.control.clone();
    member.stop().await;
    assert!(control.seek(Notes, None, Position::Earliest).await.is_err());
}

#[tokio::test]
async fn a_bounded_replay_handles_its_range_and_leaves_the_group_alone() {
    let world = World::start().await;
    world.send_many(400).await;
    let seen = Seen::default();
    let member = Member::start(noting(&world, &seen));
    seen.until(400).await;
    world.until_committed(&[100; PARTITIONS as usize]).await;

    let again = Seen::default();
    let noted = again.clone();
    let replayer = world.consumer(move |record| {
        let seen = noted.clone();
        async move {
            if record.data.id == 200 {
                return Err(HandlerError::permanent("once more"));
            }
            seen.note(&record);
            Ok(())
        }
    });
    let replay = async |from, to| {
        let never = CancellationToken::new();
        replayer.replay(Notes, from, to, never).await.unwrap()
    };
    let report = replay(Position::Earliest, Position::Latest).await;
    let wanted = ReplayReport {
        handled: 399,
        skipped: 0,
        dead_lettered: 1,
    };
    assert_eq!(report, wanted);
    assert_eq!(again.ids().len(), 399);
    // Each partition's offsets 10 to 19.
    let report = replay(Position::Offset(10), Position::Offset(20)).await;
    assert_eq!(report.handled, 40);
    let tail = &again.all()[399..];
    assert!(tail.iter().all(|(_, offset, _)| (10..20).contains(offset)));
    let nothing = replay(Position::Latest, Position::Latest).await;
    assert_eq!(nothing, ReplayReport::default());
    let future = Position::Time(Utc::now() + Duration::from_secs(3_600));
    assert_eq!(replay(future, future).await, ReplayReport::default());

    world.until_dead(1).await;
    assert_eq!(seen.ids().len(), 400, "the member was not disturbed");
    assert_eq!(world.committed().await, [100; PARTITIONS as usize]);
    member.stop().await;
    assert_eq!(world.committed().await, [100; PARTITIONS as usize]);
}

#[tokio::test]
async fn a_replay_of_a_time_range() {
    let world = World::start().await;
    ten_seconds(&world).await;
    let seen = Seen::default();
    let (from, to) = (Position::Time(second(3)), Position::Time(second(6)));
    let report = noting(&world, &seen)
        .replay(Notes, from, to, CancellationToken::new())
        .await
        .unwrap();
    assert_eq!((report.handled, seen.ids()), (3, vec![3, 4, 5]));
    assert_eq!(world.committed().await, [0; PARTITIONS as usize]);
}

#[tokio::test]
async fn a_replay_without_a_handler_or_a_topic_is_refused() {
    let world = World::start().await;
    let replay = |consumer: KafkaConsumer<Tester>| async move {
        let never = CancellationToken::new();
        consumer
            .replay(Notes, Position::Earliest, Position::Latest, never)
            .await
            .unwrap_err()
    };
    let without_handler = KafkaConsumer::new(&world.settings);
    assert!(matches!(
        replay(without_handler).await,
        ClientError::NoHandler
    ));
    let mut settings = world.settings.clone();
    settings.topic_prefix.push_str("absent.");
    let without_topic =
        KafkaConsumer::new(&settings).add_message_handler(Notes, |_| async { Ok(()) });
    let error = replay(without_topic).await.to_string();
    assert!(error.contains("absent.notes"), "{error}");
}
