//! Outages as long as they are in the field, with figures: minutes, so only when asked for. What
//! becomes of the trades is asserted; how long things take is printed.
//!
//! `test-servers run -- cargo test --release -p market-data --test service outages -- --ignored --nocapture`
#![allow(clippy::print_stderr, reason = "the figures")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::common::logged::{ids, logged};
use crate::common::proxy::Proxy;
use crate::common::replica::{Replica, market, until};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, recording, settings, trades_of};
use coinbase::Trade;
use kafka_common::admin::set_up_topics;
use test_support::{KafkaBroker, RedisServer};

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];
/// How long a server is away.
const AWAY: Duration = Duration::from_secs(60);
/// Before and after.
const AROUND: Duration = Duration::from_secs(10);
/// A busy market's 50 trades a second and product.
const TRADES: u64 = 12_000;

fn all_of(trades: &HashMap<String, Vec<Trade>>) -> Vec<&Trade> {
    trades.values().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and tells figures"]
async fn kafka_is_away_for_a_minute() {
    let own = test_support::isolated().await;
    let mut settings = settings(&own).await;
    let mut broker = KafkaBroker::start().await.unwrap();
    settings.kafka.bootstrap_servers = broker.bootstrap_servers();
    set_up_topics(&settings.kafka).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let trades = trades_of(&path);
    let all = all_of(&trades);
    let length = (AWAY + 2 * AROUND).as_secs_f64();
    let simulator = market(&path, &all, length).await;
    let rest = RestDouble::start(simulator.products(), all.iter().map(|t| **t)).await;
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &ALL).await;
    app.ready().await;
    simulator.release();
    tokio::time::sleep(AROUND).await;
    let before = app.statistics.counts();
    broker.kill();
    tokio::time::sleep(AWAY).await;
    let waiting = app.statistics.counts();
    let back = Instant::now();
    broker.restart().await.unwrap();
    let up = back.elapsed();
    let caught_up = async {
        // What came meanwhile, and what comes.
        while app.statistics.counts().in_flight > 200 || app.statistics.counts().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, caught_up).await.unwrap();
    let caught_up = back.elapsed();
    let rest_of_it = async {
        simulator.finished().await;
        while app.statistics.counts().published < all.len() as u64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, rest_of_it).await.unwrap();
    let counts = app.statistics.counts();
    app.stop().await;
    eprintln!(
        "Kafka away for {AWAY:?}: {} trades in the log before, {} queued and {} waiting at its end; \
         the broker was up {up:.1?} after its start, everything was caught up with after \
         {caught_up:.1?}; fetched {}, gaps {}",
        before.published, waiting.in_flight, waiting.waiting, counts.backfilled, counts.gaps
    );
    assert_eq!((counts.gaps, counts.lost), (0, 0));
    let log = logged(&settings).await;
    for (symbol, trades) in &trades {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and tells figures"]
async fn redis_is_away_for_a_minute() {
    let own = test_support::isolated().await;
    let redis = RedisServer::start().await.unwrap();
    let url = redis.url();
    let (_, port) = url.trim_end_matches('/').rsplit_once(':').unwrap();
    let proxy = Proxy::start(port.parse().unwrap()).await;
    let mut settings = settings(&own).await;
    settings.redis.url = format!("redis://127.0.0.1:{}/", proxy.port()).into();
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let trades = trades_of(&path);
    let all = all_of(&trades);
    let length = (AWAY + 2 * AROUND).as_secs_f64();
    let simulator = market(&path, &all, length).await;
    let rest = RestDouble::start(simulator.products(), all.iter().map(|t| **t)).await;
    settings.feed.websocket_url = simulator.ws_url();
    settings.feed.rest_url = rest.url();
    settings.feed.products = ALL.map(str::to_owned).to_vec();
    let (one, two) = (Replica::start(&settings), Replica::start(&settings));
    until("both have their share", async || {
        one.partitions().await.len() == 4 && two.partitions().await.len() == 4
    })
    .await;
    let shares = (one.partitions().await, two.partitions().await);
    simulator.release();
    tokio::time::sleep(AROUND).await;
    proxy.cut();
    tokio::time::sleep(AWAY).await;
    let without = (one.partitions().await, two.partitions().await);
    proxy.mend();
    tokio::time::timeout(PATIENCE, simulator.finished())
        .await
        .unwrap();
    until("everything is in the log", async || {
        let log = logged(&settings).await;
        trades.iter().all(|(symbol, trades)| {
            let known = log.get(symbol).and_then(|logged| logged.trades.last());
            known.copied() >= trades.last().map(|trade| trade.trade_id)
        })
    })
    .await;
    assert_eq!(without, shares, "the holders go on");
    let log = logged(&settings).await;
    let mut fetched = 0;
    for (symbol, trades) in &trades {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
        assert!(log[symbol].gaps.is_empty(), "{symbol}");
        fetched += log[symbol].backfilled.len();
    }
    eprintln!(
        "Redis away for {AWAY:?}: both replicas kept their partitions, {} trades in the log, each \
         once, {fetched} of them fetched",
        all.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and tells figures"]
async fn killed_replicas_are_replaced() {
    const KILLED: usize = 5;
    let own = test_support::isolated().await;
    let mut settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let trades = trades_of(&path);
    let all = all_of(&trades);
    let simulator = market(&path, &all, 100.0).await;
    let rest = RestDouble::start(simulator.products(), all.iter().map(|t| **t)).await;
    settings.feed.websocket_url = simulator.ws_url();
    settings.feed.rest_url = rest.url();
    settings.feed.products = ALL.map(str::to_owned).to_vec();
    let mut survivor = Replica::start(&settings);
    let mut took = Vec::new();
    for _ in 0..KILLED {
        let other = Replica::start(&settings);
        until("both have their share", async || {
            survivor.partitions().await.len() == 4 && other.partitions().await.len() == 4
        })
        .await;
        // Only the first time does anything.
        simulator.release();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let killed = Instant::now();
        drop(std::mem::replace(&mut survivor, other));
        until("the killed one is replaced", async || {
            survivor.partitions().await.len() == 8
        })
        .await;
        took.push(killed.elapsed());
    }
    tokio::time::timeout(PATIENCE, simulator.finished())
        .await
        .unwrap();
    until("everything is in the log", async || {
        let log = logged(&settings).await;
        trades.iter().all(|(symbol, trades)| {
            let known = log.get(symbol).and_then(|logged| logged.trades.last());
            known.copied() >= trades.last().map(|trade| trade.trade_id)
        })
    })
    .await;
    drop(survivor);
    let times: Vec<String> = took.iter().map(|time| format!("{time:.1?}")).collect();
    eprintln!(
        "a killed replica is replaced after (to within 100 ms): {}",
        times.join(", ")
    );
    let log = logged(&settings).await;
    for (symbol, trades) in &trades {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
        assert!(log[symbol].gaps.is_empty(), "{symbol}");
    }
}
