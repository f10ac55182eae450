//! Several replicas as one: whichever of them dies, every browser gets everything once, in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Browser, Ground, SECRET, TestApp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(120);
const ALICE: Uuid = Uuid::from_u128(0xa);
const BOB: Uuid = Uuid::from_u128(0xb);

/// Divides connections among servers, and passes over those that are away; or cuts them all.
struct Balancer {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Balancer {
    async fn start(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(true);
        let turn = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (servers, turn) = (servers.clone(), Arc::clone(&turn));
                let mut is_open = is_open.clone();
                tokio::spawn(async move {
                    let first = turn.fetch_add(1, Ordering::Relaxed);
                    for number in 0..servers.len() {
                        if !*is_open.borrow() {
                            return;
                        }
                        let server = servers[(first + number) % servers.len()];
                        let Ok(mut server) = TcpStream::connect(server).await else {
                            continue;
                        };
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            _ = is_open.wait_for(|open| !open) => {}
                        }
                        return;
                    }
                });
            }
        });
        Self { address, open }
    }
}

/// A process of the service.
struct Replica {
    process: Child,
    address: SocketAddr,
}

impl Replica {
    async fn start(ground: &Ground) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let settings = &ground.settings;
        let process = Command::new(env!("CARGO_BIN_EXE_notification"))
            .envs([
                ("ALGOTRADE__HTTP__LISTEN", address.to_string().as_str()),
                (
                    "ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS",
                    &settings.kafka.bootstrap_servers,
                ),
                (
                    "ALGOTRADE__KAFKA__TOPIC_PREFIX",
                    &settings.kafka.topic_prefix,
                ),
                (
                    "ALGOTRADE__KAFKA__GROUP_PREFIX",
                    &settings.kafka.group_prefix,
                ),
                ("ALGOTRADE__KAFKA__SESSION_TIMEOUT_MS", "6000"),
                (
                    "ALGOTRADE__DATABASE__URL",
                    settings.database.url.expose_secret(),
                ),
                ("ALGOTRADE__REDIS__URL", settings.redis.url.expose_secret()),
                ("ALGOTRADE__REDIS__KEY_PREFIX", &settings.redis.key_prefix),
                ("ALGOTRADE__AUTH__SECRET", SECRET),
                ("ALGOTRADE__LOG__FILTER", "warn,librdkafka=off,rdkafka=off"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let replica = Self { process, address };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while replica.get(ground, "/healthz/ready").await.is_none() {
            assert!(tokio::time::Instant::now() < deadline, "not ready in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        replica
    }

    async fn get(&self, ground: &Ground, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.address);
        let response = ground.http.get(url).send().await.ok()?;
        response.error_for_status().ok()?.text().await.ok()
    }

    /// How many clients it has.
    async fn connections(&self, ground: &Ground) -> u32 {
        let metrics = self.get(ground, "/metrics").await.unwrap();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("notification_connections "));
        line.map_or(0, |count| count.trim().parse().unwrap())
    }
}

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
        match client.ends_with('3') {
            true => {
                let token = ground.token(&user(client));
                browser.open_over("sse", client, &token).await;
            }
            false => browser.open(client, &ground.token(&user(client))).await,
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
