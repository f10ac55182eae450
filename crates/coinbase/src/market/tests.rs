#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::exchange::{Frame, FrameKind, parse};
use crate::{ProductId, Sequencer, TradeOutcome, WitnessOutcome};

fn config(seed: u64) -> MarketConfig {
    let start = "2025-11-25T05:00:00.250Z".parse().ok();
    MarketConfig {
        seed,
        start,
        ..MarketConfig::default()
    }
}

fn take(seed: u64, frames: usize) -> Vec<MarketFrame> {
    RandomMarket::new(&config(seed))
        .unwrap()
        .take(frames)
        .collect()
}

#[test]
fn the_same_seed_and_start_give_the_same_market() {
    assert_eq!(take(7, 2000), take(7, 2000));
    assert_ne!(take(7, 20), take(8, 20));
}

#[test]
fn every_frame_parses_to_what_it_says() {
    for frame in take(3, 20_000) {
        let parsed = parse(&frame.text).unwrap_or_else(|e| panic!("{e}: {}", frame.text));
        assert_eq!(FrameKind::parse(parsed.kind()), Some(frame.kind));
        assert_eq!(parsed.trade(), frame.trade, "{}", frame.text);
        let time = match parsed {
            Frame::Heartbeat(heartbeat) => heartbeat.time,
            Frame::LastMatch(found) => found.time,
            other => other.trade().unwrap().time,
        };
        assert_eq!(time, frame.time);
    }
}

#[test]
fn ids_are_contiguous_and_heartbeats_agree() {
    let mut sequencer = Sequencer::new();
    let mut sequences: HashMap<ProductId, u64> = HashMap::new();
    let mut previous = None;
    for frame in take(11, 20_000) {
        assert!(previous <= Some(frame.time), "times never run backwards");
        previous = Some(frame.time);
        match parse(&frame.text).unwrap() {
            Frame::LastMatch(found) => {
                let outcome = sequencer.last_match(found.product_id, found.trade_id);
                assert_eq!(outcome, WitnessOutcome::Initialised);
            }
            Frame::Heartbeat(heartbeat) => {
                let outcome = sequencer.heartbeat(heartbeat.product_id, heartbeat.last_trade_id);
                assert_eq!(outcome, WitnessOutcome::Consistent);
            }
            other => {
                let trade = other.trade().unwrap();
                let expected = match frame.kind {
                    FrameKind::Ticker => TradeOutcome::Emit {
                        gap: None,
                        suspected: 0,
                    },
                    _ => TradeOutcome::Duplicate,
                };
                assert_eq!(sequencer.trade(trade.product_id, trade.trade_id), expected);
                let last = sequences.insert(trade.product_id, trade.sequence.unwrap());
                assert!(last <= trade.sequence, "sequences rise");
            }
        }
    }
    assert_eq!(sequences.len(), 3);
}

#[test]
fn ids_rise_over_restarts() {
    let last_id = |config: &MarketConfig| {
        let trades = RandomMarket::new(config)
            .unwrap()
            .take(10_000)
            .filter_map(|f| f.trade);
        trades.map(|trade| trade.trade_id).max().unwrap()
    };
    let first_run = last_id(&config(1));
    let later = MarketConfig {
        start: "2025-11-25T06:00:00Z".parse().ok(),
        ..config(2)
    };
    let first_id = RandomMarket::new(&later)
        .unwrap()
        .find_map(|f| f.trade)
        .unwrap()
        .trade_id;
    assert!(first_id > first_run);
}

#[test]
fn trades_come_at_the_rate_asked_for_and_heartbeats_each_second() {
    let frames = take(5, 60_000);
    let seconds = (frames.last().unwrap().time - frames[0].time).num_seconds() as f64;
    let count = |kind| frames.iter().filter(|f| f.kind == kind).count() as f64;
    let rate = count(FrameKind::Ticker) / seconds / 3.0;
    assert!((4.5..5.5).contains(&rate), "{rate} trades a second");
    let beats = count(FrameKind::Heartbeat) / seconds / 3.0;
    assert!((0.99..1.01).contains(&beats), "{beats} heartbeats a second");
}

#[test]
fn prices_stay_plausible_and_averages_cross_often() {
    for product in config(1).products {
        let only = MarketConfig {
            products: vec![product.clone()],
            ..config(21)
        };
        let trades = RandomMarket::new(&only).unwrap().filter_map(|f| f.trade);
        let prices: Vec<f64> = trades
            .step_by(2)
            .take(20_000)
            .map(|trade| {
                assert!(trade.price.scale() <= 2 && trade.size.scale() <= 8);
                trade.price.try_into().unwrap()
            })
            .collect();
        let home: f64 = product.price.try_into().unwrap();
        assert!(
            prices
                .iter()
                .all(|price| (home * 0.8..home * 1.25).contains(price))
        );
        let average = |end: usize, n: usize| prices[end - n..end].iter().sum::<f64>() / n as f64;
        let is_above: Vec<bool> = (30..prices.len())
            .map(|end| average(end, 10) > average(end, 30))
            .collect();
        let crossings = is_above
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .count();
        // At five trades a second: at least one in twelve seconds on average.
        assert!(
            crossings > prices.len() / 60,
            "{} crossings of {}",
            crossings,
            product.id
        );
    }
}

#[test]
fn impossible_markets_are_refused() {
    let with = |change: fn(&mut MarketConfig)| {
        let mut config = config(1);
        change(&mut config);
        RandomMarket::new(&config).err().expect("refused")
    };
    assert_eq!(with(|c| c.products.clear()), MarketError::NoProducts);
    assert_eq!(with(|c| c.trades_per_second = 0.0), MarketError::Rate);
    assert_eq!(with(|c| c.trades_per_second = f64::NAN), MarketError::Rate);
    assert!(matches!(
        with(|c| c.products[1] = c.products[0].clone()),
        MarketError::Repeated(_)
    ));
    assert!(matches!(
        with(|c| c.products[0].price_decimals = 99),
        MarketError::Product(_)
    ));
    assert!(matches!(
        with(|c| c.products[0].price = 0.into()),
        MarketError::Product(_)
    ));
    assert!(matches!(
        with(|c| c.products[0].volatility_bps = f64::INFINITY),
        MarketError::Product(_)
    ));
}

#[test]
fn recordings_have_the_length_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("market.ndjson.zst");
    let summary = record(&config(1), Until::Trades(500), &path).unwrap();
    assert_eq!(
        (summary.trades(), summary.tickers, summary.matches),
        (500, 500, 500)
    );
    assert_eq!((summary.malformed, summary.products.len()), (0, 3));
    let summary = record(&config(1), Until::Elapsed(Duration::from_secs(30)), &path).unwrap();
    let length = summary.last.unwrap() - summary.first.unwrap();
    assert!((29..=30).contains(&length.num_seconds()));
}
