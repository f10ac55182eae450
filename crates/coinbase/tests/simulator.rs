//! The simulator as a client sees it that speaks the protocol by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use coinbase::exchange::{Frame, parse};
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Speed};
use common::{LONG, RawClient, product};

async fn market() -> SimulatorHandle {
    Simulator::start(SimulatorConfig::market(common::market(1)))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_first_match_repeats_an_old_trade_and_the_next_follows_it() {
    let simulator = market().await;
    let mut client = RawClient::connect(&simulator.ws_url()).await;
    client.subscribe(&["matches"], &["ETH-USD"]).await;
    let answer = client.next().await.unwrap();
    let expected = concat!(
        r#"{"type":"subscriptions","channels":[{"name":"matches","product_ids":["ETH-USD"],"#,
        r#""account_ids":null}]}"#
    );
    assert_eq!(answer, expected);
    let first = client.next().await.unwrap();
    let Frame::LastMatch(last) = parse(&first).unwrap() else {
        panic!("{first}")
    };
    let second = client.next().await.unwrap();
    let Frame::Match(found) = parse(&second).unwrap() else {
        panic!("{second}")
    };
    assert_eq!(
        (found.product_id, last.product_id),
        (product("ETH-USD"), product("ETH-USD"))
    );
    assert_eq!(found.trade_id, last.trade_id + 1);
    simulator.shutdown().await;
}

#[tokio::test]
async fn who_comes_later_gets_the_last_trade_again_and_joins_the_stream() {
    let simulator = market().await;
    let mut early = RawClient::connect(&simulator.ws_url()).await;
    early.subscribe(&["matches"], &["BTC-USD"]).await;
    early.next_kind("match").await;
    let mut late = RawClient::connect(&simulator.ws_url()).await;
    late.subscribe(&["matches", "ticker", "heartbeat"], &["BTC-USD"])
        .await;
    late.next_kind("subscriptions").await;
    let mut kinds = Vec::new();
    let mut last_id = 0;
    for _ in 0..2 {
        let text = late.next().await.unwrap();
        let frame = parse(&text).unwrap();
        kinds.push(frame.kind().to_owned());
        if let Frame::LastMatch(last) = &frame {
            last_id = last.trade_id;
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["last_match", "ticker"]);
    let next = late.next_kind("match").await;
    assert_eq!(parse(&next).unwrap().trade().unwrap().trade_id, last_id + 1);
    late.next_kind("heartbeat").await;
}

#[tokio::test]
async fn only_what_was_subscribed_to_comes() {
    let simulator = market().await;
    let mut client = RawClient::connect(&simulator.ws_url()).await;
    client.subscribe(&["ticker"], &["BTC-USD", "SOL-USD"]).await;
    client.next_kind("subscriptions").await;
    for _ in 0..8 {
        let text = client.next().await.unwrap();
        let frame = parse(&text).unwrap();
        assert_eq!(frame.kind(), "ticker");
        assert_ne!(frame.trade().unwrap().product_id, product("ETH-USD"));
    }
    client
        .send(r#"{"type":"unsubscribe","channels":[{"name":"ticker","product_ids":["BTC-USD"]}]}"#)
        .await;
    let answer = client.next_kind("subscriptions").await;
    assert!(answer.contains(r#"["SOL-USD"]"#), "{answer}");
    for _ in 0..4 {
        let text = client.next().await.unwrap();
        assert_eq!(
            parse(&text).unwrap().trade().unwrap().product_id,
            product("SOL-USD")
        );
    }
}

#[tokio::test]
async fn bad_requests_get_an_error_and_the_connection_goes_on() {
    let simulator = market().await;
    let mut client = RawClient::connect(&simulator.ws_url()).await;
    client.send("{not json").await;
    assert_eq!(
        client.next().await.unwrap(),
        r#"{"type":"error","message":"Malformed JSON"}"#
    );
    client.subscribe(&["ticker"], &["XYZ-USD"]).await;
    let expected = concat!(
        r#"{"type":"error","message":"Failed to subscribe","#,
        r#""reason":"XYZ-USD is not a valid product"}"#
    );
    assert_eq!(client.next().await.unwrap(), expected);
    client.subscribe(&["prices"], &["BTC-USD"]).await;
    assert!(
        client
            .next()
            .await
            .unwrap()
            .contains("prices is not a valid channel")
    );
    client.subscribe(&["status"], &[]).await;
    client.next_kind("subscriptions").await;
    let status = client.next_kind("status").await;
    let Frame::Status(products) = parse(&status).unwrap() else {
        panic!("{status}")
    };
    assert_eq!(products.len(), 3);
    assert_eq!(simulator.stats().errors_sent, 3);
}

#[tokio::test]
async fn who_does_not_subscribe_in_time_is_disconnected() {
    let config = SimulatorConfig {
        subscribe_within: Duration::from_millis(100),
        ..SimulatorConfig::market(common::market(1))
    };
    let simulator = Simulator::start(config).await.unwrap();
    let mut silent = RawClient::connect(&simulator.ws_url()).await;
    let reason = silent.next().await.unwrap_err();
    assert!(reason.contains("no subscription"), "{reason}");
    // A refused request is no subscription.
    let mut wrong = RawClient::connect(&simulator.ws_url()).await;
    wrong.subscribe(&["ticker"], &["XYZ-USD"]).await;
    assert!(wrong.next().await.unwrap().contains("not a valid product"));
    wrong.next().await.unwrap_err();
    assert_eq!(simulator.stats().never_subscribed, 2);
}

#[tokio::test]
async fn a_held_stream_begins_with_the_release() {
    let folder = tempfile::tempdir().unwrap();
    let path = common::recording(folder.path(), 30);
    let config = SimulatorConfig {
        hold: true,
        speed: Speed::AsFastAsClientReads,
        ..SimulatorConfig::recording(&path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let mut clients = Vec::new();
    for id in ["BTC-USD", "ETH-USD", "SOL-USD"] {
        let mut client = RawClient::connect(&simulator.ws_url()).await;
        client.subscribe(&["ticker"], &[id]).await;
        client.next_kind("subscriptions").await;
        clients.push(client);
    }
    assert_eq!(simulator.stats().frames_played, 0);
    simulator.release();
    tokio::time::timeout(LONG, simulator.finished())
        .await
        .expect("it ends");
    assert_eq!(
        simulator.stats().tickers_sent,
        30,
        "each client has got its own"
    );
    assert_eq!(simulator.stats().trades_played, 30);
}

#[tokio::test]
async fn a_quiet_recording_keeps_its_heart_beating_in_real_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickers.ndjson");
    let ticker = concat!(
        r#"{"type":"ticker","sequence":9,"product_id":"BTC-USD","price":"5","side":"buy","#,
        r#""time":"2025-01-01T00:00:00.500000Z","trade_id":3,"last_size":"1"}"#
    );
    std::fs::write(&path, ticker).unwrap();
    let simulator = Simulator::start(SimulatorConfig::recording(&path))
        .await
        .unwrap();
    let mut client = RawClient::connect(&simulator.ws_url()).await;
    client
        .subscribe(&["ticker", "heartbeat"], &["BTC-USD"])
        .await;
    client.next_kind("subscriptions").await;
    assert_eq!(
        client.next().await.unwrap(),
        ticker,
        "as it stands in the file"
    );
    let text = client.next().await.unwrap();
    let Frame::Heartbeat(heartbeat) = parse(&text).unwrap() else {
        panic!("{text}")
    };
    assert_eq!(heartbeat.last_trade_id, 3);
    assert_eq!(heartbeat.time.to_rfc3339(), "2025-01-01T00:00:01+00:00");
    client.next_kind("heartbeat").await;
}

#[tokio::test]
async fn shutdown_is_quick_and_dropping_the_handle_stops_it_too() {
    let simulator = market().await;
    let mut client = RawClient::connect(&simulator.ws_url()).await;
    client.subscribe(&["ticker"], &["BTC-USD"]).await;
    client.next().await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), simulator.shutdown())
        .await
        .expect("bounded");
    while client.next().await.is_ok() {}
    let url = simulator.ws_url();
    assert!(
        tokio_tungstenite::connect_async(&url).await.is_err(),
        "nobody listens"
    );

    let dropped = market().await;
    let mut client = RawClient::connect(&dropped.ws_url()).await;
    drop(dropped);
    while client.next().await.is_ok() {}
}
