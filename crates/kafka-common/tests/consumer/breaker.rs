//! A bad deployment halts the consumer instead of emptying the topic into its dead letters.

use kafka_common::{ClientError, ConsumerState, DeadLetterLimit, ErrorClass, HandlerError};

use crate::world::{Member, Seen, World};

#[tokio::test]
async fn too_many_dead_letters_halt_the_consumer_and_the_rest_stays() {
    let world = World::start().await;
    for id in 0..40 {
        world.send(0, "k", id).await;
    }
    let bad_deployment = world
        .consumer(|record| async move {
            match record.data.id {
                0..10 => Ok(()),
                _ => Err(HandlerError::permanent("unknown field")),
            }
        })
        .dead_letter_limit(DeadLetterLimit {
            most: 5,
            of_latest: 10,
        });
    let member = Member::start(bad_deployment);
    let watchdog = member.watchdog.clone();
    let error = member.ended().await.unwrap_err();
    let ClientError::Halted {
        topic,
        most,
        class,
        last_error,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*topic, *most), ("notes", 5));
    assert_eq!(
        (*class, last_error.as_str()),
        (ErrorClass::Permanent, "unknown field")
    );
    // Not ready, and why; live, because a restart would only write more of them.
    assert_eq!(watchdog.ready(), Err(error.to_string()));
    assert_eq!(watchdog.check(), Ok(()));
    assert_eq!(watchdog.state(), ConsumerState::Failed(error.to_string()));
    world.until_dead(5).await;
    assert_eq!(world.committed().await, [15, 0, 0, 0]);

    // Mended: the rest is handled, from the first record that didn't die.
    let seen = Seen::default();
    let handled = seen.clone();
    let member = Member::start(world.consumer(move |record| {
        handled.note(&record);
        async { Ok(()) }
    }));
    seen.until(25).await;
    assert_eq!(seen.ids(), (15..40).collect::<Vec<_>>());
    member.stop().await;
}

#[tokio::test]
async fn single_bad_records_do_not_halt_it() {
    let world = World::start().await;
    for id in 0..60 {
        world.send(0, "k", id).await;
    }
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = world.consumer(move |record| {
        let seen = handled.clone();
        async move {
            if record.data.id % 6 == 0 {
                return Err(HandlerError::poison("bad id"));
            }
            seen.note(&record);
            Ok(())
        }
    });
    let member = Member::start(consumer.dead_letter_limit(DeadLetterLimit {
        most: 2,
        of_latest: 12,
    }));
    seen.until(50).await;
    world.until_dead(10).await;
    member.stop().await;
}
