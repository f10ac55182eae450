//! What goes to the dead-letter topic, how it looks there, and when its offset is committed.

use chrono::{DateTime, TimeZone, Utc};
use kafka_common::topics::TopicSpec;
use kafka_common::{ClientError, Consumes, HandlerError, KafkaConsumer, Topic};
use rdkafka::message::{Headers, Message, OwnedMessage};

use crate::world::{DEAD_LETTERS, Member, Note, PARTITIONS, Seen, Tester, World};

fn header<'a>(message: &'a OwnedMessage, name: &str) -> &'a str {
    let headers = message.headers().unwrap();
    let found = headers.iter().find(|header| header.key == name);
    let value = found.and_then(|header| header.value);
    std::str::from_utf8(value.unwrap_or_else(|| panic!("no header {name}"))).unwrap()
}

#[tokio::test]
async fn a_dead_letter_is_the_record_and_tells_where_it_came_from() {
    let mut world = World::start().await;
    world.settings.max_attempts = 3;
    let time = Utc.timestamp_millis_opt(1_700_000_000_123).unwrap();
    // From the last partition: the dead-letter topic has only one.
    let last = PARTITIONS - 1;
    world.send_at(last, "a", 1, time).await;
    world.send_at(last, "b", 2, time).await;
    // No JSON, a key that is no text; a tombstone.
    world
        .send_bytes(last, Some(&[0xff, 0x00]), Some(b"{"), time)
        .await;
    world.send_bytes(last, None, None, time).await;
    world.send_at(last, "c", 3, time).await;
    world.send_at(last, "d", 4, time).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let before = Utc::now();
    let member = Member::start(world.consumer(move |record| {
        let seen = handled.clone();
        async move {
            match record.data.id {
                1 => return Err(HandlerError::transient("the database is away")),
                2 => return Err(HandlerError::permanent("no such session")),
                3 => panic!("a bug"),
                _ => seen.note(&record),
            }
            Ok(())
        }
    }));
    seen.until(1).await;
    world.until_committed(&[0, 0, 0, 6]).await;
    member.stop().await;
    assert_eq!(seen.ids(), [4]);

    let dead = world.until_dead(5).await;
    let classes: Vec<_> = dead.iter().map(|d| header(d, "dlq-error-class")).collect();
    assert_eq!(
        classes,
        ["transient", "permanent", "poison", "poison", "permanent"]
    );
    for (offset, dead) in dead.iter().enumerate() {
        assert_eq!(header(dead, "dlq-original-topic"), "notes");
        assert_eq!(header(dead, "dlq-original-partition"), last.to_string());
        assert_eq!(header(dead, "dlq-original-offset"), offset.to_string());
        assert_eq!(header(dead, "dlq-original-timestamp"), "1700000000123");
        assert_eq!(header(dead, "dlq-consumer-group"), "tester-group");
        let own = dead.headers().unwrap().get(0);
        assert_eq!((own.key, own.value), ("no\u{fffd}text", Some(&b"\xff"[..])));
        let at = |name| DateTime::parse_from_rfc3339(header(dead, name)).unwrap();
        assert!(at("dlq-first-failed-at") >= before - chrono::Duration::milliseconds(1));
        assert!(at("dlq-first-failed-at") <= at("dlq-failed-at"));
    }
    assert_eq!(header(&dead[0], "dlq-attempts"), "3");
    assert_eq!(header(&dead[0], "dlq-error"), "the database is away");
    assert_eq!(header(&dead[1], "dlq-attempts"), "1");
    assert_eq!(header(&dead[4], "dlq-error"), "the handler panicked: a bug");
    assert_eq!(dead[2].key(), Some(&[0xff, 0x00][..]), "byte for byte");
    assert_eq!(dead[2].payload(), Some(&b"{"[..]));
    assert_eq!((dead[3].key(), dead[3].payload()), (None, None));
}

/// The dead-letter topic refuses the record: it is not lost, and the consumer says so.
#[tokio::test]
async fn the_offset_waits_for_the_dead_letters_delivery() {
    let world = World::start_with(&[("max.message.bytes", "150")]).await;
    world.send(0, "k", 1).await;
    world.send(0, "k", 2).await;
    let seen = Seen::default();
    let handled = seen.clone();
    let consumer = || {
        let seen = handled.clone();
        world.consumer(move |record| {
            let seen = seen.clone();
            async move {
                if record.data.id == 2 {
                    return Err(HandlerError::permanent("x".repeat(500)));
                }
                seen.note(&record);
                Ok(())
            }
        })
    };
    let error = Member::start(consumer()).ended().await.unwrap_err();
    assert!(error.to_string().contains("dead letter"), "{error}");
    assert_eq!(world.committed().await, [1, 0, 0, 0]);
    assert_eq!(seen.ids(), [1]);
}

#[derive(Debug, Clone, Copy)]
struct OwnDeadLetters;

impl Topic for OwnDeadLetters {
    type Message = Note;
    const SPEC: TopicSpec = TopicSpec {
        name: DEAD_LETTERS,
        partitions: 1,
        retention: std::time::Duration::from_secs(3_600),
        key: "any",
    };
}
impl Consumes<OwnDeadLetters> for Tester {}

#[test]
fn a_consumer_of_its_own_dead_letters_is_refused() {
    let settings = crate::world::settings("127.0.0.1:1", "", "");
    let consumer = KafkaConsumer::<Tester>::new(&settings)
        .add_message_handler(OwnDeadLetters, |_| async { Ok(()) });
    let refused = consumer.start().unwrap_err();
    assert!(matches!(refused, ClientError::DeadLetterLoop(topic) if topic == DEAD_LETTERS));
}
