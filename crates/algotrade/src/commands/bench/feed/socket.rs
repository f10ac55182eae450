//! Frames through a real socket: the simulator's, and the client's.

use std::path::Path;
use std::time::Instant;

use coinbase::ProductId;
use coinbase::client::{FeedClient, FeedConfig, FeedEvent, Item};
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use tokio_util::sync::CancellationToken;

use crate::commands::bench::figure::Figure;

/// The client on the simulator, both in this process, as fast as it reads.
pub(super) async fn figures(path: &Path) -> anyhow::Result<Vec<Figure>> {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        ..SimulatorConfig::recording(path)
    };
    let simulator = Simulator::start(config).await?;
    let products: Vec<ProductId> = simulator.products().iter().map(|one| one.id).collect();
    let expected = simulator
        .summary()
        .map_or(0, |summary| summary.tickers + summary.matches);
    let shutdown = CancellationToken::new();
    let config = FeedConfig {
        stale_after: None,
        ..FeedConfig::new(simulator.ws_url())
    };
    let mut feed = FeedClient::spawn(config, products, shutdown.clone());
    let mut trades = 0;
    let mut started = Instant::now();
    while trades < expected {
        match feed.next().await {
            Some(FeedEvent::Subscribed(_)) if trades == 0 => {
                simulator.release();
                started = Instant::now();
            }
            Some(FeedEvent::Batch(items)) => {
                let is_trade = |item: &&Item| matches!(item, Item::Trade(_));
                trades += items.iter().filter(is_trade).count() as u64;
            }
            Some(FeedEvent::Disconnected { reason, .. }) => {
                anyhow::bail!("the client lost the simulator: {reason}")
            }
            Some(_) => {}
            None => anyhow::bail!("the client ended early"),
        }
    }
    let elapsed = started.elapsed();
    shutdown.cancel();
    feed.join().await;
    simulator.shutdown().await;
    Ok(vec![Figure {
        name: "simulator to client, over a socket".to_owned(),
        value: trades as f64 / elapsed.as_secs_f64(),
        unit: "trades/s",
        baseline: None,
        goal: None,
    }])
}
