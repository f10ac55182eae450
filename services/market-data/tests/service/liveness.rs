//! A feed that breaks, falls silent, or leaves trades out.

use std::collections::HashMap;
use std::time::Duration;

use crate::common::logged::{cut_frames, ids, logged};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, player, recording, settings, trades_of};
use coinbase::exchange::{Frame, parse};
use coinbase::recording::RecordingReader;
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_tells_of_trades_that_nothing_follows() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(folder.path(), 3_000);
    let all = trades_of(&whole);
    // The last trades of each product don't come; the heartbeats that name them do.
    let cut_from: HashMap<String, u64> = all
        .iter()
        .map(|(symbol, trades)| (symbol.clone(), trades[trades.len() * 9 / 10].trade_id))
        .collect();
    let is_lost = |frame: &Frame<'_>| {
        let cut =
            |trade: coinbase::Trade| trade.trade_id >= cut_from[trade.product_id.symbol().as_str()];
        frame.trade().is_some_and(cut)
    };
    let quiet = cut_frames(&whole, folder.path().join("quiet.ndjson"), is_lost);
    let mut named: HashMap<String, u64> = HashMap::new();
    for frame in RecordingReader::open(&quiet).unwrap() {
        if let Frame::Heartbeat(beat) = parse(&frame.unwrap().text).unwrap() {
            named.insert(beat.product_id.symbol().to_string(), beat.last_trade_id);
        }
    }
    let simulator = player(&quiet).await;
    let rest = RestDouble::start(simulator.products(), all.values().flatten().copied()).await;
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    assert!(counts.backfilled > 0);
    let log = logged(&settings).await;
    for (symbol, trades) in &all {
        assert!(named[symbol] >= cut_from[symbol], "{symbol}");
        let expected: Vec<u64> = ids(trades);
        let expected = expected.into_iter().filter(|id| *id <= named[symbol]);
        assert_eq!(log[symbol].trades, expected.collect::<Vec<_>>(), "{symbol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lost_connection_is_made_good() {
    let own = test_support::isolated().await;
    let mut settings = settings(&own).await;
    // Two connections for three products.
    settings.feed.products_per_connection = 2;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 4_000);
    let all = trades_of(&path);
    let span = |trades: &Vec<coinbase::Trade>| {
        let times = trades.iter().map(|trade| trade.time);
        times.clone().max().unwrap() - times.min().unwrap()
    };
    let seconds = all.values().map(span).max().unwrap().num_milliseconds() as f64 / 1e3;
    let config = SimulatorConfig {
        // Six seconds of it.
        speed: Speed::Times(seconds / 6.0),
        hold: true,
        ..SimulatorConfig::recording(&path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let rest = RestDouble::start(simulator.products(), all.values().flatten().copied()).await;
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &ALL).await;
    app.ready().await;
    assert_eq!(simulator.stats().connections, 2);
    let (_, page) = app.get("/healthz/ready").await;
    assert_eq!(page["details"]["feed"]["connections"], 2);
    simulator.release();
    let dropping = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            simulator.drop_connections();
        }
    };
    let playing = async { tokio::join!(dropping, simulator.finished()) };
    tokio::time::timeout(PATIENCE, playing).await.unwrap();
    // What came last may be told only by the heartbeats that go on.
    let whole = async {
        let published = all.values().map(Vec::len).sum::<usize>() as u64;
        while app.statistics.counts().published < published {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, whole).await;
    assert!(in_time.is_ok(), "{:?}", app.statistics.counts());
    let (_, page) = app.get("/healthz/ready").await;
    let btc = &page["details"]["products"]["BTCUSD"];
    assert!(btc["heard_seconds_ago"].is_number(), "{page}");
    assert_eq!(btc["trades"], all["BTCUSD"].len());
    assert!(simulator.stats().connections >= 8, "twice two more");
    assert!(app.statistics.counts().backfilled > 0);
    app.stop().await;
    let log = logged(&settings).await;
    for (symbol, trades) in &all {
        assert_eq!(log[symbol].trades, ids(trades), "{symbol}");
        assert!(log[symbol].gaps.is_empty(), "{symbol}");
    }
}
