//! The service on real servers, and the official clients beside it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kafka_common::admin::set_up_topics;
use kafka_common::trace::{self, TraceContext};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use service_kit::service::{BoundServer, application, init_telemetry};
use service_kit::settings::{AuthSettings, FeedSource};
use service_kit::{Auth, Context, Role, Settings};
use test_support::Isolated;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
/// The machine may be busy; what doesn't come within this time doesn't come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A session of the user of that name.
pub const ALICE: Uuid = Uuid::from_u128(0xa);
pub const BOB: Uuid = Uuid::from_u128(0xb);

pub fn auth(secret: &str, token_seconds: u64) -> Auth {
    Auth::new(&AuthSettings {
        secret: secret.to_owned().into(),
        guest: true,
        token_seconds,
        ..AuthSettings::default()
    })
}

/// A token for alice that somebody else has signed.
pub fn forged_token() -> String {
    let forger = auth("a-forger's-secret-of-some-more-bytes!", 600);
    forger.issue("alice", Role::User).unwrap().token
}

/// What a service of this test needs, and a way to feed it.
pub struct Ground {
    pub settings: Settings,
    producer: FutureProducer,
    pub http: reqwest::Client,
    // The last one to be dropped: it deletes the topics.
    pub own: Isolated,
}

impl Ground {
    pub async fn prepare() -> Self {
        Self::on_servers(test_support::isolated().await).await
    }

    /// On servers that a test may have of its own.
    pub async fn on_servers(own: Isolated) -> Self {
        let mut settings = Settings::default();
        settings.kafka.bootstrap_servers = own.kafka.clone();
        settings.kafka.topic_prefix = own.topic_prefix.clone();
        settings.kafka.group_prefix = own.group_prefix.clone();
        settings.kafka.session_timeout_ms = 6_000;
        settings.database.url = own.database_url.clone().into();
        settings.redis.url = own.redis_url.clone().into();
        settings.redis.key_prefix = own.redis_prefix.clone();
        settings.auth.secret = SECRET.to_owned().into();
        settings.auth.guest = true;
        settings.feed.source = FeedSource::Simulator;
        set_up_topics(&settings.kafka).await.unwrap();
        let producer = client(&own)
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        Self {
            settings,
            producer,
            http: reqwest::Client::new(),
            own,
        }
    }

    pub fn token(&self, user: &str) -> String {
        auth(SECRET, 600).issue(user, Role::User).unwrap().token
    }

    pub async fn produce(&self, topic: &str, key: &str, data: &Value) {
        self.produce_in(topic, key, data, &TraceContext::begin().to_string())
            .await;
    }

    /// The same, as a part of a trace.
    async fn produce_in(&self, topic: &str, key: &str, data: &Value, traceparent: &str) {
        let value = json!({"timestamp": chrono::Utc::now(), "producer_service": "test",
            "data": data});
        let value = value.to_string();
        let topic = self.own.topic(topic);
        let header = Header {
            key: trace::HEADER,
            value: Some(traceparent),
        };
        let record = FutureRecord::to(&topic)
            .key(key)
            .payload(&value)
            .headers(OwnedHeaders::new().insert(header));
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// Events of both sessions, in turns.
    pub async fn produce_both(&self, sequences: RangeInclusive<u64>) {
        for sequence in sequences {
            self.produce_event(ALICE, "alice", sequence).await;
            self.produce_event(BOB, "bob", sequence).await;
        }
    }

    /// An event of a session: every third one is a trade, the others come over the other topic.
    pub async fn produce_event(&self, session: Uuid, user: &str, sequence: u64) {
        let key = session.to_string();
        let now = chrono::Utc::now();
        let trace = traceparent(session, sequence);
        if sequence.is_multiple_of(3) {
            let price: Value = serde_json::from_str("87786.0400").unwrap();
            let trade = json!({"trade_id": Uuid::new_v4(), "session_id": session,
                "symbol": "BTCUSD", "action": "BUY", "quantity": 0.5, "price": price,
                "status": "FILLED", "timestamp": now, "user_id": user, "sequence": sequence});
            self.produce_in("trade-executions", &key, &trade, &trace)
                .await;
        } else {
            let event = json!({"session_id": session, "user_id": user,
                "strategy_id": Uuid::nil(), "symbol": "BTCUSD", "event": "EQUITY",
                "sequence": sequence, "timestamp": now,
                "equity": {"price": 1.5, "cash": 1, "position": 0, "equity": 1}});
            self.produce_in("forward-test-events", &key, &event, &trace)
                .await;
        }
    }
}

/// The trace that an event of [`Ground::produce_event`] belongs to.
pub fn traceparent(session: Uuid, sequence: u64) -> String {
    let trace_id = (session.as_u128() << 64) | u128::from(sequence);
    format!("00-{trace_id:032x}-{sequence:016x}-01")
}

pub struct TestApp {
    address: String,
    shutdown: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
    ground: Ground,
}

impl std::ops::Deref for TestApp {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl TestApp {
    /// A service that is ready: before, clients are told to come back.
    pub async fn start() -> Self {
        let app = Self::on(Ground::prepare().await).await;
        app.ready().await;
        app
    }

    /// A service that shares nothing: its channels live in its memory.
    pub async fn start_alone() -> Self {
        let mut ground = Ground::prepare().await;
        ground.settings.redis.url = String::new().into();
        Self::on(ground).await
    }

    pub async fn on(ground: Ground) -> Self {
        let (address, shutdown, server) = serve(&ground.settings, "127.0.0.1:0").await;
        Self {
            address,
            shutdown,
            server,
            ground,
        }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }

    /// Ends the service and starts it again at the same address.
    pub async fn restart(&mut self) {
        self.shutdown.cancel();
        (&mut self.server).await.unwrap().unwrap();
        let (_, shutdown, server) = serve(&self.settings, &self.address).await;
        (self.shutdown, self.server) = (shutdown, server);
    }

    pub fn client(&self) -> ClientConfig {
        client(&self.own)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn websocket(&self) -> String {
        format!("ws://{}/connection/websocket", self.address)
    }

    /// Good for one second.
    pub fn short_token(&self, user: &str) -> String {
        auth(SECRET, 1).issue(user, Role::User).unwrap().token
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request = self.http.get(format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request).await
    }

    /// Waits until the service is ready.
    pub async fn ready(&self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get("/healthz/ready", None).await;
            if status == 200 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://{}{path}", self.address);
        answer(self.http.post(url).json(body)).await
    }

    /// Any request of a user.
    pub async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await
    }

    /// Another process's service in this one: it shares everything that replicas share.
    pub async fn replica(&self) -> Replica {
        let (_, shutdown, server) = serve(&self.settings, "127.0.0.1:0").await;
        Replica { shutdown, server }
    }

    pub async fn post(&self, path: &str) -> (u16, Value) {
        answer(self.http.post(format!("http://{}{path}", self.address))).await
    }
}

/// See [`TestApp::replica`].
pub struct Replica {
    shutdown: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Replica {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

fn client(own: &Isolated) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &own.kafka)
        .set("linger.ms", "1");
    config
}

type Served = (String, CancellationToken, JoinHandle<anyhow::Result<()>>);

async fn serve(settings: &Settings, address: &str) -> Served {
    let metrics = init_telemetry(settings).unwrap();
    let shutdown = CancellationToken::new();
    let server = BoundServer::bind(address.parse().unwrap()).await.unwrap();
    let address = server.address().unwrap().to_string();
    let context = Context::connect(settings.clone(), shutdown.clone(), false)
        .await
        .unwrap();
    let mut service = notification::start(context.clone()).await.unwrap();
    let tasks = std::mem::take(&mut service.tasks);
    let router = application(&context, service, metrics);
    let serving = tokio::spawn(server.serve(router, tasks, shutdown.clone()));
    (address, shutdown, serving)
}

pub const TARGETS: &str = "/v1/notifications/targets";
pub const DELIVERIES: &str = "/v1/notifications/deliveries";

/// Waits until a user's newest delivery outside the page is as wanted.
pub async fn newest(app: &TestApp, user: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + 2 * PATIENCE;
    loop {
        let (_, page) = app.get(DELIVERIES, Some(&app.token(user))).await;
        if wanted(&page["items"][0]) {
            return page["items"][0].clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a list's first title is the one wanted: rows are written after the push.
pub async fn wait_for_first(app: &TestApp, token: &str, path: &str, title: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (_, page) = app.get(path, Some(token)).await;
        if page["items"][0]["title"] == title {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process with any number of official clients in it.
pub struct Browser {
    _process: Child,
    input: ChildStdin,
    output: mpsc::UnboundedReceiver<Value>,
    seen: Vec<Value>,
}

impl Browser {
    /// Clients of JavaScript.
    pub async fn start(url: &str) -> Self {
        let directory = centrifuge_packages().await;
        let mut node = Command::new("node");
        node.arg("client.mjs").arg(url).current_dir(directory);
        Self::run(node, "node, version 20 or later").await
    }

    /// Clients of Python.
    pub async fn python(url: &str) -> Self {
        let mut command = Command::new(centrifuge_python());
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/centrifuge");
        command.arg("client.py").arg(url).current_dir(directory);
        let needed = "the client for Python: scripts/install-test-tools.sh";
        Self::run(command, needed).await
    }

    async fn run(mut command: Command, needed: &str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect(needed);
        let input = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, output) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            _process: process,
            input,
            output,
            seen: Vec::new(),
        }
    }

    pub async fn say(&mut self, action: &Value) {
        let line = format!("{action}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    pub async fn open(&mut self, client: &str, token: &str) {
        let open = json!({"do": "open", "client": client, "token": token});
        self.say(&open).await;
    }

    /// Opens a client that doesn't use WebSockets.
    pub async fn open_over(&mut self, transport: &str, client: &str, token: &str) {
        let open = json!({"do": "open", "client": client, "token": token,
            "transport": transport});
        self.say(&open).await;
    }

    /// Opens a client that speaks protobuf, over a WebSocket or over something else.
    pub async fn open_in_protobuf(&mut self, transport: Option<&str>, client: &str, token: &str) {
        let open = json!({"do": "open", "client": client, "token": token,
            "transport": transport, "protobuf": true});
        self.say(&open).await;
    }

    /// The sequences of the session's events that a client received, in the order of arrival.
    pub fn sequences(&self, client: &str, session: Uuid) -> Vec<u64> {
        let publications = self.seen(client, "publication");
        let mine = publications.iter().map(|seen| {
            let payload = &seen["data"]["payload"];
            assert_eq!(payload["session_id"], json!(session), "{client}: {seen}");
            payload["sequence"].as_u64().unwrap()
        });
        mine.collect()
    }

    /// Ends a client's connection as a broken network does, and waits until it has noticed.
    pub async fn cut(&mut self, client: &str) {
        self.say(&json!({"do": "cut", "client": client})).await;
        // The first one, of code 0, was when it was opened.
        let noticed = |seen: &Value| seen["code"] != 0;
        self.wait(client, "connecting", noticed).await;
    }

    pub async fn subscribe(&mut self, client: &str, channel: &str) {
        let subscribe = json!({"do": "subscribe", "client": client, "channel": channel});
        self.say(&subscribe).await;
    }

    /// What a client was told so far, of one kind.
    pub fn seen(&self, client: &str, event: &str) -> Vec<&Value> {
        self.seen
            .iter()
            .filter(|seen| seen["client"] == client && seen["event"] == event)
            .collect()
    }

    /// What any client is told next.
    pub async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.output.recv()).await;
        next.expect("something within time")
            .expect("clients that run")
    }

    /// Waits until a client was told what is wanted; it may have been already.
    pub async fn wait(
        &mut self,
        client: &str,
        event: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        loop {
            let found = self
                .seen(client, event)
                .into_iter()
                .find(|seen| wanted(seen));
            if let Some(found) = found {
                return found.clone();
            }
            match tokio::time::timeout(PATIENCE, self.output.recv()).await {
                Ok(Some(seen)) => self.seen.push(seen),
                _ => panic!("{client} was not told `{event}`; seen: {:#?}", self.seen),
            }
        }
    }
}

/// A Python that has the client; `scripts/install-test-tools.sh` makes it.
pub fn centrifuge_python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    cache.join("algotrade/centrifuge-venv/bin/python")
}

/// Where the client's npm packages are, installed once; what is there from another run is kept.
pub async fn centrifuge_packages() -> &'static Path {
    static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/centrifuge");
            if !directory.join("node_modules/.package-lock.json").exists() {
                let status = Command::new("npm")
                    .args(["ci", "--ignore-scripts"])
                    .current_dir(&directory)
                    .stdout(Stdio::null())
                    .status()
                    .await
                    .expect("npm, of node 20 or later");
                assert!(status.success(), "npm ci in {}", directory.display());
            }
            directory
        })
        .await
}
