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
    assert!(matches!(
        with(|c| c.products[0].character.nights = 1.5),
        MarketError::Product(_)
    ));
    assert!(matches!(
        with(|c| c.products[0].character.activity = 0.0),
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

/// A market of one product with this character, from midnight on.
fn with_character(character: Character, hours: i64) -> Vec<crate::Trade> {
    let mut config = config(3);
    config.start = "2026-01-05T00:00:00Z".parse().ok();
    config.trades_per_second = 1.0;
    config.products.truncate(1);
    config.products[0].character = character;
    let end = config.start.unwrap() + chrono::TimeDelta::hours(hours);
    let tickers = RandomMarket::new(&config)
        .unwrap()
        .take_while(|frame| frame.time < end)
        .filter(|frame| frame.kind == FrameKind::Ticker);
    tickers.filter_map(|frame| frame.trade).collect()
}

#[test]
fn nights_are_quiet_and_the_days_mean_stays() {
    let nights = Character {
        nights: 1.0,
        ..Character::default()
    };
    let trades = with_character(nights, 24);
    let within = |from: u32, to: u32| {
        use chrono::Timelike;
        let hours = trades.iter().map(|trade| trade.time.hour());
        hours.filter(|hour| (from..to).contains(hour)).count()
    };
    assert!(
        within(14, 16) > 8 * within(2, 4),
        "{} and {}",
        within(14, 16),
        within(2, 4)
    );
    assert!((80_000..95_000).contains(&trades.len()), "{}", trades.len());
}

#[test]
fn busy_minutes_stand_out() {
    let minutes = |bursts: f64| {
        let character = Character {
            bursts,
            ..Character::default()
        };
        let trades = with_character(character, 12);
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for trade in &trades {
            *counts.entry(trade.time.timestamp() / 60).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable();
        (counts[counts.len() / 2], counts[counts.len() - 1])
    };
    let (middle, most) = minutes(0.0);
    assert!(most < 2 * middle, "even: {middle}, {most}");
    let (middle, most) = minutes(9.0);
    assert!(most > 4 * middle, "bursts: {middle}, {most}");
}

#[test]
fn drift_and_jumps_move_the_price_for_good() {
    let last = |character| with_character(character, 48).last().unwrap().price;
    let even = last(Character::default());
    let up = last(Character {
        drift_bps_per_day: 500.0,
        ..Character::default()
    });
    let down = last(Character {
        drift_bps_per_day: -500.0,
        ..Character::default()
    });
    // Ten percent in two days; the random way is the same for all three.
    let part = |price: rust_decimal::Decimal| f64::try_from(price / even).unwrap();
    assert!((1.05..1.16).contains(&part(up)), "{}", part(up));
    assert!((0.85..0.95).contains(&part(down)), "{}", part(down));
    let jumps = Character {
        jumps_per_day: 20.0,
        jump_bps: 200.0,
        ..Character::default()
    };
    let far = |trades: &[crate::Trade]| {
        let pairs = trades.windows(2);
        let moves = pairs.map(|pair| f64::try_from(pair[1].price / pair[0].price).unwrap() - 1.0);
        moves.filter(|by| by.abs() > 0.008).count()
    };
    assert_eq!(far(&with_character(Character::default(), 48)), 0);
    let count = far(&with_character(jumps, 48));
    assert!((20..65).contains(&count), "{count}");
}

#[test]
fn the_realistic_market_is_one() {
    let config = MarketConfig {
        start: "2026-01-05T12:00:00Z".parse().ok(),
        ..MarketConfig::realistic()
    };
    let frames: Vec<MarketFrame> = RandomMarket::new(&config).unwrap().take(50_000).collect();
    let again: Vec<MarketFrame> = RandomMarket::new(&config).unwrap().take(50_000).collect();
    assert!(frames == again, "the same each time");
    let mut trades: HashMap<ProductId, u64> = HashMap::new();
    for frame in &frames {
        let parsed = parse(&frame.text).unwrap();
        assert_eq!(parsed.trade(), frame.trade);
        if let (FrameKind::Match, Some(trade)) = (frame.kind, frame.trade) {
            *trades.entry(trade.product_id).or_default() += 1;
        }
    }
    assert_eq!(trades.len(), 6);
    let of = |id: &str| trades[&id.parse().unwrap()];
    assert!(of("BTC-USD") > 5 * of("LTC-USD"), "busy and sleepy");
}
