//! How fast frames are parsed, sent by the simulator, and taken by the client.
//!
//! `cargo run --release -p coinbase --example throughput [RECORDING]`; without a recording the
//! random market makes one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for developers: it prints, and may stop with a backtrace"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use coinbase::client::{FeedClient, FeedConfig, FeedEvent, Item};
use coinbase::exchange::{Channel, parse};
use coinbase::market::{MarketConfig, RandomMarket, Until, record};
use coinbase::recording::{RecordingReader, TimeRange, summarize};
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let folder = std::env::temp_dir().join(format!("throughput-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = std::env::args().nth(1).map_or_else(
        || {
            let path = folder.join("market.ndjson.zst");
            record(&MarketConfig::default(), Until::Trades(200_000), &path).unwrap();
            path
        },
        PathBuf::from,
    );
    parsing(&path);
    generating();
    simulator_alone(&path).await;
    simulator_and_client(&path).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

fn report(what: &str, count: u64, elapsed: Duration) {
    let rate = count as f64 / elapsed.as_secs_f64();
    let each = elapsed.as_nanos() as f64 / count as f64;
    println!("{what:<44} {rate:>12.0}/s {each:>8.0} ns each");
}

fn parsing(path: &PathBuf) {
    let started = Instant::now();
    let summary = summarize(path, TimeRange::ALL).unwrap();
    report(
        "recording read and scanned, frames",
        summary.frames,
        started.elapsed(),
    );
    let frames = RecordingReader::open(path).unwrap().take(100_000);
    let texts: Vec<String> = frames.map(|frame| frame.unwrap().text).collect();
    let started = Instant::now();
    let trades = texts
        .iter()
        .filter(|text| parse(text).unwrap().trade().is_some())
        .count();
    report("parsed, frames", texts.len() as u64, started.elapsed());
    assert!(trades > 0);
}

fn generating() {
    let count = 200_000;
    let market = RandomMarket::new(&MarketConfig::default()).unwrap();
    let started = Instant::now();
    let bytes: usize = market.take(count).map(|frame| frame.text.len()).sum();
    report("random market, frames", count as u64, started.elapsed());
    assert!(bytes > 0);
}

async fn simulator_alone(path: &PathBuf) {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        ..SimulatorConfig::recording(path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let ids: Vec<_> = simulator
        .products()
        .iter()
        .map(|product| product.id)
        .collect();
    let (mut socket, _) = tokio_tungstenite::connect_async(simulator.ws_url())
        .await
        .unwrap();
    let channels = [Channel::Ticker, Channel::Matches, Channel::Heartbeat];
    let request = coinbase::exchange::Request::subscribe(&channels, &ids).to_json();
    let started = Instant::now();
    socket.send(Message::text(request)).await.unwrap();
    let received = tokio::spawn(async move {
        let mut frames = 0_u64;
        while let Some(Ok(Message::Text(_))) = socket.next().await {
            frames += 1;
        }
        frames
    });
    simulator.finished().await;
    let elapsed = started.elapsed();
    simulator.shutdown().await;
    report(
        "simulator to a client that only counts",
        received.await.unwrap(),
        elapsed,
    );
}

async fn simulator_and_client(path: &PathBuf) {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        ..SimulatorConfig::recording(path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let ids: Vec<_> = simulator
        .products()
        .iter()
        .map(|product| product.id)
        .collect();
    let expected = simulator.summary().unwrap().tickers + simulator.summary().unwrap().matches;
    let shutdown = CancellationToken::new();
    let config = FeedConfig {
        stale_after: None,
        ..FeedConfig::new(simulator.ws_url())
    };
    let started = Instant::now();
    let mut feed = FeedClient::spawn(config, ids, shutdown);
    let (mut trades, mut batches) = (0, 0);
    while trades < expected {
        if let Some(FeedEvent::Batch(items)) = feed.next().await {
            let new = items
                .iter()
                .filter(|item| matches!(item, Item::Trade(_)))
                .count();
            trades += new as u64;
            batches += 1;
        }
    }
    report(
        "simulator to the feed client, trades",
        trades,
        started.elapsed(),
    );
    let mean = trades / batches.max(1);
    println!("{:<44} {mean:>12}", "mean trades in a batch");
}
