//! Processes of the service, and what stands before them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::common::{Ground, SECRET};

/// The machine may be busy; what doesn't come within this time doesn't come.
const PATIENCE: Duration = Duration::from_secs(120);

/// Divides connections among servers, and passes over those that are away; or cuts them all.
pub struct Balancer {
    pub address: SocketAddr,
    pub open: watch::Sender<bool>,
}

impl Balancer {
    pub async fn start(servers: Vec<SocketAddr>) -> Self {
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
pub struct Replica {
    pub process: Child,
    pub address: SocketAddr,
}

impl Replica {
    pub async fn start(ground: &Ground) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let replica = Self::start_at(ground, address);
        replica.ready(ground).await;
        replica
    }

    /// Starts one at an address, and doesn't wait for it.
    pub fn start_at(ground: &Ground, address: SocketAddr) -> Self {
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
        Self { process, address }
    }

    /// Waits until it is ready.
    pub async fn ready(&self, ground: &Ground) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.get(ground, "/healthz/ready").await.is_none() {
            assert!(tokio::time::Instant::now() < deadline, "not ready in time");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn get(&self, ground: &Ground, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.address);
        let response = ground.http.get(url).send().await.ok()?;
        response.error_for_status().ok()?.text().await.ok()
    }

    /// How many clients it has.
    pub async fn connections(&self, ground: &Ground) -> u32 {
        let metrics = self.get(ground, "/metrics").await.unwrap();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("notification_connections "));
        line.map_or(0, |count| count.trim().parse().unwrap())
    }
}
