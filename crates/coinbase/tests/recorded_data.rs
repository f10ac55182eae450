//! Real recorded frames, where they are at hand: they lie beside the repository, never in it. The
//! shapes themselves are tested everywhere, with frames of the crate's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use coinbase::exchange::{Frame, parse};
use coinbase::recording::{RecordingReader, TimeRange, summarize};
use coinbase::{Sequencer, TradeOutcome, WitnessOutcome};

const TICKERS: &str = "exchange_ticker_2025-11-25T04-08Z.ndjson.zst";
const CHANNELS: &str = "exchange_l2batch_matches_heartbeat_60s.ndjson.zst";

#[test]
fn all_tickers_parse_and_the_known_gaps_are_found() {
    let Some(path) = common::real_data(TICKERS) else {
        return;
    };
    let mut sequencer = Sequencer::new();
    let mut gaps_by_hour: BTreeMap<String, u32> = BTreeMap::new();
    let (mut frames, mut repeats, mut emitted) = (0, 0, 0);
    for frame in RecordingReader::open(&path).unwrap() {
        let frame = frame.unwrap();
        let trade = parse(&frame.text)
            .unwrap()
            .trade()
            .expect("every ticker is a trade");
        assert_eq!(frame.time, Some(trade.time));
        assert_eq!(frame.product_id, Some(trade.product_id));
        assert!(trade.bid <= trade.ask);
        frames += 1;
        match sequencer.trade(trade.product_id, trade.trade_id) {
            TradeOutcome::Emit { gap, .. } => {
                emitted += 1;
                if gap.is_some() {
                    *gaps_by_hour
                        .entry(trade.time.format("%H").to_string())
                        .or_default() += 1;
                }
            }
            TradeOutcome::Duplicate => repeats += 1,
            TradeOutcome::Regression => panic!("the recording never runs backwards"),
        }
    }
    assert_eq!((frames, repeats, emitted), (126_199, 2, 126_197));
    let expected = [("04", 3), ("06", 14), ("07", 3)];
    assert_eq!(
        gaps_by_hour,
        expected.map(|(hour, n)| (hour.to_owned(), n)).into()
    );
}

#[test]
fn one_hour_is_a_part_of_the_recording() {
    let Some(path) = common::real_data(TICKERS) else {
        return;
    };
    let hour = TimeRange {
        from: "2025-11-25T05:00:00Z".parse().ok(),
        to: "2025-11-25T06:00:00Z".parse().ok(),
    };
    let summary = summarize(&path, hour).unwrap();
    assert_eq!(summary.tickers, summary.frames);
    assert!(summary.first >= hour.from && summary.last < hour.to);
    let ids: Vec<String> = summary.products.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["BTC-USD", "ETH-USD", "SOL-USD"]);
    let whole = summarize(&path, TimeRange::ALL).unwrap();
    assert!(whole.frames > summary.frames);
    assert!(
        whole
            .to_products()
            .iter()
            .all(|p| p.quote_increment.to_string() == "0.01")
    );
}

#[test]
fn heartbeats_agree_with_the_matches() {
    let Some(path) = common::real_data(CHANNELS) else {
        return;
    };
    let mut sequencer = Sequencer::new();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for frame in RecordingReader::open(&path).unwrap() {
        let frame = frame.unwrap();
        let parsed = parse(&frame.text).unwrap();
        *counts.entry(parsed.kind().to_owned()).or_default() += 1;
        assert_eq!(frame.kind.as_deref(), Some(parsed.kind()));
        match parsed {
            Frame::LastMatch(found) => {
                let outcome = sequencer.last_match(found.product_id, found.trade_id);
                assert_eq!(outcome, WitnessOutcome::Initialised);
            }
            Frame::Match(found) => {
                let outcome = sequencer.trade(found.product_id, found.trade_id);
                assert_eq!(
                    outcome,
                    TradeOutcome::Emit {
                        gap: None,
                        suspected: 0
                    }
                );
            }
            Frame::Heartbeat(heartbeat) => {
                let outcome = sequencer.heartbeat(heartbeat.product_id, heartbeat.last_trade_id);
                assert_eq!(outcome, WitnessOutcome::Consistent);
                assert_eq!(
                    sequencer.last(heartbeat.product_id),
                    Some(heartbeat.last_trade_id)
                );
            }
            _ => {}
        }
    }
    let expected = [
        ("heartbeat", 118),
        ("l2update", 1_898),
        ("last_match", 2),
        ("match", 435),
        ("snapshot", 2),
        ("subscriptions", 1),
    ];
    assert_eq!(
        counts,
        expected.map(|(kind, n)| (kind.to_owned(), n)).into()
    );
}

#[test]
fn what_a_spreadsheet_made_of_frames_is_refused_line_by_line() {
    let Some(path) = common::real_data("exchange_2018_10min_lossy.csv.zst") else {
        return;
    };
    let mut lines = 0;
    for line in RecordingReader::open(&path).unwrap() {
        let line = line.unwrap();
        assert!(parse(&line.text).is_err());
        lines += 1;
    }
    assert!(lines >= 18_353);
}
