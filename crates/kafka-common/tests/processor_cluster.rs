//! Three brokers, replication 3: leaders change, brokers stop, crash and come back while records
//! are produced and processed. A test binary of its own: the machine is its alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    dead_code,
    reason = "of the processor's tests only some parts are needed here"
)]

#[path = "processor/counting.rs"]
mod counting;
#[path = "processor/stage.rs"]
mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kafka_common::processor::MemoryStore;
use test_support::KafkaCluster;

use crate::counting::{Counting, Row};
use crate::stage::Member;

const PER_SECOND: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leader_change_and_broker_restart_lose_and_double_nothing() {
    let mut cluster = KafkaCluster::start().await.unwrap();
    let mut settings = stage::settings(&cluster.bootstrap_servers(), "", "");
    settings.replication_factor = 3;
    stage::create_counting_topics(&settings).await;
    let store = Arc::new(MemoryStore::<Row>::default());
    let member = Member::start(&settings, "a", Counting::default(), store);
    let sent = Arc::new(AtomicU64::new(0));
    let enough = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (settings, sent, enough) = (settings.clone(), sent.clone(), enough.clone());
        async move {
            let numbers = std::iter::repeat_with(|| sent.fetch_add(1, Ordering::Relaxed))
                .take_while(|_| !enough.load(Ordering::Relaxed));
            stage::send_ticks(&settings, numbers, PER_SECOND).await;
            // The last number was drawn and not sent.
            sent.load(Ordering::Relaxed) - 1
        }
    });
    let goes_on = async || {
        let target = sent.load(Ordering::Relaxed) + PER_SECOND;
        stage::until_committed(&settings, target).await;
    };
    goes_on().await;
    cluster.stop(0).await.unwrap();
    goes_on().await;
    cluster.restart(0).await.unwrap();
    goes_on().await;
    cluster.kill(1);
    goes_on().await;
    cluster.restart(1).await.unwrap();
    goes_on().await;
    enough.store(true, Ordering::Relaxed);
    let ticks = load.await.unwrap();
    stage::until_committed(&settings, ticks).await;
    member.stop().await;
    stage::assert_exactly_once(&settings, ticks).await;
}
