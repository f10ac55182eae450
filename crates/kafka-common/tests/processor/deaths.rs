//! Processes are killed (SIGKILL) while they work.

use std::sync::Arc;

use kafka_common::{Delivery, KafkaSettings};

use crate::child::{Behaviour, ChildMember};
use crate::counting::Counting;
use crate::stage::{self, Member};
use crate::stores::FileStore;

const TICKS: u64 = 3_000;
const PER_SECOND: u64 = 500;

/// Kills a member three times under load, and lets another one finish.
async fn kill_and_finish(settings: &KafkaSettings) {
    stage::create_counting_topics(settings).await;
    let folder = tempfile::tempdir().unwrap();
    let load = tokio::spawn({
        let settings = settings.clone();
        async move { stage::send_ticks(&settings, 0..TICKS, PER_SECOND).await }
    });
    let behaviour = Behaviour {
        pace_ms: 1,
        ..Behaviour::default()
    };
    for _ in 0..3 {
        let before = stage::committed(settings).await;
        let child = ChildMember::start(settings, "a", folder.path(), &behaviour);
        stage::eventually("it has committed some", || async {
            stage::committed(settings).await >= before + 300
        })
        .await;
        child.kill();
    }
    load.await.unwrap();
    let store = Arc::new(FileStore {
        folder: folder.path().to_owned(),
    });
    let member = Member::start(settings, "a", Counting::default(), store);
    stage::until_committed(settings, TICKS).await;
    member.stop().await;
}

#[tokio::test]
async fn killed_processes_lose_and_double_nothing() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    kill_and_finish(&settings).await;
    stage::assert_exactly_once(&settings, TICKS).await;
}

#[tokio::test]
async fn at_least_once_loses_nothing_and_repeats_are_the_same() {
    let own = test_support::isolated().await;
    let mut settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    settings.delivery = Delivery::AtLeastOnce;
    kill_and_finish(&settings).await;
    let expected = stage::expected(&settings).await;
    let mut produced = stage::produced(&settings).await;
    for (symbol, expected) in &expected {
        let produced = produced.entry(symbol.clone()).or_default();
        // A repeat is equal to what it repeats, or it would be left over here.
        produced.sort_unstable();
        produced.dedup();
        assert_eq!(produced, expected, "signals of {symbol}");
    }
}
