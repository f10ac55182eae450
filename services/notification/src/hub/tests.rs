#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;

const CHANNEL: &str = "user:alice";

fn publish(hub: &Hub, channel: &str, text: &str) -> u64 {
    let payload = to_raw_value(text).unwrap();
    hub.publish(channel, "test", &payload, Utc::now()).unwrap()
}

fn offsets(publications: &[Publication]) -> Vec<u64> {
    publications.iter().map(|p| p.offset).collect()
}

#[test]
fn members_get_everything_of_their_channel_in_order() {
    let hub = Hub::new(HubLimits::default());
    let (first, second) = (hub.outbox(), hub.outbox());
    let (_a, snapshot) = hub.join(CHANNEL, "a", &first, None).unwrap();
    assert_eq!(
        (snapshot.position.offset, snapshot.missed.is_none()),
        (0, true)
    );
    let (_b, _) = hub.join("user:bob", "b", &second, None).unwrap();
    for number in 1..=3 {
        assert_eq!(publish(&hub, CHANNEL, "x"), number);
    }
    assert_eq!(offsets(&first.take(usize::MAX)), [1, 2, 3]);
    assert!(second.take(usize::MAX).is_empty());
}

#[test]
fn a_slow_client_is_cut_off_and_the_others_go_on() {
    let hub = Hub::new(HubLimits {
        queue_bytes: 1_000,
        ..HubLimits::default()
    });
    let (slow, quick) = (hub.outbox(), hub.outbox());
    let (_slow, _) = hub.join(CHANNEL, "slow", &slow, None).unwrap();
    let (_quick, _) = hub.join(CHANNEL, "quick", &quick, None).unwrap();
    for number in 1..=100 {
        publish(&hub, CHANNEL, "some text");
        assert_eq!(offsets(&quick.take(usize::MAX)), [number]);
    }
    assert!(slow.is_cut() == Some(Cut::Slow) && quick.is_cut().is_none());
    assert!(slow.take(usize::MAX).is_empty());
    assert_eq!(hub.budget.queued(), 0);
}

#[test]
fn queues_together_are_bounded_too() {
    let hub = Hub::new(HubLimits {
        queue_bytes: 100_000,
        pressed_queue_bytes: 1_000,
        total_queue_bytes: 20_000,
        ..HubLimits::default()
    });
    // Each of another user: no two wait for the same text.
    let users: Vec<String> = (0..50).map(|number| format!("user:{number}")).collect();
    let clients: Vec<_> = users
        .iter()
        .map(|channel| {
            let outbox = hub.outbox();
            let (membership, _) = hub.join(channel, "c", &outbox, None).unwrap();
            (outbox, membership)
        })
        .collect();
    for _ in 0..100 {
        for channel in &users {
            publish(&hub, channel, "some text");
        }
    }
    assert!(hub.budget.queued() <= 20_000 + 50 * 1_000);
    assert!(clients.iter().any(|(outbox, _)| outbox.is_cut().is_some()));
    drop(clients);
    assert_eq!(hub.budget.queued(), 0);
}

#[test]
fn what_many_clients_wait_for_is_in_memory_once_and_counts_once() {
    const CLIENTS: usize = 500;
    let text = "x".repeat(1_000);
    let hub = Hub::new(HubLimits {
        members: CLIENTS,
        pressed_queue_bytes: 1_000,
        // Enough for ten texts and for each client's own places in its queue, and for no more.
        total_queue_bytes: 10 * 1_500 + CLIENTS * 10 * 100,
        ..HubLimits::default()
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let outbox = hub.outbox();
            let (membership, _) = hub.join(CHANNEL, "c", &outbox, None).unwrap();
            (outbox, membership)
        })
        .collect();
    for _ in 0..10 {
        publish(&hub, CHANNEL, &text);
    }
    assert!(clients.iter().all(|(outbox, _)| outbox.is_cut().is_none()));
    let all = hub.budget.queued();
    assert!(all > 10 * 1_000 && hub.budget.has_room(0), "{all}");
    // Half of them take what waits, one is cut off: the texts are still there for the others.
    for (outbox, _) in &clients[..CLIENTS / 2] {
        assert_eq!(outbox.take(usize::MAX).len(), 10);
    }
    clients[CLIENTS - 1].0.cut(Cut::Behind);
    let rest = hub.budget.queued();
    assert!(rest > 10 * 1_000 && rest < all, "{rest} of {all}");
    drop(clients);
    assert_eq!(hub.budget.queued(), 0);
}

#[test]
fn what_nobody_can_ask_for_is_not_kept() {
    let hub = Hub::new(HubLimits::default());
    publish(&hub, CHANNEL, "before anybody came");
    assert_eq!(hub.lock().history_bytes, 0);
    let outbox = hub.outbox();
    let (membership, snapshot) = hub.join(CHANNEL, "a", &outbox, None).unwrap();
    assert_eq!(snapshot.position.offset, 1);
    drop(membership);
    publish(&hub, CHANNEL, "missed");
    let since = Some(&snapshot.position);
    let (_again, again) = hub.join(CHANNEL, "a", &hub.outbox(), since).unwrap();
    assert_eq!(offsets(&again.missed.unwrap()), [2]);
}

#[test]
fn histories_together_are_bounded_and_the_oldest_go_first() {
    let hub = Hub::new(HubLimits {
        total_history_bytes: 10_000,
        ..HubLimits::default()
    });
    let positions: Vec<Position> = (0..10)
        .map(|number| {
            let name = format!("user:{number}");
            let (_gone, snapshot) = hub.join(&name, "c", &hub.outbox(), None).unwrap();
            snapshot.position
        })
        .collect();
    publish(&hub, "user:0", "some text");
    for _ in 0..10 {
        for number in 1..10 {
            publish(&hub, &format!("user:{number}"), "some text");
            assert!(hub.lock().history_bytes <= 10_000);
        }
    }
    let (_oldest, snapshot) = hub
        .join("user:0", "c", &hub.outbox(), Some(&positions[0]))
        .unwrap();
    assert!(snapshot.missed.is_none());
    let newest = Position {
        offset: 9,
        ..positions[9].clone()
    };
    let (_newest, snapshot) = hub
        .join("user:9", "c", &hub.outbox(), Some(&newest))
        .unwrap();
    assert_eq!(offsets(&snapshot.missed.unwrap()), [10]);
}

#[test]
fn what_is_old_is_forgotten_and_a_new_channel_is_another_one() {
    let limits = HubLimits::default();
    let ttl = limits.ttl;
    let hub = Hub::new(limits);
    let (membership, snapshot) = hub.join(CHANNEL, "a", &hub.outbox(), None).unwrap();
    publish(&hub, CHANNEL, "old");
    hub.sweep(Instant::now() + ttl * 2);
    // Members keep the channel; its old publications go.
    let (_b, later) = hub
        .join(CHANNEL, "b", &hub.outbox(), Some(&snapshot.position))
        .unwrap();
    assert!(later.missed.is_none());
    drop((membership, _b));
    hub.sweep(Instant::now() + ttl * 2);
    assert!(hub.lock().channels.is_empty());
    publish(&hub, CHANNEL, "new");
    let (_c, new) = hub
        .join(CHANNEL, "c", &hub.outbox(), Some(&later.position))
        .unwrap();
    assert!(new.missed.is_none() && new.position.epoch != later.position.epoch);
}

#[test]
fn channels_are_bounded() {
    let hub = Hub::new(HubLimits {
        channels: 100,
        ..HubLimits::default()
    });
    let (_kept, _) = hub.join(CHANNEL, "a", &hub.outbox(), None).unwrap();
    for number in 0..1_000 {
        publish(&hub, &format!("user:{number}"), "x");
        assert!(hub.lock().channels.len() <= 100);
    }
    assert!(hub.lock().channels.contains_key(CHANNEL));
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Read,
    Cut,
    Return,
    Subscribe,
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u8..20).prop_map(Step::Publish),
        3 => Just(Step::Read),
        2 => Just(Step::Cut),
        2 => Just(Step::Return),
        1 => Just(Step::Subscribe),
        1 => Just(Step::Sweep),
    ]
}

/// A client as the protocol wants it: it knows the position after what it received.
#[derive(Default)]
struct Client {
    position: Option<Position>,
    connection: Option<(Membership, Arc<Outbox>)>,
}

impl Client {
    fn receive(&mut self, publications: &[Publication]) -> Result<(), TestCaseError> {
        for publication in publications {
            let position = self.position.as_mut().unwrap();
            prop_assert_eq!(publication.offset, position.offset + 1);
            position.offset = publication.offset;
        }
        Ok(())
    }

    fn enter(&mut self, hub: &Hub, snapshot: Snapshot) -> Result<(), TestCaseError> {
        match (&self.position, snapshot.missed) {
            (Some(_), Some(missed)) => {
                self.receive(&missed)?;
                prop_assert_eq!(self.position.as_ref(), Some(&snapshot.position));
            }
            (Some(position), None) => {
                // Refused only if the history can't have it.
                let missed = snapshot.position.offset - position.offset;
                let history = hub.lock().channels[CHANNEL].history.len();
                prop_assert!(missed > history as u64, "refused for no reason");
                self.position = Some(snapshot.position);
            }
            (None, _) => self.position = Some(snapshot.position),
        }
        Ok(())
    }
}

proptest! {
    /// Whatever happens, a client either has every publication once and in order, or was told that
    /// it hasn't.
    #[test]
    fn recovery_is_exact(steps in prop::collection::vec(step(), 1..200)) {
        let hub = Hub::new(HubLimits {
            history_events: 20,
            history_bytes: 4_000,
            queue_bytes: 3_000,
            ..HubLimits::default()
        });
        let mut client = Client::default();
        for step in steps {
            match step {
                Step::Publish(count) => for _ in 0..count {
                    publish(&hub, CHANNEL, "some text");
                },
                Step::Read => if let Some((_, outbox)) = &client.connection {
                    let taken = outbox.take(500);
                    client.receive(&taken)?;
                },
                Step::Cut => client.connection = None,
                Step::Return => {
                    client.connection = None;
                    let outbox = hub.outbox();
                    let since = client.position.clone();
                    let (member, snapshot) =
                        hub.join(CHANNEL, "c", &outbox, since.as_ref()).unwrap();
                    prop_assert!(snapshot.pending.is_empty());
                    client.enter(&hub, snapshot)?;
                    client.connection = Some((member, outbox));
                }
                Step::Subscribe => if let Some((member, outbox)) = client.connection.take() {
                    if outbox.is_cut().is_some() {
                        continue;
                    }
                    // Asked from the position before what is pending, as a client would that has
                    // not received it yet; the server writes it first.
                    let mut snapshot = member.snapshot(&outbox, None).unwrap();
                    let pending = std::mem::take(&mut snapshot.pending);
                    client.receive(&pending)?;
                    prop_assert_eq!(client.position.as_ref(), Some(&snapshot.position));
                    client.connection = Some((member, outbox));
                },
                Step::Sweep => hub.sweep(Instant::now()),
            }
        }
    }
}
