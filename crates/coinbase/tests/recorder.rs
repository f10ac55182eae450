//! Recording a feed, and playing the recording.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use coinbase::client::{FeedConfig, RecorderStats, record};
use coinbase::recording::{
    Record, RecordKind, RecordingReader, RecordingStore, StoreConfig, TimeRange, inspect,
};
use coinbase::simulator::{Chaos, Simulator, SimulatorConfig, Speed};
use common::{LONG, client, collect_new, fast_config, product, trades_of};
use tokio_util::sync::CancellationToken;

const IDS: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

/// Records until so many frames have come.
async fn record_frames(feed: FeedConfig, store: StoreConfig, frames: u64) -> Arc<RecorderStats> {
    let (stats, shutdown) = (Arc::new(RecorderStats::default()), CancellationToken::new());
    let recording = record(
        feed,
        IDS.map(product).to_vec(),
        store,
        Arc::clone(&stats),
        shutdown.clone(),
    );
    let enough = async {
        while stats.frames() < frames {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        recorded = tokio::time::timeout(LONG, recording) => recorded.expect("in time").unwrap(),
        () = enough => {}
    }
    stats
}

fn frames_of(path: &Path) -> Vec<String> {
    let reader = RecordingReader::open(path).unwrap();
    reader.map(|frame| frame.unwrap().text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_recorded_is_what_was_sent_whichever_feed() {
    let folder = tempfile::tempdir().unwrap();
    let source = common::recording(folder.path(), 1_500);
    for advanced in [false, true] {
        let config = SimulatorConfig {
            speed: Speed::AsFastAsClientReads,
            ..SimulatorConfig::recording(&source)
        };
        let simulator = Simulator::start(config).await.unwrap();
        let feed = match advanced {
            true => common::advanced(simulator.advanced_url()),
            false => fast_config(simulator.ws_url()),
        };
        let store = StoreConfig::new(folder.path().join(format!("recorded-{advanced}")));
        let target = store.folder.clone();
        // All trades have come once the last message of them has.
        let recording = tokio::spawn(record_frames(feed, store, u64::MAX));
        tokio::time::timeout(LONG, simulator.finished())
            .await
            .expect("played");
        let sent = simulator.stats().frames_sent;
        let contents = loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let contents = inspect(&target).unwrap();
            if contents.frames == sent {
                break contents;
            }
        };
        recording.abort();
        let expected = trades_of(&source, TimeRange::ALL, &IDS.map(product));
        let trades: u64 = contents
            .products
            .values()
            .map(|product| product.trades)
            .sum();
        assert_eq!(trades, expected.len() as u64);
        assert!(contents.products.values().all(|product| product.gaps == 0));
        assert_eq!((contents.connections, contents.malformed), (1, 0));

        // And played again, it gives the same trades.
        let config = SimulatorConfig {
            speed: Speed::AsFastAsClientReads,
            ..SimulatorConfig::recording(&target)
        };
        let again = Simulator::start(config).await.unwrap();
        let (mut feed, _shutdown) = client(fast_config(again.ws_url()), &IDS.map(product));
        let received = collect_new(&mut feed, expected.len()).await;
        let ids = |trades: &[coinbase::Trade], id: &str| -> Vec<u64> {
            let of = trades
                .iter()
                .filter(|trade| trade.product_id == product(id));
            of.map(|trade| trade.trade_id).collect()
        };
        for id in IDS {
            assert_eq!(ids(&received, id), ids(&expected, id));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnects_are_recorded_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let config = SimulatorConfig {
        chaos: Chaos {
            disconnects: 0.05,
            ..Chaos::default()
        },
        speed: Speed::Times(100.0),
        ..SimulatorConfig::market(common::market(1))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let store = StoreConfig::new(folder.path().join("r"));
    let target = store.folder.clone();
    let stats = record_frames(fast_config(simulator.ws_url()), store, 400).await;
    let contents = inspect(&target).unwrap();
    assert!(stats.connections() > 1 && contents.connections > 1);
    assert!(contents.frames >= 400);
    let text = zstd::decode_all(std::fs::File::open(only_file(&target)).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    for kind in ["connect", "send", "recv", "disconnect"] {
        assert!(text.contains(&format!(r#"{{"t":"{kind}""#)), "{kind}");
    }
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files = files.filter(|file| file.extension().is_some_and(|end| end == "zst"));
    files.next().unwrap()
}

fn received(number: u64) -> Record {
    let time = "2025-01-01T00:00:00Z"
        .parse::<chrono::DateTime<Utc>>()
        .unwrap();
    let data = format!(
        concat!(
            r#"{{"type":"match","trade_id":{},"side":"buy","size":"1","price":"5","#,
            r#""product_id":"BTC-USD","time":"2025-01-01T00:00:00Z"}}"#
        ),
        number
    );
    Record {
        kind: RecordKind::Received,
        connection: 1,
        time: time + TimeDelta::milliseconds(i64::try_from(number).unwrap() * 10),
        data: data.into_bytes(),
    }
}

#[test]
fn files_are_rotated_indexed_and_the_oldest_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        max_file_bytes: 1,
        max_bytes: 2_000,
        flush_every: Duration::ZERO,
        ..StoreConfig::new(folder.path())
    };
    let mut store = RecordingStore::open(config.clone()).unwrap();
    for number in 1..=40 {
        store.write(&received(number)).unwrap();
        store.tick().unwrap();
    }
    let deleted = store.deleted();
    store.finish().unwrap();
    assert!(deleted > 20, "{deleted}");
    let contents = inspect(folder.path()).unwrap();
    let traded = contents.products[&product("BTC-USD")];
    assert_eq!((traded.last_id, traded.gaps), (40, 0));
    assert_eq!(
        (contents.files, traded.trades),
        (40 - deleted, 40 - deleted)
    );
    // The index says the same as the files.
    std::fs::remove_file(folder.path().join("index.ndjson")).unwrap();
    assert_eq!(inspect(folder.path()).unwrap(), contents);
    // Another recorder goes on behind.
    let mut next = RecordingStore::open(config).unwrap();
    next.write(&received(45)).unwrap();
    next.finish().unwrap();
    let contents = inspect(folder.path()).unwrap();
    let traded = contents.products[&product("BTC-USD")];
    assert_eq!((traded.last_id, traded.gaps, traded.missing), (45, 1, 4));
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig {
        flush_every: Duration::ZERO,
        ..StoreConfig::new(folder.path())
    };
    let mut store = RecordingStore::open(config).unwrap();
    for number in 1..=30 {
        store.write(&received(number)).unwrap();
        store.tick().unwrap();
    }
    store.write(&received(31)).unwrap();
    // As a kill would: nothing is completed.
    drop(store);
    assert_eq!(frames_of(folder.path()).len(), 30);
    let contents = inspect(folder.path()).unwrap();
    assert!(!contents.cut);
    // In the middle of a write: what is whole is still there.
    let file = only_file(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
    let contents = inspect(folder.path()).unwrap();
    assert!(contents.cut);
    assert_eq!(contents.frames, 29);
}

#[test]
fn bytes_that_are_no_text_are_kept_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = RecordingStore::open(StoreConfig::new(folder.path())).unwrap();
    for data in [&b"ab\xffcd"[..], b"{\"type\":\n\"x\"}", b""] {
        let record = Record::now(RecordKind::Received, 1, data);
        store.write(&record).unwrap();
    }
    store.finish().unwrap();
    let frames = frames_of(folder.path());
    assert_eq!(frames, ["ab\u{fffd}cd", "{\"type\":\n\"x\"}", ""]);
    assert_eq!(inspect(folder.path()).unwrap().frames, 3);
}

/// Frames are sent when they were received, not at the times that they tell.
#[tokio::test]
async fn recordings_are_played_by_the_time_of_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = RecordingStore::open(StoreConfig::new(folder.path())).unwrap();
    for number in [0, 100] {
        store.write(&received(number)).unwrap();
    }
    store.finish().unwrap();
    let simulator = Simulator::start(SimulatorConfig::recording(folder.path()))
        .await
        .unwrap();
    let started = std::time::Instant::now();
    let (mut feed, _shutdown) = client(fast_config(simulator.ws_url()), &[product("BTC-USD")]);
    collect_new(&mut feed, 2).await;
    // A second lies between; only a lower bound, as a busy machine may always be slower.
    assert!(started.elapsed() >= Duration::from_millis(990));
}
