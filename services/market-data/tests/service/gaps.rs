//! The log is complete, or says where it isn't: recordings with losses, with and without the
//! exchange's REST interface to fill them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::logged::{Gap, assert_whole, cut, gaps_between, ids, logged};
use crate::common::rest::RestDouble;
use crate::common::{TestApp, player, recording, settings, trades_of};
use coinbase::Trade;
use coinbase::recording::RecordingReader;
use service_kit::settings::FeedSource;

const ALL: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

/// Every 200th trade and the up to 40 after it are lost, at other places for each product.
fn is_lost(trade: &Trade) -> bool {
    let shift = u64::from(trade.product_id.as_str().as_bytes()[0]);
    let at = (trade.trade_id + shift) % 200;
    (50..51 + trade.trade_id / 200 % 40).contains(&at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_are_filled_through_rest_or_marked() {
    let own = test_support::isolated().await;
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(folder.path(), 6_000);
    let lossy = cut(&whole, folder.path().join("lossy.ndjson"), is_lost);
    let (all, left) = (trades_of(&whole), trades_of(&lossy));

    // Nobody has them: the simulator serves no trades.
    let mut without = settings(&own).await;
    without.kafka.topic_prefix = own.topic("without.");
    kafka_common::admin::set_up_topics(&without.kafka)
        .await
        .unwrap();
    let simulator = player(&lossy).await;
    let app = TestApp::start(without.clone(), &simulator, &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    let marked = logged(&without).await;
    let mut missing = 0;
    for (symbol, left) in &left {
        let gaps = gaps_between(&ids(&all[symbol]), &ids(left));
        missing += gaps
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum::<u64>();
        assert!(gaps.len() > 3, "{symbol}");
        assert_eq!(marked[symbol].gaps, gaps, "{symbol}");
        assert_eq!(marked[symbol].trades, ids(left), "{symbol}");
        assert_whole(symbol, &marked[symbol]);
    }
    let gaps: usize = marked.values().map(|logged| logged.gaps.len()).sum();
    assert_eq!((counts.gaps, counts.missing), (gaps as u64, missing));
    assert_eq!((counts.backfilled, counts.lost), (0, 0));

    // REST has them, and fails now and then.
    let with = settings(&own).await;
    let simulator = player(&lossy).await;
    let rest = RestDouble::start(simulator.products(), all.values().flatten().copied()).await;
    rest.fail(2);
    let app = TestApp::start_with_rest(with.clone(), &simulator, rest.url(), &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    let filled = logged(&with).await;
    for (symbol, left) in &left {
        let (first, last) = (left[0].trade_id, left[left.len() - 1].trade_id);
        let expected: Vec<u64> = (first..=last).collect();
        assert_eq!(filled[symbol].trades, expected, "{symbol}");
        let was_left: BTreeSet<u64> = ids(left).into_iter().collect();
        let lost = expected.iter().copied().filter(|id| !was_left.contains(id));
        assert_eq!(
            filled[symbol].backfilled,
            lost.collect::<Vec<_>>(),
            "{symbol}"
        );
    }
    assert_eq!((counts.gaps, counts.backfilled), (0, missing));
    assert_eq!(rest.requests(), gaps as u64 + 2, "one page for each gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_filled_after_a_restart() {
    let own = test_support::isolated().await;
    let mut settings = settings(&own).await;
    // So that what can't be fetched would be marked: a simulator could have begun anew.
    settings.feed.source = FeedSource::Coinbase;
    let folder = tempfile::tempdir().unwrap();
    let (before, whole) = (
        recording(folder.path(), 1_000),
        recording(folder.path(), 5_000),
    );
    let all = trades_of(&whole);
    let position: BTreeMap<(String, u64), usize> = in_order(&whole);
    let is_lost = |trade: &Trade| position[&(trade.product_id.to_string(), trade.trade_id)] < 4_500;
    let after = cut(&whole, folder.path().join("after.ndjson"), is_lost);

    let simulator = player(&before).await;
    let app = TestApp::start(settings.clone(), &simulator, &ALL).await;
    app.play(&simulator).await;
    app.stop().await;

    let simulator = player(&after).await;
    let rest = RestDouble::start(simulator.products(), all.values().flatten().copied()).await;
    let app = TestApp::start_with_rest(settings.clone(), &simulator, rest.url(), &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    assert_eq!((counts.gaps, counts.backfilled), (0, 3_500));
    let logged = logged(&settings).await;
    for (symbol, trades) in &all {
        assert_eq!(logged[symbol].trades, ids(trades), "{symbol}");
    }
}

/// The place of each trade in the recording.
fn in_order(path: &Path) -> BTreeMap<(String, u64), usize> {
    let mut places = BTreeMap::new();
    for frame in RecordingReader::open(path).unwrap() {
        let text = frame.unwrap().text;
        if let Some(trade) = coinbase::exchange::parse(&text).unwrap().trade() {
            let next = places.len();
            let key = (trade.product_id.to_string(), trade.trade_id);
            places.entry(key).or_insert(next);
        }
    }
    places
}

/// The recorded hours and their losses, as they stand in the notes beside them: runs of missing
/// trades of BTC, ETH and SOL.
const RECORDED_GAPS: [(&str, &[Gap]); 3] = [
    (
        "BTCUSD",
        &[
            (910_924_953, 910_939_009),
            (910_958_263, 910_962_455),
            (910_969_544, 910_969_547),
            (910_969_849, 910_969_850),
            (910_969_958, 910_969_976),
            (910_978_128, 910_978_275),
            (910_978_995, 910_979_041),
        ],
    ),
    (
        "ETHUSD",
        &[
            (737_322_959, 737_335_658),
            (737_347_840, 737_351_376),
            (737_354_761, 737_354_765),
            (737_354_840, 737_354_841),
            (737_361_291, 737_361_411),
            (737_361_910, 737_361_966),
        ],
    ),
    (
        "SOLUSD",
        &[
            (300_030_021, 300_037_916),
            (300_046_586, 300_049_007),
            (300_051_443, 300_051_446),
            (300_051_635, 300_051_640),
            (300_051_716, 300_051_719),
            (300_056_460, 300_056_508),
            (300_056_909, 300_056_958),
        ],
    ),
];

/// A trade in place of one that was lost; the same each time.
fn made_up(after: &Trade, id: u64) -> Trade {
    Trade {
        trade_id: id,
        sequence: None,
        bid: None,
        ask: None,
        ..*after
    }
}

/// Only where the recorded data is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_losses_are_filled_or_marked_exactly() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/data/exchange_ticker_2025-11-25T04-08Z.ndjson.zst");
    if !path.exists() {
        return;
    }
    let own = test_support::isolated().await;
    let left = trades_of(&path);

    let mut without = settings(&own).await;
    // Room for all of it: at this speed a gap that waits for its turn to be asked for holds back
    // tens of thousands, and what doesn't fit would be fetched as well.
    without.feed.gap.max_held = 200_000;
    without.kafka.topic_prefix = own.topic("without.");
    kafka_common::admin::set_up_topics(&without.kafka)
        .await
        .unwrap();
    let simulator = player(&path).await;
    let app = TestApp::start(without.clone(), &simulator, &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    assert_eq!((counts.gaps, counts.backfilled), (20, 0));
    let marked = logged(&without).await;
    for (symbol, gaps) in RECORDED_GAPS {
        assert_eq!(marked[symbol].gaps, gaps, "{symbol}");
        assert_eq!(marked[symbol].trades, ids(&left[symbol]), "{symbol}");
        assert_whole(symbol, &marked[symbol]);
    }

    let mut with = settings(&own).await;
    with.feed.gap.max_held = without.feed.gap.max_held;
    let simulator = player(&path).await;
    let rest = RestDouble::start(simulator.products(), left.values().flatten().copied()).await;
    for (symbol, gaps) in RECORDED_GAPS {
        for (first, last) in gaps {
            let after = left[symbol].iter().find(|trade| trade.trade_id > *last);
            rest.add((*first..=*last).map(|id| made_up(after.unwrap(), id)));
        }
    }
    let app = TestApp::start_with_rest(with.clone(), &simulator, rest.url(), &ALL).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    assert_eq!((counts.gaps, counts.missing), (0, 0));
    let filled = logged(&with).await;
    for (symbol, gaps) in RECORDED_GAPS {
        let expected: Vec<u64> = gaps
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect();
        assert_eq!(filled[symbol].backfilled, expected, "{symbol}");
        assert_eq!(filled[symbol].gaps, [], "{symbol}");
        assert_whole(symbol, &filled[symbol]);
    }
}
