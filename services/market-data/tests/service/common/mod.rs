//! The service on real servers, fed by a simulator over a real socket.

pub mod logged;
pub mod proxy;
pub mod replica;
pub mod rest;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coinbase::market::{MarketConfig, Until, record};
use coinbase::recording::RecordingReader;
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Speed};
use coinbase::{Sequencer, Trade, TradeOutcome};
use kafka_common::admin::set_up_topics;
use market_data::{FeedCounts, FeedStatistics};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::service::{BoundServer, application, init_telemetry};
use service_kit::settings::FeedSource;
use service_kit::{Context, Role, Settings};
use test_support::Isolated;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The machine may be busy; what doesn't come within this time doesn't come.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Settings for a test's own part of the servers, with topics.
pub async fn settings(own: &Isolated) -> Settings {
    let mut settings = Settings::default();
    settings.kafka.bootstrap_servers = own.kafka.clone();
    settings.kafka.topic_prefix = own.topic_prefix.clone();
    settings.kafka.group_prefix = own.group_prefix.clone();
    settings.database.url = own.database_url.clone().into();
    settings.redis.url = own.redis_url.clone().into();
    settings.redis.key_prefix = own.redis_prefix.clone();
    settings.auth.secret = "a-secret-of-more-than-thirty-two-bytes".to_owned().into();
    settings.feed.source = FeedSource::Simulator;
    // Tests of that set it themselves.
    settings.feed.subscription_grace_seconds = 0;
    set_up_topics(&settings.kafka).await.unwrap();
    settings
}

/// The generator's market: the same seed and start give the same frames.
pub fn market() -> MarketConfig {
    MarketConfig {
        seed: 7,
        start: "2025-11-25T05:00:00Z".parse().ok(),
        ..MarketConfig::default()
    }
}

/// A recording of so many trades; a longer one begins with a shorter one's frames.
pub fn recording(folder: &Path, trades: u64) -> PathBuf {
    let path = folder.join(format!("{trades}.ndjson.zst"));
    record(&market(), Until::Trades(trades), &path).unwrap();
    path
}

/// Each trade of a recording once, by symbol, straight from the file.
pub fn trades_of(path: &Path) -> HashMap<String, Vec<Trade>> {
    let mut sequencer = Sequencer::new();
    let mut trades: HashMap<String, Vec<Trade>> = HashMap::new();
    for frame in RecordingReader::open(path).unwrap() {
        let text = frame.unwrap().text;
        let Some(trade) = coinbase::exchange::parse(&text).unwrap().trade() else {
            continue;
        };
        let outcome = sequencer.trade(trade.product_id, trade.trade_id);
        if matches!(outcome, TradeOutcome::Emit { .. }) {
            let symbol = trade.product_id.symbol().to_string();
            trades.entry(symbol).or_default().push(trade);
        }
    }
    trades
}

/// A simulator that plays a recording as fast as it is read, once it is released.
pub async fn player(path: &Path) -> SimulatorHandle {
    let config = SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        ..SimulatorConfig::recording(path)
    };
    Simulator::start(config).await.unwrap()
}

/// A record of a log.
#[derive(Debug, Clone)]
pub struct LogRecord {
    pub partition: i32,
    pub key: String,
    /// The header `record-kind`.
    pub kind: Option<String>,
    pub value: Value,
}

impl LogRecord {
    pub fn data(&self) -> &Value {
        &self.value["data"]
    }
}

/// All of a topic that is committed, each partition in its order.
pub async fn log(settings: &Settings, topic: &str, partitions: i32) -> Vec<LogRecord> {
    let name = settings.kafka.topic(topic);
    let servers = settings.kafka.bootstrap_servers.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment
                .add_partition_offset(&name, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let mut records = Vec::new();
        let mut ended = BTreeSet::new();
        while ended.len() < partitions as usize {
            let record = match consumer.poll(PATIENCE).expect("records come") {
                Err(KafkaError::PartitionEOF(partition)) => {
                    ended.insert(partition);
                    continue;
                }
                record => record.unwrap(),
            };
            records.push(LogRecord {
                partition: record.partition(),
                key: String::from_utf8(record.key().unwrap().to_vec()).unwrap(),
                kind: record_kind(&record),
                value: serde_json::from_slice(record.payload().unwrap()).unwrap(),
            });
        }
        records
    });
    reading.await.unwrap()
}

fn record_kind(record: &BorrowedMessage<'_>) -> Option<String> {
    let headers = record.headers()?;
    let header = headers.iter().find(|header| header.key == "record-kind")?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}

/// The running service.
pub struct TestApp {
    pub context: Context,
    pub statistics: Arc<FeedStatistics>,
    http: reqwest::Client,
    address: String,
    server: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    /// Starts the service on a simulator.
    pub async fn start(
        mut settings: Settings,
        simulator: &SimulatorHandle,
        products: &[&str],
    ) -> Self {
        settings.feed.websocket_url = simulator.ws_url();
        settings.feed.rest_url = simulator.rest_url();
        settings.feed.products = products.iter().map(|name| (*name).to_owned()).collect();
        Self::start_with(settings).await
    }

    /// Starts the service on a simulator, with another REST interface than the simulator's.
    pub async fn start_with_rest(
        mut settings: Settings,
        simulator: &SimulatorHandle,
        rest_url: String,
        products: &[&str],
    ) -> Self {
        settings.feed.websocket_url = simulator.ws_url();
        settings.feed.rest_url = rest_url;
        settings.feed.products = products.iter().map(|name| (*name).to_owned()).collect();
        Self::start_with(settings).await
    }

    /// Starts the service as it is configured.
    pub async fn start_with(settings: Settings) -> Self {
        let metrics = init_telemetry(&settings).unwrap();
        let shutdown = CancellationToken::new();
        let context = Context::connect(settings, shutdown.clone(), false)
            .await
            .unwrap();
        let (mut service, statistics) = market_data::start_with_stats(context.clone())
            .await
            .unwrap();
        let tasks = std::mem::take(&mut service.tasks);
        let bound = BoundServer::bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let address = bound.address().unwrap().to_string();
        let router = application(&context, service, metrics);
        Self {
            context,
            statistics,
            http: reqwest::Client::new(),
            address,
            server: tokio::spawn(bound.serve(router, tasks, shutdown)),
        }
    }

    /// Waits until the service says that it is ready.
    pub async fn ready(&self) {
        let waiting = async {
            while self.get("/healthz/ready").await.0 != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("ready in time");
    }

    /// Plays the recording of a simulator to its end and waits until all of it is in the log.
    pub async fn play(&self, simulator: &SimulatorHandle) -> FeedCounts {
        self.ready().await;
        simulator.release();
        let playing = async {
            simulator.finished().await;
            self.statistics.settled(simulator.stats().frames_sent).await;
        };
        tokio::time::timeout(PATIENCE, playing)
            .await
            .expect("played in time");
        self.statistics.counts()
    }

    pub fn token(&self, user: &str, role: Role) -> String {
        self.context.auth.issue(user, role).unwrap().token
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None, None).await
    }

    pub async fn subscribe(&self, user: &str, symbol: &str) -> (StatusCode, Value) {
        let token = self.token(user, Role::User);
        let body = json!({"symbol": symbol});
        self.call(Method::POST, "/v1/subscriptions", Some(&token), Some(body))
            .await
    }

    pub async fn unsubscribe(&self, user: &str, symbol: &str) -> (StatusCode, Value) {
        let token = self.token(user, Role::User);
        let path = format!("/v1/subscriptions/{symbol}");
        self.call(Method::DELETE, &path, Some(&token), None).await
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let response = self.send(method, path, token, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> reqwest::Response {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// Ends the service in an orderly way.
    pub async fn stop(self) {
        self.context.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }
}
