//! The protocol in protobuf, as the official clients speak it, and as nobody should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{ALICE, BOB, Browser, TestApp, forged_token};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Everything that matters: events, a connection that breaks, what isn't one's own, calls.
async fn clients_get_the_same(app: &TestApp, mut clients: Browser) {
    for user in ["alice", "bob"] {
        let token = app.token(user);
        clients.open_in_protobuf(None, user, &token).await;
        clients.wait(user, "subscribed", |_| true).await;
    }
    app.produce_both(1..=30).await;
    for user in ["alice", "bob"] {
        let last = |seen: &Value| seen["offset"] == 30;
        clients.wait(user, "publication", last).await;
    }
    // Data is the JSON that it is for everybody, numbers as they were written.
    let trade = &clients.seen("alice", "publication")[2]["data"];
    assert_eq!(trade["event"], "trade-execution");
    assert_eq!(trade["payload"]["price"], json!(87786.04));

    clients.cut("alice").await;
    app.produce_both(25..=60).await;
    let recovering = |seen: &Value| seen["wasRecovering"] == true;
    let again = clients.wait("alice", "subscribed", recovering).await;
    assert_eq!(again["recovered"], true);
    for (user, session) in [("alice", ALICE), ("bob", BOB)] {
        let last = |seen: &Value| seen["offset"] == 60;
        clients.wait(user, "publication", last).await;
        let all: Vec<u64> = (1..=60).collect();
        assert_eq!(clients.sequences(user, session), all, "{user}");
    }
    clients.subscribe("bob", "user:alice").await;
    let refused = clients.wait("bob", "unsubscribed", |_| true).await;
    assert_eq!(refused["code"], 103);
    clients.subscribe("bob", "user:bob").await;
    let own = |seen: &Value| seen["from"] == "client";
    clients.wait("bob", "subscribed", own).await;
    let calls = json!({"do": "calls", "client": "bob", "channel": "user:bob"});
    clients.say(&calls).await;
    let answers = clients.wait("bob", "answers", |_| true).await;
    assert_eq!(
        (
            &answers["present"],
            &answers["numClients"],
            &answers["offsets"]
        ),
        (&json!(1), &json!(1), &json!([60, 59]))
    );
    let forged = forged_token();
    clients.open_in_protobuf(None, "forger", &forged).await;
    let gone = clients.wait("forger", "disconnected", |_| true).await;
    assert_eq!(gone["code"], 3500);
    // A token that has ended is told as an error, and another one is asked for.
    let open = json!({"do": "open", "client": "late", "token": app.short_token("carol"),
        "next": [app.token("carol")], "protobuf": true});
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    clients.say(&open).await;
    clients.wait("late", "token-asked-for", |_| true).await;
    clients.wait("late", "connected", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_javascript_gets_the_same() {
    let app = TestApp::start().await;
    let clients = Browser::start(&app.websocket()).await;
    clients_get_the_same(&app, clients).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_python_gets_the_same() {
    let app = TestApp::start().await;
    let clients = Browser::python(&app.websocket()).await;
    clients_get_the_same(&app, clients).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_without_a_websocket_too() {
    let app = TestApp::start().await;
    let mut browser = Browser::start(&app.websocket()).await;
    let way = Some("http_stream");
    let token = app.token("alice");
    browser.open_in_protobuf(way, "alice", &token).await;
    browser.wait("alice", "subscribed", |_| true).await;
    app.produce_both(1..=20).await;
    let last = |seen: &Value| seen["offset"] == 20;
    browser.wait("alice", "publication", last).await;
    let all: Vec<u64> = (1..=20).collect();
    assert_eq!(browser.sequences("alice", ALICE), all);
    let history = json!({"do": "history", "client": "alice", "channel": "user:alice"});
    browser.say(&history).await;
    let answer = browser.wait("alice", "history", |_| true).await;
    assert_eq!(answer["offsets"], json!(all));
    browser.subscribe("alice", "user:bob").await;
    let refused = browser.wait("alice", "unsubscribed", |_| true).await;
    assert_eq!(refused["code"], 103);
    // Without a close frame, the end is told in the protocol.
    browser
        .open_in_protobuf(way, "forger", &forged_token())
        .await;
    let gone = browser.wait("forger", "disconnected", |_| true).await;
    assert_eq!(gone["code"], 3500);
    app.stop().await;
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str, subprotocol: Option<&'static str>) -> Result<Socket, u16> {
    let mut request = url.into_client_request().unwrap();
    if let Some(name) = subprotocol {
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", name.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, response)) => {
            let selected = response.headers().get("sec-websocket-protocol");
            assert_eq!(selected.map(|name| name.to_str().unwrap()), subprotocol);
            Ok(socket)
        }
        Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// What comes back for a frame: a binary frame, or the close code.
async fn answer(socket: &mut Socket, frame: Message) -> Result<Vec<u8>, u16> {
    socket.send(frame).await.unwrap();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => return Ok(bytes.to_vec()),
            Message::Close(Some(frame)) => return Err(frame.code.into()),
            other => assert!(matches!(other, Message::Ping(_)), "{other:?}"),
        }
    }
}

/// `{id: 1, connect: {token}}` as a frame.
fn connect_command(token: &str) -> Vec<u8> {
    let length = |bytes: usize| {
        assert!((128..16_384).contains(&bytes), "two bytes tell it");
        vec![bytes as u8 & 0x7f | 0x80, (bytes >> 7) as u8]
    };
    let token = [&[0x0a][..], &length(token.len())[..], token.as_bytes()].concat();
    let command = [&[0x08, 1, 0x22][..], &length(token.len()), &token].concat();
    [&length(command.len())[..], &command].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_protocol_is_a_bad_request_and_counted() {
    let app = TestApp::start().await;
    let url = app.websocket();
    let by_query = format!("{url}?cf_protocol=protobuf");
    let asked = [
        (&url, Some("centrifuge-protobuf")),
        (&by_query, None),
        (&by_query, Some("centrifuge-protobuf")),
    ];
    for (url, subprotocol) in asked {
        let mut socket = connect(url, subprotocol).await.unwrap();
        let connect = connect_command(&app.token("alice"));
        let reply = answer(&mut socket, Message::binary(connect)).await;
        // Behind its length, which is below 128: `id: 1`.
        assert_eq!(reply.unwrap()[1..3], [0x08, 1]);
        let ping = vec![4, 0x08, 2, 0x5a, 0];
        let pong = vec![4, 0x08, 2, 0x62, 0];
        assert_eq!(answer(&mut socket, Message::binary(ping)).await, Ok(pong));
        // A text is no command here, and bytes that are cut off are none.
        let wrong = match subprotocol {
            None => Message::text("{}"),
            Some(_) => Message::binary(vec![4, 0x08, 3, 0x5a]),
        };
        assert_eq!(answer(&mut socket, wrong).await, Err(3501));
    }
    for (frame, code) in [
        (vec![0; 201], 3501),
        (vec![0xff; 16], 3501),
        (vec![0; (64 << 10) + 1], 1009),
    ] {
        let mut socket = connect(&by_query, None).await.unwrap();
        let connect = connect_command(&app.token("alice"));
        answer(&mut socket, Message::binary(connect)).await.unwrap();
        let ended = answer(&mut socket, Message::binary(frame)).await;
        assert_eq!(ended, Err(code));
    }
    // The subprotocol says more than the path.
    let mut socket = connect(&by_query, Some("centrifuge-json")).await.unwrap();
    assert_eq!(
        answer(&mut socket, Message::binary(vec![0])).await,
        Err(3501)
    );
    let xml = format!("{url}?cf_protocol=xml");
    assert_eq!(connect(&xml, None).await.err(), Some(422));

    let metrics = app.get("/metrics", None).await.1;
    let counted = "notification_disconnects_total{code=\"3501\"}";
    assert!(metrics.as_str().unwrap().contains(counted), "{counted}");

    // Requests of their own, too, are told apart from what is no message.
    let request = [&b"\x0a\x01n\x12\x01s\x1a"[..], &[1, 0]].concat();
    for (body, status) in [(request, 404), (vec![0xff], 400)] {
        let request = app.http.post(app.url("/emulation"));
        let request = request.header("content-type", "application/octet-stream");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let request = app.http.post(app.url("/connection/http_stream"));
    let answer = request.body(vec![0xff]).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    app.stop().await;
}
