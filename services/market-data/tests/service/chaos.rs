//! Every kind of chaos that the simulator knows, through the service into Kafka: the log is the
//! truth minus exactly the marked gaps, each trade once, ascending.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use crate::common::logged::{Logged, assert_whole, ids, logged};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, recording, settings, trades_of};
use coinbase::simulator::{
    Chaos, ChaosReport, PROFILES, Simulator, SimulatorConfig, SimulatorHandle, Speed,
};
use futures_util::future::join_all;
use service_kit::Settings;
use test_support::Isolated;

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];
const TRADES: u64 = 3_000;

/// A profile's chaos in a hurry: how long its waits are makes no difference to the log.
fn hurried(mut chaos: Chaos) -> Chaos {
    for delay in [&mut chaos.slow, &mut chaos.pauses].into_iter().flatten() {
        delay.wait = Duration::from_millis(5);
    }
    chaos
}

async fn simulator(path: &Path, chaos: Chaos) -> SimulatorHandle {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        chaos,
        ..SimulatorConfig::recording(path)
    };
    Simulator::start(config).await.unwrap()
}

async fn own(own: &Isolated, name: &str) -> Settings {
    let mut settings = settings(own).await;
    settings.kafka.topic_prefix = own.topic(&format!("{name}."));
    // A connection that brings nothing is left soon.
    settings.feed.stale_after_seconds = 1;
    kafka_common::admin::set_up_topics(&settings.kafka)
        .await
        .unwrap();
    settings
}

/// Plays it all, and waits until nothing moves any more: what a broken connection took with it
/// doesn't come.
async fn play(app: &TestApp, simulator: &SimulatorHandle) {
    app.ready().await;
    simulator.release();
    let playing = async {
        simulator.finished().await;
        loop {
            let frames = app.statistics.counts().frames;
            tokio::time::sleep(Duration::from_millis(500)).await;
            app.statistics.settled(frames).await;
            if app.statistics.counts().frames == frames {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, playing).await;
    assert!(in_time.is_ok(), "{:?}", app.statistics.counts());
}

/// What a profile made of the recording: the log, and what the simulator did.
async fn outcome(
    settings: Settings,
    simulator: SimulatorHandle,
    rest_url: String,
) -> (HashMap<String, Logged>, ChaosReport) {
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest_url, &ALL).await;
    play(&app, &simulator).await;
    app.stop().await;
    let report = simulator.chaos();
    simulator.shutdown().await;
    (logged(&settings).await, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_rest_every_profile_gives_the_whole_truth() {
    let servers = test_support::isolated().await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let truth = trades_of(&path);
    let runs = PROFILES.iter().zip(11..).map(async |(profile, seed)| {
        let settings = own(&servers, &format!("whole-{}", profile.name)).await;
        // The simulator's own REST interface has what was lost, and troubles of its own.
        let simulator = simulator(&path, hurried(profile.chaos(seed))).await;
        let rest_url = simulator.rest_url();
        (profile.name, outcome(settings, simulator, rest_url).await)
    });
    for (name, (log, report)) in join_all(runs).await {
        for (symbol, trades) in &truth {
            let Some(logged) = log.get(symbol) else {
                assert!(report.stalled > 0, "{name}: {symbol} has no trades");
                continue;
            };
            assert!(logged.gaps.is_empty(), "{name}: {symbol}");
            let all = ids(trades);
            let (first, last) = (logged.trades[0], logged.trades[logged.trades.len() - 1]);
            let between = all.into_iter().filter(|id| (first..=last).contains(id));
            assert_eq!(
                logged.trades,
                between.collect::<Vec<_>>(),
                "{name}: {symbol}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_rest_every_profile_gives_the_truth_minus_the_marked_gaps() {
    let servers = test_support::isolated().await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), TRADES);
    let truth = trades_of(&path);
    let runs = PROFILES.iter().zip(21..).map(async |(profile, seed)| {
        let settings = own(&servers, &format!("marked-{}", profile.name)).await;
        let simulator = simulator(&path, hurried(profile.chaos(seed))).await;
        let forgetful = RestDouble::start(simulator.products(), []).await;
        let rest_url = forgetful.url();
        (profile.name, outcome(settings, simulator, rest_url).await)
    });
    let mut marked = BTreeSet::new();
    for (name, (log, report)) in join_all(runs).await {
        for (symbol, trades) in &truth {
            let Some(logged) = log.get(symbol) else {
                assert!(report.stalled > 0, "{name}: {symbol} has no trades");
                continue;
            };
            assert_whole(&format!("{name}: {symbol}"), logged);
            assert!(logged.backfilled.is_empty(), "{name}: {symbol}");
            let missing: BTreeSet<u64> = logged
                .gaps
                .iter()
                .flat_map(|(first, last)| *first..=*last)
                .collect();
            if !missing.is_empty() {
                marked.insert(name);
            }
            let first = logged.trades[0].min(missing.first().copied().unwrap_or(u64::MAX));
            let last = logged.trades[logged.trades.len() - 1]
                .max(missing.last().copied().unwrap_or_default());
            // Exactly: what isn't marked is there, and what is marked isn't.
            let expected: Vec<u64> = ids(trades)
                .into_iter()
                .filter(|id| (first..=last).contains(id) && !missing.contains(id))
                .collect();
            assert_eq!(logged.trades, expected, "{name}: {symbol}");
            let product = trades[0].product_id;
            let lost = report.lost.get(&product).cloned().unwrap_or_default();
            let untold: Vec<&u64> = lost
                .range(first..=last)
                .filter(|id| !missing.contains(id))
                .collect();
            assert!(untold.is_empty(), "{name}: {symbol} {untold:?}");
        }
    }
    assert!(
        marked.contains("lossy") && marked.contains("storm"),
        "{marked:?}"
    );
    assert!(!marked.contains("repeats"), "{marked:?}");
    assert!(!marked.contains("garbage"), "{marked:?}");
}
