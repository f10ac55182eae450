//! The four services as processes, on real Kafka, Postgres and Redis, fed by a simulator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Source, Speed};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{ForwardTestService, KafkaSettings, Service as _, Topic as _, admin};
use reqwest::Method;
use tempfile::TempDir;
use test_support::Isolated;

use crate::api::{Api, SECRET};
use crate::binaries;
use crate::process::Process;
use crate::recording::Recording;

const SERVICES: [&str; 4] = ["market-data", "strategy", "forward-test", "notification"];

/// How a stack is started.
#[derive(Debug)]
pub struct Plan {
    /// What it is fed.
    pub recording: Recording,
    /// How fast.
    pub speed: Speed,
    /// Its part of the servers, with whatever is in there.
    pub servers: Isolated,
    /// Where the services' binaries are; else those of this build.
    pub binaries: Option<PathBuf>,
    /// Settings that are added, by their names in the environment without `ALGOTRADE__`.
    pub settings: Vec<(String, String)>,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    /// The clients' settings of this stack's topics.
    pub kafka: KafkaSettings,
    /// The feed.
    pub simulator: SimulatorHandle,
    processes: BTreeMap<&'static str, Process>,
    ports: BTreeMap<&'static str, u16>,
    environment: BTreeMap<String, String>,
    folder: TempDir,
    servers: Isolated,
}

impl Stack {
    /// Starts everything; the simulator waits to be released.
    pub async fn start(folder: TempDir, recording: &Recording) -> Self {
        Self::start_with(folder, recording, &[]).await
    }

    /// The same with more settings, by their names in the environment without `ALGOTRADE__`.
    pub async fn start_with(folder: TempDir, recording: &Recording, more: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let plan = Plan {
            recording: recording.clone(),
            speed: Speed::AsFastAsClientReads,
            servers: test_support::isolated().await,
            binaries: None,
            settings: more.iter().map(owned).collect(),
        };
        Self::start_as(folder, plan).await
    }

    /// Starts everything in another way.
    pub async fn start_as(folder: TempDir, plan: Plan) -> Self {
        let servers = plan.servers;
        let kafka = kafka_of(&servers);
        admin::set_up_topics(&kafka).await.expect("the topics");
        let mut config = SimulatorConfig::recording(&plan.recording.path);
        config.speed = plan.speed;
        config.hold = true;
        if let Source::Recording { range, .. } = &mut config.source {
            *range = plan.recording.range();
        }
        let simulator = Simulator::start(config).await.expect("the simulator");
        let ports: BTreeMap<&'static str, u16> = SERVICES
            .map(|name| (name, test_support::free_port().expect("a port")))
            .into();
        let url = |name: &str| format!("http://127.0.0.1:{}", ports[name]);
        let products: Vec<String> = simulator
            .products()
            .iter()
            .map(|product| product.id.to_string())
            .collect();
        let own = [
            ("KAFKA__BOOTSTRAP_SERVERS", servers.kafka.clone()),
            ("KAFKA__TOPIC_PREFIX", servers.topic_prefix.clone()),
            ("KAFKA__GROUP_PREFIX", servers.group_prefix.clone()),
            ("KAFKA__INSTANCE_ID", "0".to_owned()),
            ("KAFKA__SNAPSHOT_INTERVAL_MS", "500".to_owned()),
            // A killed member is taken for dead sooner, as an operator in a hurry would set it.
            ("KAFKA__SESSION_TIMEOUT_MS", "6000".to_owned()),
            ("DATABASE__URL", servers.database_url.clone()),
            ("REDIS__URL", servers.redis_url.clone()),
            ("REDIS__KEY_PREFIX", servers.redis_prefix.clone()),
            ("FEED__WEBSOCKET_URL", simulator.ws_url()),
            ("FEED__REST_URL", simulator.rest_url()),
            ("FEED__PRODUCTS", products.join(",")),
            ("FEED__SOURCE", "simulator".to_owned()),
            ("FEED__STALE_AFTER_SECONDS", "0".to_owned()),
            ("AUTH__SECRET", SECRET.to_owned()),
            ("SERVICES__MARKET_DATA_URL", url("market-data")),
            ("SERVICES__STRATEGY_URL", url("strategy")),
            ("SERVICES__FORWARD_TEST_URL", url("forward-test")),
        ];
        let environment = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(plan.settings)
            .map(|(name, value)| (format!("ALGOTRADE__{name}"), value))
            .collect();
        let processes = BTreeMap::new();
        let mut stack = Self {
            kafka,
            simulator,
            processes,
            ports,
            environment,
            folder,
            servers,
        };
        for name in SERVICES {
            match &plan.binaries {
                Some(binaries) => stack.launch_from(name, binaries),
                None => stack.launch(name),
            }
        }
        for name in SERVICES {
            stack.ready(name).await;
        }
        stack
    }

    /// Where a service answers.
    pub fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    /// Starts a service, as it was or again.
    pub fn launch(&mut self, service: &'static str) {
        self.launch_binary(service, &binaries::path(service));
    }

    /// The same with a binary of another folder.
    pub fn launch_from(&mut self, service: &'static str, binaries: &Path) {
        self.launch_binary(service, &binaries.join(service));
    }

    fn launch_binary(&mut self, service: &'static str, binary: &Path) {
        let mut command = Command::new(binary);
        let port = self.ports[service];
        command
            .envs(&self.environment)
            .env("ALGOTRADE__HTTP__LISTEN", format!("127.0.0.1:{port}"));
        let process = Process::start(service, command, self.folder.path());
        self.processes.insert(service, process);
    }

    /// Starts a service of another folder beside the one that runs, waits until it is ready, and then
    /// ends the one that ran: as an orchestrator replaces a replica. From then on it is the service
    /// of this name. `instance` tells the two apart.
    pub async fn replace_beside(&mut self, service: &'static str, binaries: &Path, instance: &str) {
        let port = test_support::free_port().expect("a port");
        let (name, url) = (
            service.replace('-', "_"),
            format!("http://127.0.0.1:{port}"),
        );
        self.ports.insert(service, port);
        let key = format!("ALGOTRADE__SERVICES__{}_URL", name.to_uppercase());
        if self.environment.contains_key(&key) {
            self.environment.insert(key, url);
        }
        let key = "ALGOTRADE__KAFKA__INSTANCE_ID".to_owned();
        self.environment.insert(key, instance.to_owned());
        let mut old = self
            .processes
            .remove(service)
            .expect("a service of the stack");
        self.launch_from(service, binaries);
        self.ready(service).await;
        old.assert_running();
        old.terminate(Duration::from_secs(15));
    }

    /// Ends a service and starts one of another folder in its place.
    pub async fn replace_after(&mut self, service: &'static str, binaries: &Path) {
        self.process(service).terminate(Duration::from_secs(15));
        self.launch_from(service, binaries);
        self.ready(service).await;
    }

    /// Ends all services in order, and waits until they have.
    pub fn terminate(&mut self) {
        for name in SERVICES {
            self.process(name).terminate(Duration::from_secs(15));
        }
    }

    /// What a service runs with, for one more.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Waits until a service is ready.
    pub async fn ready(&mut self, service: &'static str) {
        let started = Instant::now();
        let url = format!("{}/healthz/ready", self.url(service));
        service_kit::service::install_crypto_provider();
        let client = reqwest::Client::new();
        loop {
            self.process(service).assert_running();
            let answer = client.get(&url).send().await;
            let why = match answer {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{service}: {why}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A service's process.
    pub fn process(&mut self, service: &str) -> &mut Process {
        self.processes
            .get_mut(service)
            .expect("a service of the stack")
    }

    /// Starts a session on the crossover, and gives its URL.
    pub async fn start_session(&self, api: &Api, symbol: &str) -> String {
        let strategy_id = api.create_crossover(&self.url("strategy")).await;
        let body = format!(r#"{{"strategy_id":"{strategy_id}","symbol":"{symbol}"}}"#);
        let sessions = format!("{}/v1/sessions", self.url("forward-test"));
        let answer = api.call(Method::POST, &sessions, Some(&body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let session_url = format!("{sessions}/{}", answer.text("id"));
        api.wait_for(&session_url, "RUNNING").await;
        session_url
    }

    /// Waits until `trades` are in the log and forward-test has applied them all.
    pub async fn caught_up(&mut self, trades: u64) {
        let topic = MarketDataUpdates::SPEC;
        let started = Instant::now();
        loop {
            for process in self.processes.values_mut() {
                process.assert_running();
            }
            let ends = admin::watermarks(&self.kafka, topic.name, topic.partitions)
                .await
                .expect("watermarks");
            let group = ForwardTestService::GROUP;
            let applied =
                admin::committed_offsets(&self.kafka, group, topic.name, topic.partitions)
                    .await
                    .expect("offsets");
            let published: i64 = ends.iter().map(|(first, end)| end - first).sum();
            let behind: i64 = ends
                .iter()
                .zip(&applied)
                .map(|((first, end), applied)| end - applied.unwrap_or(*first))
                .sum();
            if u64::try_from(published).unwrap_or(0) >= trades && behind == 0 {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(180),
                "{published} of {trades} trades in the log, forward-test is {behind} behind"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The servers behind the stack.
    pub fn servers(&self) -> &Isolated {
        &self.servers
    }
}

/// The settings for a part of the servers.
pub fn kafka_of(servers: &Isolated) -> KafkaSettings {
    KafkaSettings {
        bootstrap_servers: servers.kafka.clone(),
        topic_prefix: servers.topic_prefix.clone(),
        group_prefix: servers.group_prefix.clone(),
        ..KafkaSettings::default()
    }
}
