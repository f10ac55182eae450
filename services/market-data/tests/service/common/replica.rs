//! A replica of the service as a process of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use coinbase::Trade;
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Speed};
use secrecy::ExposeSecret;
use serde_json::Value;
use service_kit::Settings;

use super::PATIENCE;

/// A replica as a process.
pub struct Replica {
    child: Child,
    address: String,
}

impl Replica {
    pub fn start(settings: &Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let feed = &settings.feed;
        let variables = [
            (
                "KAFKA__BOOTSTRAP_SERVERS",
                settings.kafka.bootstrap_servers.clone(),
            ),
            ("KAFKA__TOPIC_PREFIX", settings.kafka.topic_prefix.clone()),
            ("KAFKA__GROUP_PREFIX", settings.kafka.group_prefix.clone()),
            (
                "DATABASE__URL",
                settings.database.url.expose_secret().to_owned(),
            ),
            ("REDIS__URL", settings.redis.url.expose_secret().to_owned()),
            ("REDIS__KEY_PREFIX", settings.redis.key_prefix.clone()),
            (
                "AUTH__SECRET",
                settings.auth.secret.expose_secret().to_owned(),
            ),
            ("FEED__SOURCE", feed.source.as_str().to_owned()),
            ("FEED__WEBSOCKET_URL", feed.websocket_url.clone()),
            ("FEED__REST_URL", feed.rest_url.clone()),
            ("FEED__PRODUCTS", feed.products.join(",")),
            ("FEED__REPLICATED", "true".to_owned()),
            ("HTTP__LISTEN", address.clone()),
            ("LOG__FILTER", "warn".to_owned()),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_market-data"));
        for (name, value) in variables {
            command.env(format!("ALGOTRADE__{name}"), value);
        }
        command.stdout(Stdio::null());
        let child = command.spawn().unwrap();
        Self { child, address }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// The partitions that it holds; none while it can't be asked.
    pub async fn partitions(&self) -> Vec<i64> {
        let url = format!("http://{}/healthz/ready", self.address);
        let client = reqwest::Client::builder()
            // Longer than a check of what is away takes.
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let Ok(response) = client.get(url).send().await else {
            return Vec::new();
        };
        let body: Value = response.json().await.unwrap_or_default();
        let partitions = body["details"]["leases"]["partitions"].as_array().cloned();
        let partitions = partitions.unwrap_or_default();
        partitions.iter().filter_map(Value::as_i64).collect()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may be paused, or gone.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(in_time.is_ok(), "{what}");
}

/// A recording that is played within so many seconds.
pub async fn market(path: &std::path::Path, all: &[&Trade], seconds: f64) -> SimulatorHandle {
    let times = || all.iter().map(|trade| trade.time);
    let span = times().max().unwrap() - times().min().unwrap();
    let config = SimulatorConfig {
        speed: Speed::Times(span.num_milliseconds() as f64 / 1e3 / seconds),
        hold: true,
        ..SimulatorConfig::recording(path)
    };
    Simulator::start(config).await.unwrap()
}
