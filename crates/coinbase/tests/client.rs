//! The client against servers that behave badly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use coinbase::client::{DisconnectReason, FeedEvent, Item, ProbeError, probe};
use coinbase::exchange::ParseReason;
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use common::{
    LONG, Server, client, fast_config, market, next, next_that, product, request, trades_in,
};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

fn disconnected(event: &FeedEvent) -> Option<DisconnectReason> {
    match event {
        FeedEvent::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

const HEARTBEAT: &str = concat!(
    r#"{"type":"heartbeat","last_trade_id":5,"#,
    r#""product_id":"BTC-USD","sequence":8,"time":"2025-01-01T00:00:00Z"}"#
);

#[tokio::test]
async fn it_subscribes_at_once_and_again_after_a_reconnect() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(
        fast_config(server.url()),
        &[product("ETH-USD"), product("BTC-USD")],
    );
    let expected = serde_json::json!({"type": "subscribe", "channels": [
        {"name": "ticker", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"name": "matches", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"name": "heartbeat", "product_ids": ["BTC-USD", "ETH-USD"]}]});
    for _ in 0..3 {
        let mut socket = server.accept().await;
        assert_eq!(request(&mut socket).await, expected);
        assert!(matches!(next(&mut feed).await, FeedEvent::Connected));
        drop(socket);
        next_that(&mut feed, disconnected).await;
    }
    assert_eq!(feed.stats().connections, 3);
}

#[tokio::test]
async fn products_come_and_go_while_it_runs() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[]);
    let products = feed.products().clone();
    products.subscribe([product("BTC-USD")]);
    let mut socket = server.accept().await;
    let names = |request: &serde_json::Value| request["channels"][0]["product_ids"].to_string();
    let first = request(&mut socket).await;
    assert_eq!(names(&first), r#"["BTC-USD"]"#);
    products.subscribe([product("BTC-USD"), product("SOL-USD")]);
    let second = request(&mut socket).await;
    assert_eq!(
        (second["type"].as_str(), names(&second).as_str()),
        (Some("subscribe"), r#"["SOL-USD"]"#)
    );
    products.unsubscribe([product("BTC-USD")]);
    let third = request(&mut socket).await;
    assert_eq!(
        (third["type"].as_str(), names(&third).as_str()),
        (Some("unsubscribe"), r#"["BTC-USD"]"#)
    );
    assert_eq!(products.current(), [product("SOL-USD")]);
    products.unsubscribe([product("SOL-USD")]);
    let reason = next_that(&mut feed, disconnected).await;
    assert_eq!(reason, DisconnectReason::NoProducts);
    // It waits unconnected, and comes back when asked.
    products.subscribe([product("ETH-USD")]);
    let mut socket = server.accept().await;
    assert_eq!(names(&request(&mut socket).await), r#"["ETH-USD"]"#);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let server = Server::listen().await;
    let mut config = fast_config(server.url());
    config.stale_after = Some(Duration::from_millis(50));
    let (mut feed, _shutdown) = client(config, &[product("BTC-USD")]);
    let mut silent = server.accept().await;
    // Pings are no sign of life: a server that has lost the subscription answers them, too.
    let pings = tokio::spawn(async move {
        while silent.send(Message::Ping(Vec::new().into())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let reason = next_that(&mut feed, disconnected).await;
    assert_eq!(reason, DisconnectReason::Stale(Duration::from_millis(50)));
    let mut socket = server.accept().await;
    request(&mut socket).await;
    pings.abort();
}

#[tokio::test]
async fn the_watchdog_does_not_count_the_consumers_time() {
    let server = Server::listen().await;
    let mut config = fast_config(server.url());
    config.stale_after = Some(Duration::from_secs(2));
    config.event_capacity = 1;
    config.batch_limit = 1;
    let (mut feed, _shutdown) = client(config, &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    for _ in 0..20 {
        socket.send(Message::text(HEARTBEAT)).await.unwrap();
    }
    // Far more than the watchdog's time passes, but the client waits for us, not for the server.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let mut beats = 0;
    while beats < 20 {
        match next(&mut feed).await {
            FeedEvent::Batch(items) => beats += items.len(),
            FeedEvent::Connected => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_connection_goes_on() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    request(&mut socket).await;
    for text in [
        r#"{"type":"subscriptions","channels":[]}"#,
        "{broken",
        r#"{"type":"brand_new"}"#,
        r#"{"type":"l2update","product_id":"BTC-USD","changes":[]}"#,
        r#"{"type":"error","message":"Failed to subscribe","reason":"because"}"#,
        HEARTBEAT,
    ] {
        socket.send(Message::text(text)).await.unwrap();
    }
    let mut items = Vec::new();
    let mut errors = Vec::new();
    let mut confirmed = 0;
    while items.len() < 3 {
        match next(&mut feed).await {
            FeedEvent::Batch(batch) => items.extend(batch),
            FeedEvent::ServerError(error) => errors.push((error.to_string(), items.len())),
            FeedEvent::Subscribed(_) => confirmed += 1,
            FeedEvent::Connected => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(&items[0], Item::Malformed(one) if one.error.reason == ParseReason::NotJson));
    assert_eq!(items[1], Item::Unknown("brand_new".to_owned()));
    assert!(matches!(&items[2], Item::Heartbeat(beat) if beat.last_trade_id == 5));
    assert_eq!(
        errors,
        [("Failed to subscribe: because".to_owned(), 2)],
        "in its place"
    );
    assert_eq!(confirmed, 1);
    let stats = feed.stats();
    assert_eq!((stats.frames, stats.malformed, stats.unknown), (6, 1, 1));
}

#[tokio::test]
async fn messages_beyond_the_limit_end_the_connection() {
    let server = Server::listen().await;
    let mut config = fast_config(server.url());
    config.max_message_bytes = 10_000;
    let (mut feed, _shutdown) = client(config, &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    socket.send(Message::text(HEARTBEAT)).await.unwrap();
    socket
        .send(Message::text("x".repeat(20_000)))
        .await
        .unwrap();
    let mut beats = 0;
    let reason = next_that(&mut feed, |event| {
        if let FeedEvent::Batch(items) = event {
            beats += items.len();
        }
        disconnected(event)
    })
    .await;
    assert_eq!(reason.label(), "message_too_big");
    assert_eq!(beats, 1, "what came before counts");
}

#[tokio::test]
async fn the_servers_reason_to_close_is_told() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 1008.into(),
        reason: "ErrSlowConsume".into(),
    };
    socket.send(Message::Close(Some(frame))).await.unwrap();
    let DisconnectReason::Closed(text) = next_that(&mut feed, disconnected).await else {
        panic!("not closed")
    };
    assert!(text.contains("ErrSlowConsume"), "{text}");
}

#[tokio::test]
async fn nobody_there_is_tried_again_with_growing_waits() {
    // Bound, so that nobody else gets the port, but not listening.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("ws://{}", reserved.local_addr().unwrap());
    let mut config = fast_config(address);
    config.backoff.initial = Duration::from_millis(4);
    config.backoff.max = Duration::from_millis(64);
    let (mut feed, shutdown) = client(config, &[product("BTC-USD")]);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let FeedEvent::Disconnected { reason, retry_in } = next(&mut feed).await else {
            panic!("connected to nobody")
        };
        assert_eq!(reason.label(), "connect_failed");
        waits.push(retry_in.unwrap());
    }
    assert!(waits[0] <= Duration::from_millis(4));
    assert!(waits[5] >= Duration::from_millis(32), "{waits:?}");
    shutdown.cancel();
    tokio::time::timeout(LONG, feed.join()).await.expect("ends");
}

#[tokio::test]
async fn shutdown_ends_it_in_every_state() {
    // Unconnected, for want of products.
    let (feed, shutdown) = client(fast_config("ws://127.0.0.1:9".to_owned()), &[]);
    shutdown.cancel();
    tokio::time::timeout(LONG, feed.join()).await.expect("ends");
    // Connected.
    let simulator = Simulator::start(SimulatorConfig::market(market(1)))
        .await
        .unwrap();
    let (mut feed, shutdown) = client(fast_config(simulator.ws_url()), &[product("BTC-USD")]);
    next(&mut feed).await;
    shutdown.cancel();
    while feed.next().await.is_some() {}
    tokio::time::timeout(LONG, feed.join()).await.expect("ends");
    // The handle dropped, while a clone of its control lives on.
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let products = feed.products().clone();
    let mut socket = server.accept().await;
    next(&mut feed).await;
    drop(feed);
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(LONG, ended).await.expect("it leaves");
    drop(products);
}

#[tokio::test]
async fn dropped_by_the_simulator_it_comes_back_and_misses_only_the_time_between() {
    let simulator = Simulator::start(SimulatorConfig {
        speed: Speed::Times(20.0),
        ..SimulatorConfig::market(market(9))
    })
    .await
    .unwrap();
    let (mut feed, _shutdown) = client(fast_config(simulator.ws_url()), &[product("BTC-USD")]);
    let mut last_id = 0;
    for round in 0..3 {
        let ids: Vec<u64> = next_that(&mut feed, |event| {
            let ids: Vec<u64> = trades_in(event)
                .iter()
                .map(|trade| trade.trade_id)
                .collect();
            (!ids.is_empty()).then_some(ids)
        })
        .await;
        assert!(ids.iter().all(|id| *id >= last_id), "round {round}");
        last_id = ids[ids.len() - 1];
        simulator.drop_connections();
        next_that(&mut feed, disconnected).await;
    }
    next_that(&mut feed, |event| {
        (!trades_in(event).is_empty()).then_some(())
    })
    .await;
    assert!(simulator.stats().connections >= 4);
}

#[tokio::test]
async fn a_slow_consumer_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = common::recording(folder.path(), 2_000);
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        ..SimulatorConfig::recording(&path)
    };
    let simulator = Simulator::start(config).await.unwrap();
    let mut config = fast_config(simulator.ws_url());
    config.event_capacity = 1;
    config.batch_limit = 10;
    let (mut feed, _shutdown) = client(config, &[product("BTC-USD")]);
    let expected = common::trades_of(
        &path,
        coinbase::recording::TimeRange::ALL,
        &[product("BTC-USD")],
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    let received = common::collect_new(&mut feed, expected.len()).await;
    assert!(received == expected);
}

#[tokio::test]
async fn probing() {
    let simulator = Simulator::start(SimulatorConfig::market(market(1)))
        .await
        .unwrap();
    let url = simulator.ws_url();
    assert!(probe(&url, product("BTC-USD"), LONG).await.is_ok());
    assert_eq!(
        simulator.stats().frames_played,
        0,
        "a probe doesn't start the stream"
    );
    let refused = probe(&url, product("XYZ-USD"), LONG).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("XYZ-USD is not a valid product"),
        "{refused}"
    );
    simulator.shutdown().await;
    let gone = probe(&url, product("BTC-USD"), LONG).await.unwrap_err();
    assert!(matches!(gone, ProbeError::Unreachable(_)), "{gone:?}");
    let silent = Server::listen().await;
    let short = Duration::from_millis(100);
    let error = probe(&silent.url(), product("BTC-USD"), short)
        .await
        .unwrap_err();
    assert_eq!(error, ProbeError::TimedOut(short));
    // TLS needs no more than this crate brings: the handshake fails, the provider doesn't.
    let tls = silent.url().replace("ws://", "wss://");
    assert!(probe(&tls, product("BTC-USD"), short).await.is_err());
}
