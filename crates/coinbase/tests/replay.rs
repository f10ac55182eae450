//! A recording through the simulator's socket and the client: what comes out is what is in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use coinbase::client::RestClient;
use coinbase::recording::TimeRange;
use coinbase::simulator::{Simulator, SimulatorConfig, Source, Speed};
use coinbase::{Catalog, ProductId};
use common::{client, collect_new, fast_config, product, recording, trades_of};
use std::path::Path;

async fn replayed_equals_file(path: &Path, range: TimeRange, speed: Speed, products: &[ProductId]) {
    let source = Source::Recording {
        path: path.to_path_buf(),
        range,
    };
    let config = SimulatorConfig {
        source,
        speed,
        hold: true,
        ..SimulatorConfig::recording(path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let (mut feed, shutdown) = client(fast_config(simulator.ws_url()), products);
    simulator.release();
    let expected = trades_of(path, range, products);
    let received = collect_new(&mut feed, expected.len()).await;
    assert_eq!(received.len(), expected.len());
    assert!(received == expected, "same trades in the same order");
    tokio::time::timeout(common::LONG, simulator.finished())
        .await
        .expect("it ends");
    let stats = simulator.stats();
    assert_eq!(stats.trades_played, simulator.summary().unwrap().trades());
    assert_eq!(stats.connections, 1, "no reconnect");
    shutdown.cancel();
    feed.join().await;
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_in_trades_out_as_fast_as_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let all = ["BTC-USD", "ETH-USD", "SOL-USD"].map(product);
    let fast = Speed::AsFastAsClientReads;
    replayed_equals_file(&path, TimeRange::ALL, fast, &all).await;
    replayed_equals_file(&path, TimeRange::ALL, fast, &all[1..2]).await;
    let from = "2025-11-25T05:00:30Z".parse().ok();
    let part = TimeRange {
        from,
        to: "2025-11-25T05:01:30Z".parse().ok(),
    };
    replayed_equals_file(&path, part, fast, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_in_trades_out_by_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 600);
    // 40 seconds in two tenths of one.
    replayed_equals_file(
        &path,
        TimeRange::ALL,
        Speed::Times(200.0),
        &[product("BTC-USD")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_tickers_in_trades_out() {
    let name = "exchange_ticker_2025-11-25T04-08Z.ndjson.zst";
    let Some(path) = common::real_data(name) else {
        return;
    };
    let from = "2025-11-25T05:00:00Z".parse().ok();
    let range = TimeRange {
        from,
        to: "2025-11-25T06:00:00Z".parse().ok(),
    };
    let all = ["BTC-USD", "ETH-USD", "SOL-USD"].map(product);
    replayed_equals_file(&path, range, Speed::AsFastAsClientReads, &all).await;
}

#[tokio::test]
async fn the_clock_holds_frames_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 60);
    let config = SimulatorConfig {
        speed: Speed::Times(10.0),
        ..SimulatorConfig::recording(&path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let summary = simulator.summary().unwrap();
    let length = (summary.last.unwrap() - summary.first.unwrap())
        .to_std()
        .unwrap();
    let started = std::time::Instant::now();
    let (mut feed, _shutdown) = client(fast_config(simulator.ws_url()), &[product("BTC-USD")]);
    common::next(&mut feed).await;
    simulator.finished().await;
    // Only a lower bound: a busy machine may always be slower.
    assert!(
        started.elapsed() >= length.mul_f64(0.09),
        "{length:?} of event time"
    );
}

#[tokio::test]
async fn the_list_of_products_is_what_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 300);
    let simulator = Simulator::start(SimulatorConfig::recording(&path))
        .await
        .unwrap();
    let rest = RestClient::new(&simulator.rest_url()).unwrap();
    let products = rest.products().await.unwrap();
    assert_eq!(products, simulator.products());
    let catalog: Catalog = products.into_iter().collect();
    assert_eq!(catalog.find("BTCUSD").unwrap().id, product("BTC-USD"));
    assert_eq!(
        catalog
            .by_id(product("BTC-USD"))
            .unwrap()
            .quote_increment
            .to_string(),
        "0.01"
    );
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SimulatorConfig::recording(folder.path().join("missing"));
    assert!(Simulator::start(missing).await.is_err());
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "no frame\n").unwrap();
    let error = Simulator::start(SimulatorConfig::recording(&empty))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nothing to play"), "{error}");
    let market = SimulatorConfig::market(common::market(1));
    for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let config = SimulatorConfig {
            speed: Speed::Times(factor),
            ..market.clone()
        };
        assert!(Simulator::start(config).await.is_err());
    }
}
