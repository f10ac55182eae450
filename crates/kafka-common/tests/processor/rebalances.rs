//! Members join and leave while records flow.

use std::sync::Arc;

use kafka_common::processor::MemoryStore;
use kafka_common::{GroupProtocol, KafkaSettings};

use crate::counting::{Counting, Row};
use crate::stage::{self, Member};

const TICKS: u64 = 8_000;
const PER_SECOND: u64 = 800;

async fn join_and_leave(settings: &KafkaSettings) {
    stage::create_counting_topics(settings).await;
    let store = Arc::new(MemoryStore::<Row>::default());
    let start = |instance| Member::start(settings, instance, Counting::default(), store.clone());
    let load = tokio::spawn({
        let settings = settings.clone();
        async move { stage::send_ticks(&settings, 0..TICKS, PER_SECOND).await }
    });
    let after = async |share: u64| stage::until_committed(settings, TICKS * share / 8).await;
    let first = start("first");
    after(1).await;
    let second = start("second");
    after(3).await;
    let third = start("third");
    after(5).await;
    first.stop().await;
    after(6).await;
    let first = start("first");
    after(7).await;
    second.stop().await;
    load.await.unwrap();
    stage::until_committed(settings, TICKS).await;
    tokio::join!(first.stop(), third.stop());
    stage::assert_exactly_once(settings, TICKS).await;
}

#[tokio::test]
async fn members_join_and_leave_under_load() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    join_and_leave(&settings).await;
}

#[tokio::test]
async fn members_join_and_leave_under_load_with_kip_848() {
    let own = test_support::isolated().await;
    let mut settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    settings.group_protocol = GroupProtocol::Consumer;
    join_and_leave(&settings).await;
}
