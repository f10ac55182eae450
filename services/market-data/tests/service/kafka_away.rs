//! Kafka goes away while the market goes on.

use crate::common::logged::{assert_whole, ids, logged};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, player, recording, settings, trades_of};
use kafka_common::admin::set_up_topics;
use reqwest::StatusCode;
use service_kit::Settings;
use test_support::KafkaBroker;

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];
/// More than is queued and held.
const TRADES: u64 = 40_000;

async fn on(broker: &KafkaBroker, settings: &Settings, prefix: &str) -> Settings {
    let mut settings = settings.clone();
    settings.kafka.bootstrap_servers = broker.bootstrap_servers();
    settings.kafka.topic_prefix = prefix.to_owned();
    settings.feed.gap.max_held = 500;
    set_up_topics(&settings.kafka).await.unwrap();
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_silently_while_kafka_is_away() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let mut broker = KafkaBroker::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let all = trades_of(&path);

    // One can fetch what didn't fit, the other can't.
    let with = on(&broker, &settings, "with.").await;
    let without = on(&broker, &settings, "without.").await;
    let simulators = [player(&path).await, player(&path).await];
    let products = simulators[0].products();
    let rest = RestDouble::start(products, all.values().flatten().copied()).await;
    let forgetful = RestDouble::start(products, []).await;
    let filled = TestApp::start_with_rest(with.clone(), &simulators[0], rest.url(), &ALL).await;
    let marked =
        TestApp::start_with_rest(without.clone(), &simulators[1], forgetful.url(), &ALL).await;
    filled.ready().await;
    marked.ready().await;

    broker.kill();
    for simulator in &simulators {
        simulator.release();
        // The feed is read on, though nothing can go out.
        tokio::time::timeout(PATIENCE, simulator.finished())
            .await
            .unwrap();
    }
    let not_ready = async {
        loop {
            let (status, body) = filled.get("/healthz/ready").await;
            if status == StatusCode::SERVICE_UNAVAILABLE
                && body["problems"]["publishing"].is_string()
            {
                return body;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let body = tokio::time::timeout(PATIENCE, not_ready).await.unwrap();
    let why = body["problems"]["publishing"].as_str().unwrap();
    assert!(why.contains("trades wait"), "{why}");
    broker.restart().await.unwrap();

    for (app, simulator) in [(&filled, &simulators[0]), (&marked, &simulators[1])] {
        let settled = app.statistics.settled(simulator.stats().frames_sent);
        tokio::time::timeout(PATIENCE, settled)
            .await
            .expect("settled in time");
    }
    let counts = filled.statistics.counts();
    assert!(counts.backfilled > 0, "{counts:?}");
    assert_eq!((counts.gaps, counts.lost), (0, 0), "{counts:?}");
    let counts = marked.statistics.counts();
    assert!(counts.gaps > 0, "{counts:?}");
    filled.stop().await;
    marked.stop().await;

    let log = logged(&with).await;
    for (symbol, trades) in &all {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
    }
    let log = logged(&without).await;
    for (symbol, trades) in &all {
        assert_whole(symbol, &log[symbol]);
        let last = log[symbol].gaps.iter().map(|gap| gap.1).max();
        let last = last.max(log[symbol].trades.last().copied());
        assert_eq!(last, trades.last().map(|trade| trade.trade_id), "{symbol}");
    }
}
