//! The client against frames at and beyond the edge of what can come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use coinbase::client::{DisconnectReason, FeedConfig, FeedEvent, Item};
use coinbase::exchange::ParseReason;
use common::{Server, client, fast_config, next_that, product, request};
use futures_util::SinkExt;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

fn found(id: u64, price: &str, size: &str, time: &str) -> String {
    format!(
        concat!(
            r#"{{"type":"match","trade_id":{},"side":"buy","size":"{}","price":"{}","#,
            r#""product_id":"BTC-USD","time":"{}"}}"#
        ),
        id, size, price, time
    )
}

/// Items until the trade with this id.
async fn items_until(feed: &mut coinbase::client::FeedHandle, id: u64) -> Vec<Item> {
    let mut items = Vec::new();
    let is_last = |item: &Item| matches!(item, Item::Trade(trade) if trade.trade_id == id);
    while !items.iter().any(is_last) {
        let more = next_that(feed, |event| match event {
            FeedEvent::Batch(items) => Some(items.clone()),
            FeedEvent::Disconnected { reason, .. } => panic!("{reason}"),
            _ => None,
        })
        .await;
        items.extend(more);
    }
    items
}

const TIME: &str = "2025-01-01T00:00:00Z";

#[tokio::test]
async fn extreme_numbers_and_times_are_exact() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    request(&mut socket).await;
    let cases = [
        ("0.00000001", "0.00000001", "2025-01-01T00:00:00.1234Z"),
        ("5", "5.00000000", "2025-01-01T00:00:00.123456789Z"),
        (
            "99999999999.99999999",
            "1000000000000",
            "2025-01-01T00:00:00.12345Z",
        ),
        (
            "0.000000000001",
            "123456789.123456789",
            "2025-01-01T02:00:00.5+02:00",
        ),
    ];
    for ((price, size, time), id) in cases.iter().zip(1..) {
        let text = found(id, price, size, time);
        socket.send(Message::text(text)).await.unwrap();
    }
    let items = items_until(&mut feed, 4).await;
    for (item, (price, size, time)) in items.iter().zip(cases) {
        let Item::Trade(trade) = item else {
            panic!("{item:?}")
        };
        assert_eq!(trade.price, price.parse().unwrap());
        assert_eq!(trade.size, size.parse().unwrap());
        let time: chrono::DateTime<chrono::Utc> = time.parse().unwrap();
        assert_eq!(trade.time, time);
    }
}

/// Such frames exist: an order book of a large product is several megabytes.
#[tokio::test]
async fn frames_of_nearly_16_mib_go_through() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    request(&mut socket).await;
    let level = r#"["60000.01","0.00000001"],"#;
    let levels = level.repeat((16 << 20) / level.len() - 10);
    let book = format!(
        r#"{{"type":"snapshot","product_id":"BTC-USD","asks":[{}],"bids":[]}}"#,
        levels.trim_end_matches(',')
    );
    assert!(book.len() > 15 << 20);
    socket.send(Message::text(book)).await.unwrap();
    let noise = format!(r#"{{"type":"noise","x":"{}"}}"#, "y".repeat(15 << 20));
    socket.send(Message::text(noise)).await.unwrap();
    socket
        .send(Message::text(found(1, "5", "1", TIME)))
        .await
        .unwrap();
    let items = items_until(&mut feed, 1).await;
    assert!(matches!(&items[0], Item::Unknown(kind) if kind == "noise"));
    assert_eq!((items.len(), feed.stats().malformed), (2, 0));
}

#[tokio::test]
async fn malformed_frames_are_told_by_reason_on_both_feeds() {
    for kind in ["exchange", "advanced"] {
        let server = Server::listen().await;
        let config: FeedConfig = match kind {
            "advanced" => common::advanced(server.url()),
            _ => fast_config(server.url()),
        };
        let (mut feed, _shutdown) = client(config, &[product("BTC-USD")]);
        let mut socket = server.accept().await;
        request(&mut socket).await;
        let frames = [
            Message::binary(b"{\"type\":\"\xff\"}".to_vec()),
            Message::text("nonsense"),
            Message::text("{\"type\":\"ma"),
            Message::text("[".repeat(100_000)),
            Message::text("{\"a\":".repeat(100_000)),
            Message::text("7"),
            Message::text(""),
        ];
        let count = frames.len();
        for frame in frames {
            socket.send(frame).await.unwrap();
        }
        let mut reasons = Vec::new();
        while reasons.len() < count {
            let items = next_that(&mut feed, |event| match event {
                FeedEvent::Batch(items) => Some(items.clone()),
                FeedEvent::Disconnected { reason, .. } => panic!("{reason}"),
                _ => None,
            })
            .await;
            reasons.extend(items.into_iter().map(|item| match item {
                Item::Malformed(malformed) => malformed.error.reason,
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(
            reasons[..3],
            [
                ParseReason::NotUtf8,
                ParseReason::NotJson,
                ParseReason::Truncated
            ],
            "{kind}"
        );
        assert_eq!(feed.stats().malformed, count as u64);
    }
}

/// The client doesn't offer compression. A server that compresses even so breaks the protocol: the
/// connection ends with that reason, and the next one is tried.
#[tokio::test]
async fn compressed_frames_that_were_not_agreed_on_end_the_connection() {
    let server = Server::listen().await;
    let (mut feed, _shutdown) = client(fast_config(server.url()), &[product("BTC-USD")]);
    let mut socket = server.accept().await;
    request(&mut socket).await;
    // A text frame whose first reserved bit says "compressed".
    let compressed = [0xc1, 0x02, 0x03, 0x00];
    socket.get_mut().write_all(&compressed).await.unwrap();
    let reason = next_that(&mut feed, |event| match event {
        FeedEvent::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert!(matches!(&reason, DisconnectReason::Broken(_)), "{reason}");
    assert!(
        reason.to_string().to_lowercase().contains("reserved"),
        "{reason}"
    );
    let mut socket = server.accept().await;
    request(&mut socket).await;
}
