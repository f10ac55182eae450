//! The Advanced Trade feed: the same trades as the Exchange feed's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use coinbase::advanced::{Body, parse};
use coinbase::client::{FeedEvent, Item};
use coinbase::recording::{RecordingReader, TimeRange, inspect, summarize};
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use coinbase::{Sequencer, Trade, TradeOutcome};
use common::{RawClient, client, collect_new, next, next_that, product, recording, trades_of};

const RECORDED: &str = "advanced_trade_24s.jsonl.zst";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_feeds_give_the_same_trades() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        ..SimulatorConfig::recording(&path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let all = ["BTC-USD", "ETH-USD", "SOL-USD"].map(product);
    let (mut feed, _shutdown) = client(common::advanced(simulator.advanced_url()), &all);
    let confirmed = next_that(&mut feed, |event| match event {
        FeedEvent::Subscribed(told) if told.channels.len() == 3 => Some(told.clone()),
        _ => None,
    })
    .await;
    assert!(confirmed.contains("market_trades", all[0]));
    simulator.release();
    let expected = trades_of(&path, TimeRange::ALL, &all);
    let received = collect_new(&mut feed, expected.len()).await;
    // Messages hold several trades of one product, so that products may overtake each other.
    let by_product = |trades: &[Trade]| {
        let mut by_product: BTreeMap<String, Vec<Trade>> = BTreeMap::new();
        for trade in trades {
            let plain = Trade {
                sequence: None,
                bid: None,
                ask: None,
                ..*trade
            };
            by_product
                .entry(trade.product_id.to_string())
                .or_default()
                .push(plain);
        }
        by_product
    };
    assert!(
        by_product(&received) == by_product(&expected),
        "the same trades in the same order"
    );
    assert!(
        received.iter().any(|trade| trade.bid < trade.ask),
        "with quotes"
    );
    assert_eq!(feed.stats().malformed + feed.stats().unknown, 0);
}

#[tokio::test]
async fn a_late_subscription_begins_with_old_trades_and_goes_on_after_them() {
    let simulator = Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap();
    let (mut early, _stop) = client(
        common::fast_config(simulator.ws_url()),
        &[product("BTC-USD")],
    );
    collect_new(&mut early, 3).await;
    let (mut late, _stop) = client(
        common::advanced(simulator.advanced_url()),
        &[product("BTC-USD")],
    );
    let trades = collect_new(&mut late, 8).await;
    let ids: Vec<u64> = trades.iter().map(|trade| trade.trade_id).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    assert_eq!(late.stats().connections, 1);
}

#[tokio::test]
async fn another_name_for_a_product_is_understood() {
    let simulator = Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap();
    let usdc = product("BTC-USDC");
    let (mut feed, _shutdown) = client(common::advanced(simulator.advanced_url()), &[usdc]);
    let trades = collect_new(&mut feed, 3).await;
    assert!(trades.iter().all(|trade| trade.product_id == usdc));
}

#[tokio::test]
async fn heartbeats_come_for_the_connection() {
    let simulator = Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap();
    let mut config = common::advanced(simulator.advanced_url());
    config
        .channels
        .push(coinbase::exchange::Channel::Level2Batch);
    let (mut feed, _shutdown) = client(config, &["BTC-USD", "ETH-USD"].map(product));
    let mut counters = Vec::new();
    while counters.len() < 3 {
        if let FeedEvent::Batch(items) = next(&mut feed).await {
            counters.extend(items.iter().filter_map(|item| match item {
                Item::Alive(counter) => Some(*counter),
                _ => None,
            }));
        }
    }
    assert_eq!(counters, [1, 2, 3]);
}

#[tokio::test]
async fn bad_requests_get_an_error_without_a_channel() {
    let simulator = Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap();
    let mut client = RawClient::connect(&simulator.advanced_url()).await;
    for (request, reason) in [
        ("nonsense", "Malformed JSON"),
        (
            r#"{"type":"subscribe","product_ids":["BTC-USD"]}"#,
            "channel is missing",
        ),
        (
            r#"{"type":"subscribe","channel":"full","product_ids":["BTC-USD"]}"#,
            "not a valid channel",
        ),
        (
            r#"{"type":"subscribe","channel":"ticker","product_ids":["XYZ-USD"]}"#,
            "not a valid product",
        ),
        (
            r#"{"type":"subscribe","channel":"ticker"}"#,
            "needs product_ids",
        ),
        (
            r#"{"type":"x","channel":"ticker","product_ids":["BTC-USD"]}"#,
            "type has to be",
        ),
    ] {
        client.send(request).await;
        let answer = client.next().await.unwrap();
        let Body::Error(error) = parse(&answer).unwrap().body else {
            panic!("{answer}")
        };
        assert!(error.message.contains(reason), "{answer}");
    }
    client
        .send(r#"{"type":"subscribe","channel":"heartbeats"}"#)
        .await;
    let answer = client.next().await.unwrap();
    assert!(matches!(
        parse(&answer).unwrap().body,
        Body::Subscriptions(_)
    ));
}

#[test]
fn recorded_messages_are_read_to_the_last_trade() {
    let Some(path) = common::real_data(RECORDED) else {
        return;
    };
    let mut next = 0;
    let mut sequencer = Sequencer::new();
    let (mut trades, mut beats, mut quotes) = (0, 0, 0);
    for frame in RecordingReader::open(&path).unwrap() {
        let frame = frame.unwrap();
        assert!(frame.received.is_some() && frame.connection.is_some());
        let message = parse(&frame.text).unwrap();
        assert_eq!(message.sequence_num, Some(next), "none was lost");
        next += 1;
        match message.body {
            Body::Trades(told) => {
                assert!(told.malformed.is_empty());
                for trade in told.trades {
                    let outcome = sequencer.trade(trade.product_id, trade.trade_id);
                    let next = TradeOutcome::Emit {
                        gap: None,
                        suspected: 0,
                    };
                    assert_eq!(outcome, next, "each once, oldest first");
                    trades += 1;
                }
            }
            Body::Heartbeat { .. } => beats += 1,
            Body::Quotes(told) => quotes += told.len(),
            Body::Unknown { channel } => panic!("{channel}"),
            _ => {}
        }
    }
    assert_eq!((next, beats), (1_030, 25));
    assert!(
        trades > 250 && quotes >= 160,
        "{trades} trades, {quotes} quotes"
    );
    let contents = inspect(&path).unwrap();
    let counted: u64 = contents
        .products
        .values()
        .map(|product| product.trades)
        .sum();
    assert_eq!(counted, trades);
    assert_eq!(
        (contents.frames, contents.malformed, contents.connections),
        (1_030, 0, 1)
    );
}

/// A recording of one feed can be played as the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_messages_are_played_as_either_feed() {
    let Some(path) = common::real_data(RECORDED) else {
        return;
    };
    let summary = summarize(&path, TimeRange::ALL).unwrap();
    let both = ["BTC-USD", "ETH-USD"].map(product);
    for advanced in [false, true] {
        let config = SimulatorConfig {
            speed: Speed::AsFastAsClientReads,
            ..SimulatorConfig::recording(&path)
        };
        let simulator = Simulator::start(config).await.unwrap();
        let config = match advanced {
            true => common::advanced(simulator.advanced_url()),
            false => common::fast_config(simulator.ws_url()),
        };
        let (mut feed, _shutdown) = client(config, &both);
        let expected = usize::try_from(summary.matches).unwrap();
        let trades = collect_new(&mut feed, expected).await;
        assert_eq!(trades.len(), expected);
    }
}
