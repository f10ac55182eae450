//! Several replicas as processes of their own: killed, paused, and without Redis.

use std::time::Duration;

use crate::common::logged::{ids, logged};
use crate::common::replica::{Replica, market, until};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, recording, settings, trades_of};
use coinbase::Trade;
use test_support::RedisServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_take_over_from_one_that_is_killed_or_paused() {
    let own = test_support::isolated().await;
    let redis = RedisServer::start().await.unwrap();
    let mut settings = settings(&own).await;
    settings.redis.url = redis.url().into();
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 6_000);
    let trades = trades_of(&path);
    let all: Vec<&Trade> = trades.values().flatten().collect();
    let simulator = market(&path, &all, 25.0).await;
    let rest = RestDouble::start(simulator.products(), all.into_iter().copied()).await;
    settings.feed.websocket_url = simulator.ws_url();
    settings.feed.rest_url = rest.url();
    settings.feed.products = ["BTC-USD", "ETH-USD", "SOL-USD"]
        .map(str::to_owned)
        .to_vec();

    let (one, two) = (Replica::start(&settings), Replica::start(&settings));
    until("both have their share", async || {
        one.partitions().await.len() == 4 && two.partitions().await.len() == 4
    })
    .await;
    // What one holds it subscribes to a moment later, and the log begins with what comes then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    simulator.release();
    tokio::time::sleep(Duration::from_secs(3)).await;

    // A paused one is replaced; when it wakes up, it can't write.
    one.signal("-STOP");
    until("the paused one is replaced", async || {
        two.partitions().await.len() == 8
    })
    .await;
    one.signal("-CONT");
    until("it has its share again", async || {
        one.partitions().await.len() == 4
    })
    .await;

    // A killed one is replaced.
    drop(two);
    until("the killed one is replaced", async || {
        one.partitions().await.len() == 8
    })
    .await;

    // Without Redis the holder goes on.
    redis.stop().await.unwrap();
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
    drop(one);
    let log = logged(&settings).await;
    for (symbol, trades) in &trades {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
        assert!(log[symbol].gaps.is_empty(), "{symbol}");
    }
}
