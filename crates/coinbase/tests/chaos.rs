//! The client and the sequencer against a feed on which everything goes wrong: what comes out is the
//! truth, minus exactly what was lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use coinbase::client::{DisconnectReason, FeedEvent, Item};
use coinbase::recording::TimeRange;
use coinbase::simulator::{
    Chaos, ChaosReport, Losses, PROFILES, Profile, Simulator, SimulatorConfig, Speed,
};
use coinbase::{ProductId, Sequencer, TradeOutcome};
use common::{client, fast_config, next, product, recording, trades_of};

const IDS: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

type Ids = BTreeMap<ProductId, BTreeSet<u64>>;

#[derive(Default)]
struct Outcome {
    emitted: Ids,
    missing: Ids,
    malformed: u64,
    frames_lost: u64,
    disconnects: Vec<DisconnectReason>,
    report: ChaosReport,
}

/// Plays a recording through chaos, and judges what comes as market-data does.
async fn play(path: &Path, chaos: Chaos, advanced: bool) -> Outcome {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        chaos,
        ..SimulatorConfig::recording(path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let mut feed_config = fast_config(simulator.ws_url());
    if advanced {
        feed_config = common::advanced(simulator.advanced_url());
    }
    let (mut feed, shutdown) = client(feed_config, &IDS.map(product));
    simulator.release();
    let mut outcome = Outcome::default();
    let mut sequencer = Sequencer::new();
    let mut is_over = false;
    loop {
        let event = tokio::select! {
            biased;
            event = next(&mut feed) => event,
            () = simulator.finished(), if !is_over => {
                is_over = true;
                continue;
            }
            // Everything that was sent comes before this connection's end.
            () = tokio::time::sleep(Duration::from_millis(50)), if is_over => {
                simulator.drop_connections();
                continue;
            }
        };
        match event {
            FeedEvent::Batch(items) => {
                for item in items {
                    outcome.take(item, &mut sequencer);
                }
            }
            FeedEvent::Disconnected { reason, .. } => {
                if is_over && reason == DisconnectReason::Closed("1001 going away".to_owned()) {
                    break;
                }
                outcome.disconnects.push(reason);
            }
            _ => {}
        }
    }
    shutdown.cancel();
    outcome.report = simulator.chaos();
    simulator.shutdown().await;
    outcome
}

impl Outcome {
    fn take(&mut self, item: Item, sequencer: &mut Sequencer) {
        let trade = match item {
            Item::Trade(trade) => trade,
            Item::Malformed(_) => {
                self.malformed += 1;
                return;
            }
            Item::FramesLost(count) => {
                self.frames_lost += count;
                return;
            }
            _ => return,
        };
        let product = trade.product_id;
        if let TradeOutcome::Emit { gap, .. } = sequencer.trade(product, trade.trade_id) {
            self.emitted
                .entry(product)
                .or_default()
                .insert(trade.trade_id);
            if let Some(gap) = gap {
                let ids = gap.first_missing..=gap.last_missing;
                self.missing.entry(product).or_default().extend(ids);
            }
        }
    }
}

fn truth(path: &Path) -> Ids {
    let mut ids = Ids::new();
    for trade in trades_of(path, TimeRange::ALL, &IDS.map(product)) {
        ids.entry(trade.product_id)
            .or_default()
            .insert(trade.trade_id);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_profile_gives_the_truth_minus_the_marked_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 6_000);
    let truth = truth(&path);
    for profile in PROFILES {
        for (seed, advanced) in [(1, false), (2, true)] {
            let mut chaos = profile.chaos(seed);
            // Their length is tested elsewhere.
            chaos.slow = None;
            chaos.pauses = None;
            let outcome = play(&path, chaos, advanced).await;
            let name = profile.name;
            for (product, ids) in &truth {
                let none = BTreeSet::new();
                let emitted = outcome.emitted.get(product).unwrap_or(&none);
                let missing = outcome.missing.get(product).unwrap_or(&none);
                assert!(
                    emitted.is_subset(ids),
                    "{name}: {product} has trades made up"
                );
                assert!(
                    emitted.is_disjoint(missing),
                    "{name}: {product} missing and there"
                );
                let (Some(first), Some(last)) = (emitted.first(), emitted.last()) else {
                    // It was all played to a connection that brings nothing.
                    assert!(
                        outcome.report.stalled > 0,
                        "{name}: {product} has no trades"
                    );
                    continue;
                };
                let (first, last) = (*first, *last);
                let between: BTreeSet<u64> = ids.range(first..=last).copied().collect();
                let covered: BTreeSet<u64> = emitted.union(missing).copied().collect();
                assert_eq!(
                    covered, between,
                    "{name}: {product} emitted + missing is the truth"
                );
                // A trade that chaos lost comes by no way.
                let lost = outcome.report.lost.get(product).unwrap_or(&none);
                assert!(
                    lost.is_disjoint(emitted),
                    "{name}: {product} lost and there"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_is_what_is_told_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 6_000);
    let losses = Some(Losses {
        rate: 0.01,
        longest: 5,
    });
    for advanced in [false, true] {
        let chaos = Chaos {
            seed: 3,
            losses,
            ..Chaos::default()
        };
        let outcome = play(&path, chaos, advanced).await;
        assert!(outcome.report.lost_trades() > 50);
        let mut told = outcome.missing.clone();
        for (product, emitted) in &outcome.emitted {
            // What was lost before the first trade or after the last isn't between two.
            let (first, last) = (*emitted.first().unwrap(), *emitted.last().unwrap());
            let lost = outcome.report.lost.get(product).unwrap();
            let lost: BTreeSet<u64> = lost.range(first..last).copied().collect();
            assert_eq!(told.remove(product).unwrap_or_default(), lost, "{product}");
        }
        assert_eq!(
            outcome.frames_lost > 0,
            advanced,
            "only one feed counts its messages"
        );
        assert!(outcome.disconnects.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_and_garbage_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let mut chaos = Profile::named("garbage").unwrap().chaos(5);
    chaos.garbage = 0.05;
    chaos.duplicates = 0.1;
    let outcome = play(&path, chaos, false).await;
    assert_eq!(outcome.emitted, truth(&path));
    assert!(outcome.missing.is_empty());
    assert!(outcome.report.garbage > 100 && outcome.report.duplicated > 100);
    assert!(
        outcome.malformed > 50,
        "those of an unknown type aren't malformed"
    );
    assert!(outcome.disconnects.is_empty(), "{:?}", outcome.disconnects);
}

#[tokio::test]
async fn impossible_chaos_is_refused_at_the_start() {
    let config = SimulatorConfig {
        chaos: Chaos {
            stalls: 2.0,
            ..Chaos::default()
        },
        ..SimulatorConfig::market(common::market(1))
    };
    let error = Simulator::start(config).await.unwrap_err();
    assert!(error.to_string().contains("stalls"), "{error}");
}
