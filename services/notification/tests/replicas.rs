//! Several replicas as one: whichever of them dies, every browser gets everything once, in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/replica.rs"]
mod replica;

use common::{ALICE, BOB, Browser, Ground, TestApp};
use replica::{Balancer, Replica};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_costs_no_event_and_repeats_none() {
    let ground = Ground::prepare().await;
    let (mut first, second) = (Replica::start(&ground).await, Replica::start(&ground).await);
    let balancer = Balancer::start(vec![first.address, second.address]).await;
    let url = format!("ws://{}/connection/websocket", balancer.address);
    let mut browser = Browser::start(&url).await;
    let clients = ["alice-1", "alice-2", "alice-3", "bob-1", "bob-2", "bob-3"];
    let user = |client: &str| client.split('-').next().unwrap().to_owned();
    for client in clients {
        let token = ground.token(&user(client));
        match client {
            "alice-3" => browser.open_over("sse", client, &token).await,
            "bob-3" => {
                let way = Some("http_stream");
                browser.open_in_protobuf(way, client, &token).await;
            }
            "bob-2" => browser.open_in_protobuf(None, client, &token).await,
            _ => browser.open(client, &token).await,
        }
        browser.wait(client, "subscribed", |_| true).await;
    }
    for replica in [&first, &second] {
        assert!(
            replica.connections(&ground).await > 0,
            "the test divides badly"
        );
    }
    // Presence is that of all replicas. Commands of clients without a WebSocket arrive anywhere.
    for client in ["alice-1", "alice-3", "bob-3"] {
        for _ in 0..2 {
            let calls = json!({"do": "calls", "client": client,
                "channel": format!("user:{}", user(client))});
            browser.say(&calls).await;
        }
        let three = |seen: &Value| seen["numClients"] == 3 && seen["present"] == 3;
        browser.wait(client, "answers", three).await;
    }
    for sequence in 1..=40 {
        ground.produce_event(ALICE, "alice", sequence).await;
        ground.produce_event(BOB, "bob", sequence).await;
        if sequence == 20 {
            // Not stopped: killed, with records in hand.
            first.process.kill().await.unwrap();
        }
    }
    // What was consumed is delivered again, as after any restart of a producer.
    for sequence in 30..=60 {
        ground.produce_event(ALICE, "alice", sequence).await;
        ground.produce_event(BOB, "bob", sequence).await;
    }
    let all: Vec<u64> = (1..=60).collect();
    for client in clients {
        let last = |seen: &Value| seen["offset"] == 60;
        browser.wait(client, "publication", last).await;
        let session = if user(client) == "alice" { ALICE } else { BOB };
        assert_eq!(browser.sequences(client, session), all, "{client}");
        for seen in browser.seen(client, "subscribed") {
            assert!(
                seen["wasRecovering"] == false || seen["recovered"] == true,
                "{seen}"
            );
        }
    }
    let moved = clients
        .iter()
        .filter(|client| browser.seen(client, "subscribed").len() > 1);
    assert!(
        moved.count() > 0,
        "nobody was on the replica that was killed"
    );
    assert_eq!(second.connections(&ground).await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_clients_are_told_and_recover_when_it_is_back() {
    let mut ground = Ground::prepare().await;
    let url = ground.settings.redis.url.expose_secret().to_owned();
    let server = url.trim_start_matches("redis://").trim_end_matches('/');
    let proxy = Balancer::start(vec![server.parse().unwrap()]).await;
    ground.settings.redis.url = format!("redis://{}/", proxy.address).into();
    let app = TestApp::on(ground).await;
    let mut browser = Browser::start(&app.websocket()).await;
    browser.open("alice", &app.token("alice")).await;
    browser.wait("alice", "subscribed", |_| true).await;
    app.produce_event(ALICE, "alice", 1).await;
    browser
        .wait("alice", "publication", |seen| seen["offset"] == 1)
        .await;
    proxy.open.send(false).unwrap();
    for sequence in 2..=10 {
        app.produce_event(ALICE, "alice", sequence).await;
    }
    let told = |seen: &Value| seen["code"] == 3010;
    browser.wait("alice", "connecting", told).await;
    let refused = |seen: &Value| seen["code"] == 100;
    browser.wait("alice", "error", refused).await;
    // A record that waits for Redis isn't moved by a restart.
    assert_eq!(app.get("/healthz/live", None).await.0, 200);
    assert_eq!(app.get("/healthz/ready", None).await.0, 503);
    proxy.open.send(true).unwrap();
    let recovered = |seen: &Value| seen["wasRecovering"] == true;
    let again = browser.wait("alice", "subscribed", recovered).await;
    assert_eq!(again["recovered"], true);
    browser
        .wait("alice", "publication", |seen| seen["offset"] == 10)
        .await;
    let all: Vec<u64> = (1..=10).collect();
    assert_eq!(browser.sequences("alice", ALICE), all);
    app.stop().await;
}
