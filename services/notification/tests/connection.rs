//! The WebSocket as a client sees it that does not behave: every way to be sent away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use chrono::Utc;
use futures_util::{SinkExt, StreamExt};
use notification::centrifuge::{Encoding, Gateway, Timings, user_channel};
use notification::hub::{Hub, HubLimits};
use serde_json::json;
use serde_json::value::to_raw_value;
use service_kit::settings::AuthSettings;
use service_kit::{Auth, Role};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

/// Far beyond every limit that is tested.
const PATIENCE: Duration = Duration::from_secs(120);

struct TestApp {
    hub: Arc<Hub>,
    auth: Auth,
    gateway: Gateway,
    shutdown: CancellationToken,
    url: String,
}

impl TestApp {
    async fn start() -> Self {
        Self::start_with(Timings::default()).await
    }

    async fn start_with(timings: Timings) -> Self {
        let auth = Auth::new(&AuthSettings {
            secret: "a-secret-of-more-than-thirty-two-bytes".to_owned().into(),
            guest: false,
            token_seconds: 600,
            ..AuthSettings::default()
        });
        let hub = Hub::new(HubLimits::default());
        let shutdown = CancellationToken::new();
        let gateway = Gateway::new(Arc::clone(&hub), auth.clone(), timings, shutdown.clone());
        let accepting = gateway.clone();
        let router =
            Router::new().route(
                "/",
                get(|upgrade: WebSocketUpgrade| async move {
                    accepting.accept(upgrade, Encoding::Json)
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            hub,
            auth,
            gateway,
            shutdown,
            url,
        }
    }

    async fn open(&self) -> Client {
        let (socket, _) = tokio_tungstenite::connect_async(&self.url).await.unwrap();
        Client { socket }
    }

    async fn connected(&self, user: &str) -> Client {
        let mut client = self.open().await;
        let token = self.auth.issue(user, Role::User).unwrap().token;
        let connect = json!({"id": 1, "connect": {"token": token}});
        client.send(&connect.to_string()).await;
        let reply = client.text().await;
        assert!(reply.contains("\"recoverable\":true"), "{reply}");
        client
    }

    fn publish(&self, user: &str, text: &str) {
        let payload = to_raw_value(text).unwrap();
        self.hub
            .publish(&user_channel(user), "test", &payload, Utc::now())
            .unwrap();
    }
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Option<Message> {
        let next = timeout(PATIENCE, self.socket.next()).await;
        next.expect("something in time").and_then(Result::ok)
    }

    async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The close code, after whatever else comes.
    async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(_) => {}
                None => panic!("no close frame"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_a_bad_request() {
    let app = TestApp::start().await;
    for text in ["hello", "{}", r#"{"id":1,"ping":{}}"#] {
        let mut client = app.open().await;
        client.send(text).await;
        assert_eq!(client.close_code().await, 3501, "{text}");
    }
    let mut client = app.connected("alice").await;
    client
        .socket
        .send(Message::binary(vec![1_u8]))
        .await
        .unwrap();
    assert_eq!(client.close_code().await, 3501);
    let mut client = app.connected("alice").await;
    client.send(&"{}\n".repeat(201)).await;
    assert_eq!(client.close_code().await, 3501);
}

#[tokio::test]
async fn a_frame_has_its_limit() {
    let app = TestApp::start().await;
    let mut client = app.connected("alice").await;
    client.send(&" ".repeat(64 << 10)).await;
    client.send("{\"id\":2,\"ping\":{}}\n{}\n\n").await;
    assert_eq!(client.text().await, r#"{"id":2,"ping":{}}"#);
    client.send(&" ".repeat((64 << 10) + 1)).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn commands_are_slowed_down() {
    let app = TestApp::start().await;
    let mut client = app.connected("alice").await;
    let started = Instant::now();
    let ping = "{\"id\":2,\"ping\":{}}\n";
    client.send(&ping.repeat(199)).await;
    client.text().await;
    for _ in 0..20 {
        client.send(ping).await;
    }
    for _ in 0..20 {
        client.text().await;
    }
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_cut_off_and_nobody_waits() {
    let app = TestApp::start().await;
    let mut slow = app.connected("alice").await;
    let mut quick = app.connected("alice").await;
    let text = "x".repeat(64 << 10);
    let quickly = tokio::spawn(async move {
        let mut count = 0;
        while count < 400 {
            count += quick.text().await.lines().count();
        }
    });
    let slowly = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(30)).await;
            match slow.next().await {
                Some(Message::Close(Some(frame))) => break u16::from(frame.code),
                Some(_) => {}
                None => panic!("no close frame"),
            }
        }
    });
    for _ in 0..400 {
        let started = Instant::now();
        app.publish("alice", &text);
        assert!(started.elapsed() < Duration::from_secs(1));
        // As fast as a client that reads can take it.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    quickly.await.unwrap();
    assert_eq!(slowly.await.unwrap(), 3008);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_stale() {
    let connect = Duration::from_millis(500);
    let app = TestApp::start_with(Timings {
        connect,
        ..Timings::default()
    })
    .await;
    let mut client = app.open().await;
    let started = Instant::now();
    assert_eq!(client.close_code().await, 3502);
    assert!(started.elapsed() >= connect / 2);
}

#[tokio::test]
async fn pings_must_be_answered() {
    let second = Duration::from_secs(1);
    let app = TestApp::start_with(Timings {
        ping: second,
        pong: second * 2,
        ..Timings::default()
    })
    .await;
    let mut client = app.connected("alice").await;
    let started = Instant::now();
    for _ in 0..4 {
        assert_eq!(client.text().await, "{}");
        client.send("{}").await;
    }
    let answered = started.elapsed();
    assert!(answered >= second * 7 / 2, "{answered:?}");
    // A client that answers no more gets some more pings, and then the end.
    assert_eq!(client.close_code().await, 3012);
    assert!(started.elapsed() >= answered + second * 2);
}

#[tokio::test]
async fn at_the_end_clients_are_told_to_come_back() {
    let app = TestApp::start().await;
    let mut client = app.connected("alice").await;
    app.shutdown.cancel();
    let drained = tokio::spawn(app.gateway.clone().drained());
    assert_eq!(client.close_code().await, 3001);
    drop(client);
    timeout(Duration::from_secs(2), drained)
        .await
        .unwrap()
        .unwrap();
}
