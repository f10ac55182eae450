//! The four services as processes, and a simulator that feeds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use coinbase::simulator::{Simulator, SimulatorConfig, SimulatorHandle, Speed};
use kafka_common::Delivery;
use test_support::Program;

use super::plan::{Act, SERVICES};
use super::servers::{Part, SESSION_TIMEOUT_MS};

const READY: Duration = Duration::from_secs(90);
const STOP: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

/// A running stack.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) simulator: SimulatorHandle,
    pub(super) http: reqwest::Client,
    programs: BTreeMap<&'static str, Program>,
    ports: BTreeMap<&'static str, u16>,
    /// Services that ended though nobody killed them, and how.
    pub(super) ended: Vec<String>,
}

impl Stack {
    /// Starts everything; the simulator waits to be released.
    pub(super) async fn start(
        part: &Part,
        recording: &Path,
        speed: Speed,
        binaries: &Path,
        logs: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let mut config = SimulatorConfig::recording(recording);
        config.speed = speed;
        config.hold = true;
        let simulator = Simulator::start(config).await?;
        let mut ports = BTreeMap::new();
        for name in SERVICES {
            ports.insert(name, test_support::free_port()?);
        }
        let url = |name: &str| {
            let port = ports.get(name).copied().unwrap_or_default();
            format!("http://127.0.0.1:{port}")
        };
        let products = simulator.products().iter();
        let products: Vec<String> = products.map(|product| product.id.to_string()).collect();
        let shared: BTreeMap<String, String> = [
            (
                "KAFKA__BOOTSTRAP_SERVERS",
                part.kafka.bootstrap_servers.clone(),
            ),
            ("KAFKA__TOPIC_PREFIX", part.prefix.clone()),
            ("KAFKA__GROUP_PREFIX", part.prefix.clone()),
            ("KAFKA__INSTANCE_ID", "0".to_owned()),
            ("KAFKA__SNAPSHOT_INTERVAL_MS", "500".to_owned()),
            ("KAFKA__SESSION_TIMEOUT_MS", SESSION_TIMEOUT_MS.to_string()),
            (
                "KAFKA__DELIVERY",
                match part.kafka.delivery {
                    Delivery::ExactlyOnce => "exactly_once".to_owned(),
                    Delivery::AtLeastOnce => "at_least_once".to_owned(),
                },
            ),
            (
                "KAFKA__RECORD_HEADERS",
                part.kafka.record_headers.to_string(),
            ),
            (
                "KAFKA__COMPRESSION_TYPE",
                part.kafka.compression_type.clone(),
            ),
            (
                "KAFKA__MAX_BATCH_SIZE",
                part.kafka.max_batch_size.to_string(),
            ),
            (
                "KAFKA__FETCH_MAX_WAIT_MS",
                part.kafka.fetch_max_wait_ms.to_string(),
            ),
            ("DATABASE__URL", part.database_url.clone()),
            ("REDIS__URL", part.redis_url.clone()),
            ("REDIS__KEY_PREFIX", format!("{}:", part.prefix)),
            ("FEED__WEBSOCKET_URL", simulator.ws_url()),
            ("FEED__REST_URL", simulator.rest_url()),
            ("FEED__PRODUCTS", products.join(",")),
            ("FEED__SOURCE", "simulator".to_owned()),
            ("FEED__STALE_AFTER_SECONDS", "0".to_owned()),
            ("AUTH__SECRET", secret.to_owned()),
            ("SERVICES__MARKET_DATA_URL", url("market-data")),
            ("SERVICES__STRATEGY_URL", url("strategy")),
            ("SERVICES__FORWARD_TEST_URL", url("forward-test")),
        ]
        .map(|(name, value)| (format!("ALGOTRADE__{name}"), value))
        .into();
        let mut programs = BTreeMap::new();
        for name in SERVICES {
            let mut environment = shared.clone();
            let port = ports.get(name).copied().unwrap_or_default();
            let listen = format!("127.0.0.1:{port}");
            environment.insert("ALGOTRADE__HTTP__LISTEN".to_owned(), listen);
            let path = binary(binaries, name)?;
            let log = logs.join(format!("{}{name}.log", part.prefix));
            programs.insert(name, Program::start(name, &path, environment, &log)?);
        }
        let mut stack = Self {
            simulator,
            http: reqwest::Client::new(),
            programs,
            ports,
            ended: Vec::new(),
        };
        stack.ready().await?;
        Ok(stack)
    }

    /// Where a service answers.
    pub(super) fn url(&self, service: &str) -> String {
        let port = self.ports.get(service).copied().unwrap_or_default();
        format!("http://127.0.0.1:{port}")
    }

    /// Waits until every service is ready; one that has ended by itself is noted, and started
    /// again, as whoever runs it would.
    pub(super) async fn ready(&mut self) -> anyhow::Result<()> {
        for service in SERVICES {
            let since = Instant::now();
            let url = format!("{}/healthz/ready", self.url(service));
            loop {
                self.look_after(service)?;
                let answer = self.http.get(&url).timeout(Duration::from_secs(5)).send();
                let why = match answer.await {
                    Ok(answer) if answer.status().is_success() => break,
                    Ok(answer) => answer.text().await.unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                if since.elapsed() > READY {
                    let log = self.program(service)?.log_tail();
                    bail!("{service} is not ready after {READY:?}: {why}\n{log}");
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    fn program(&mut self, service: &str) -> anyhow::Result<&mut Program> {
        let program = self.programs.get_mut(service);
        program.with_context(|| format!("{service} is no service"))
    }

    /// Starts a service again that has ended by itself.
    pub(super) fn look_after(&mut self, service: &'static str) -> anyhow::Result<()> {
        let program = self.program(service)?;
        if let Some(status) = program.ended()? {
            program.restart()?;
            self.ended.push(format!("{service}: {status}"));
        }
        Ok(())
    }

    /// Does something to a service. It isn't waited for: the next trouble may find it starting.
    pub(super) async fn disturb(&mut self, service: &'static str, act: Act) -> anyhow::Result<()> {
        self.look_after(service)?;
        let program = self.program(service)?;
        match act {
            Act::Kill { away } => {
                program.kill();
                tokio::time::sleep(away).await;
                program.restart()
            }
            Act::Restart => {
                program.stop(STOP).await?;
                program.restart()
            }
            Act::Pause { away } => {
                program.pause()?;
                tokio::time::sleep(away).await;
                program.resume()
            }
        }
    }

    /// Ends everything.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        for program in self.programs.values_mut() {
            program.stop(STOP).await?;
        }
        self.simulator.shutdown().await;
        Ok(())
    }
}

fn binary(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    if !path.exists() {
        bail!(
            "{} isn't there: run `make build`, or give --binaries",
            path.display()
        );
    }
    Ok(path)
}
