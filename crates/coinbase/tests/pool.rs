//! Several connections as one, against a server that refuses and falls silent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use coinbase::client::{FeedEvent, FeedPool, PoolConfig, PoolEvent, PoolHandle};
use common::{LONG, fast_config, product};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

struct Server(TcpListener);

impl Server {
    async fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn pool(&self, products_per_connection: usize) -> (PoolHandle, CancellationToken) {
        let url = format!("ws://{}", self.0.local_addr().unwrap());
        let config = PoolConfig {
            feed: fast_config(url),
            products_per_connection,
            stagger: Duration::from_millis(1),
        };
        let shutdown = CancellationToken::new();
        (FeedPool::spawn(config, shutdown.clone()), shutdown)
    }

    async fn accept(&self) -> Client {
        let accepted = tokio::time::timeout(LONG, self.0.accept()).await.unwrap();
        let (socket, _) = accepted.unwrap();
        Client(tokio_tungstenite::accept_async(socket).await.unwrap())
    }
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// The next request: its type, and its products.
    async fn request(&mut self) -> (String, Value) {
        let message = tokio::time::timeout(LONG, self.0.next()).await.unwrap();
        let message = message.unwrap().unwrap();
        let request: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        let kind = request["type"].as_str().unwrap().to_owned();
        (kind, request["channels"][0]["product_ids"].clone())
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }
}

/// The next event that is more than a connection's coming and going.
async fn told(pool: &mut PoolHandle) -> PoolEvent {
    loop {
        let event = tokio::time::timeout(LONG, pool.next()).await.unwrap();
        match event.unwrap() {
            PoolEvent::Feed {
                event:
                    FeedEvent::Connected | FeedEvent::ServerError(_) | FeedEvent::Disconnected { .. },
                ..
            } => {}
            told => return told,
        }
    }
}

fn subscribe(products: Value) -> (String, Value) {
    ("subscribe".to_owned(), products)
}

#[tokio::test]
async fn products_are_spread_and_come_and_go() {
    let server = Server::listen().await;
    let (pool, shutdown) = server.pool(2);
    let products = pool.products().clone();
    products.subscribe(["BTC-USD", "ETH-USD", "SOL-USD"].map(product));
    let (mut one, mut two) = (server.accept().await, server.accept().await);
    let mut requests = [one.request().await, two.request().await];
    requests.sort_by_key(|(_, products)| products.as_array().unwrap().len());
    assert_eq!(requests[0], subscribe(json!(["SOL-USD"])));
    assert_eq!(requests[1], subscribe(json!(["BTC-USD", "ETH-USD"])));
    assert_eq!((products.connections(), products.current().len()), (2, 3));
    // The place that becomes free is taken.
    products.unsubscribe([product("ETH-USD")]);
    products.subscribe([product("DOGE-USD")]);
    assert_eq!(products.connections(), 2);
    let mut pool = pool;
    shutdown.cancel();
    let ended = async { while pool.next().await.is_some() {} };
    tokio::time::timeout(LONG, ended).await.unwrap();
    assert_eq!(pool.stats().connections, 2);
}

#[tokio::test]
async fn a_product_that_is_not_there_does_not_take_the_others_with_it() {
    let server = Server::listen().await;
    let (mut pool, _shutdown) = server.pool(10);
    pool.products()
        .subscribe(["BTC-USD", "XYZ-USD"].map(product));
    let mut client = server.accept().await;
    client.request().await;
    let reason = "XYZ-USD is not a valid product";
    let refused = json!({"type": "error", "message": "Failed to subscribe", "reason": reason});
    client.send(refused).await;
    match told(&mut pool).await {
        PoolEvent::Refused { product, error } => {
            assert_eq!(product.as_str(), "XYZ-USD");
            assert_eq!(error.reason.as_deref(), Some(reason));
        }
        other => panic!("{other:?}"),
    }
    let mut client = server.accept().await;
    assert_eq!(client.request().await, subscribe(json!(["BTC-USD"])));
    assert_eq!(pool.products().current(), [product("BTC-USD")]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_cannot_is_told() {
    let server = Server::listen().await;
    let (mut pool, _shutdown) = server.pool(10);
    pool.products().subscribe([product("BTC-USD")]);
    let mut client = server.accept().await;
    client.request().await;
    let error =
        |reason: &str| json!({"type": "error", "message": "Failed to subscribe", "reason": reason});
    client.send(error("internal error")).await;
    let waiting = tokio::spawn(async move {
        let event = told(&mut pool).await;
        (pool, event)
    });
    let mut client = server.accept().await;
    assert_eq!(client.request().await, subscribe(json!(["BTC-USD"])));
    client.send(error("channel requires authentication")).await;
    let (_pool, event) = waiting.await.unwrap();
    assert!(
        matches!(event, PoolEvent::Stopped { connection: 0, .. }),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_silent_product_is_asked_for_again() {
    let server = Server::listen().await;
    let (mut pool, _shutdown) = server.pool(10);
    pool.products()
        .subscribe(["BTC-USD", "ETH-USD"].map(product));
    let mut client = server.accept().await;
    client.request().await;
    let products = pool.products().clone();
    let reading = tokio::spawn(async move { while pool.next().await.is_some() {} });
    products.renew(product("ETH-USD"));
    let given_up = ("unsubscribe".to_owned(), json!(["ETH-USD"]));
    assert_eq!(client.request().await, given_up);
    assert_eq!(client.request().await, subscribe(json!(["ETH-USD"])));
    assert_eq!(products.current().len(), 2);
    reading.abort();
}
