//! Frames that can't be read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::logged::{ids, logged};
use crate::common::rest::RestDouble;
use crate::common::{PATIENCE, TestApp, player, recording, settings, trades_of};
use coinbase::recording::RecordingReader;
use reqwest::{Method, StatusCode};
use serde_json::json;

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];
/// Every so many-th frame of BTC is damaged.
const NOW_AND_THEN: usize = 100;

/// No price of ETH can be read, and of BTC one in a hundred; tells how many of each.
fn damage(from: &Path, to: PathBuf) -> (PathBuf, [u64; 2]) {
    let mut file = std::fs::File::create(&to).unwrap();
    let (mut eth, mut btc, mut of_btc) = (0, 0, 0_usize);
    for frame in RecordingReader::open(from).unwrap() {
        let mut text = frame.unwrap().text;
        let damaged = text.replace(r#""price":""#, r#""price":"about "#);
        if text.contains("ETH-USD") && damaged != text {
            eth += 1;
            text = damaged;
        } else if text.contains("BTC-USD") && damaged != text {
            of_btc += 1;
            if of_btc.is_multiple_of(NOW_AND_THEN) {
                btc += 1;
                text = damaged;
            }
        }
        writeln!(file, "{text}").unwrap();
    }
    (to, [eth, btc])
}

async fn metrics(app: &TestApp) -> String {
    let answer = app.send(Method::GET, "/metrics", None, None).await;
    answer.text().await.unwrap()
}

/// The value of a series that has all these labels.
fn value(metrics: &str, name: &str, labels: &[&str]) -> Option<u64> {
    let has_labels = |line: &&str| labels.iter().all(|label| line.contains(label));
    let line = metrics
        .lines()
        .filter(|line| line.starts_with(name))
        .find(has_labels)?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_whose_frames_stay_malformed_is_named_with_the_reason() {
    let own = test_support::isolated().await;
    let settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(folder.path(), 3_000);
    let all = trades_of(&whole);
    let (damaged, [eth, btc]) = damage(&whole, folder.path().join("damaged.ndjson"));
    assert!(eth > 1_000 && btc > 5, "{eth} {btc}");
    let simulator = player(&damaged).await;
    let rest = RestDouble::start(simulator.products(), all.values().flatten().copied()).await;
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &ALL).await;
    let counts = app.play(&simulator).await;
    assert_eq!(counts.malformed, eth + btc);

    let (status, page) = app.get("/healthz/ready").await;
    assert_eq!(status, StatusCode::OK, "the other products are well");
    let malformed = page["details"]["malformed"].as_object().unwrap();
    assert_eq!(malformed.keys().collect::<Vec<_>>(), ["ETHUSD"], "{page}");
    let told = &malformed["ETHUSD"];
    assert_eq!(told["frames"], eth);
    assert_eq!(told["last_reason"], "bad_decimal");
    let error = told["last_error"].as_str().unwrap();
    assert!(error.starts_with("field price is \"about "), "{error}");
    assert_eq!(told["trades_of_the_last_32"], 32);
    assert_eq!(told["heartbeats_of_the_last_32"], 0);
    let of = |symbol: &str| page["details"]["products"][symbol]["malformed_frames"].clone();
    assert_eq!([of("BTCUSD"), of("SOLUSD")], [json!(btc), json!(0)]);

    // Other tests of this program may count, too.
    let frames = "market_data_malformed_frames_total";
    let labels = [r#"reason="bad_decimal""#, r#"symbol="ETHUSD""#];
    let counted = value(&metrics(&app).await, frames, &labels).unwrap();
    assert!(counted >= eth, "{counted}");
    let named = async {
        while value(&metrics(&app).await, "market_data_malformed_products", &[]) != Some(1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, named).await.unwrap();
    app.stop().await;

    // What couldn't be read is fetched, as what didn't come: heartbeats tell of it.
    let log = logged(&settings).await;
    assert_eq!(log["BTCUSD"].trades, ids(&all["BTCUSD"]));
    assert_eq!(log["SOLUSD"].trades, ids(&all["SOLUSD"]));
    let eth_log = &log["ETHUSD"];
    assert!(eth_log.gaps.is_empty() && eth_log.trades == eth_log.backfilled);
    let all_eth = ids(&all["ETHUSD"]);
    let from = all_eth.iter().position(|id| *id == eth_log.trades[0]);
    let expected = &all_eth[from.unwrap()..][..eth_log.trades.len()];
    assert_eq!(eth_log.trades, expected);
}
