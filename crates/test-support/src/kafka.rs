//! An Apache Kafka of our own: one process that is broker and controller (KRaft).

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::process::{INSTALL_HINT, RunAs, Server, Signal, bound_to_us, run_to_end};
use crate::{ports, run_dir};

/// Keep equal to `kafka/pom.xml` and `scripts/install-test-tools.sh`.
const VERSION: &str = "4.3.1";
/// Any valid id does: no two of these brokers ever meet.
pub(crate) const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qg";

pub(crate) const FORMAT_BOUND: Duration = Duration::from_secs(60);
pub(crate) const START_BOUND: Duration = Duration::from_secs(60);
/// A broker that takes longer to end has nothing worth waiting for: its data goes with it.
pub(crate) const STOP_BOUND: Duration = Duration::from_secs(15);

/// What differs from Kafka's defaults in every broker that tests use.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    // A test that misspells a topic shall fail.
    ("auto.create.topics.enable", "false"),
    // One broker: the defaults of three replicas could never be met.
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    // The first member of a group need not wait 3 s for a second.
    ("group.initial.rebalance.delay.ms", "0"),
    // Lets tests of dead members use session timeouts of a second or two.
    ("group.min.session.timeout.ms", "1000"),
    ("group.consumer.min.session.timeout.ms", "1000"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    // Of KIP-848's groups the broker says when a member is dead.
    ("group.consumer.session.timeout.ms", "3000"),
    ("group.consumer.heartbeat.interval.ms", "300"),
    // A transaction whose producer died is aborted soon after its timeout.
    (
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "500",
    ),
    // Deleted topics give their files back during the run, not a minute later.
    ("file.delete.delay.ms", "1000"),
    // Nobody takes over from a lone broker.
    ("controlled.shutdown.enable", "false"),
    // Small: a few clients, on a machine that runs the tests as well.
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    ("background.threads", "2"),
    ("log.cleaner.dedupe.buffer.size", "8388608"),
];

/// A private Kafka broker: to be stopped, killed, restarted and stalled by a test.
///
/// Dropping it kills the process and removes its data. 330 MB resident, 3-4 s to start.
#[derive(Debug)]
pub struct KafkaBroker {
    port: u16,
    libs: PathBuf,
    // Before `dir`: the process ends first, then its folder goes.
    server: Server,
    dir: TempDir,
}

impl KafkaBroker {
    /// Starts a broker on a free loopback port and waits until it serves.
    ///
    /// # Errors
    /// When Java or Kafka's jars are missing or the broker doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// As [`start`](Self::start), with settings of `server.properties` added or replaced.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        ports::start_on_free_ports(|| Self::start_once(settings)).await
    }

    async fn start_once(settings: &[(&str, &str)]) -> Result<Self> {
        let libs = kafka_libs()?;
        let dir = run_dir::create()?;
        let port = ports::free_port()?;
        let controller_port = ports::free_port()?;
        let properties = dir.path().join("server.properties");
        fs::write(
            &properties,
            properties_text(dir.path(), port, controller_port, settings),
        )
        .with_context(|| format!("cannot write {}", properties.display()))?;
        let mut format = java(&libs);
        format
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&properties);
        run_to_end("kafka.tools.StorageTool", format, FORMAT_BOUND).await?;
        let server = serve(&libs, dir.path())?;
        let mut broker = Self {
            port,
            libs,
            server,
            dir,
        };
        broker.wait_until_ready().await?;
        Ok(broker)
    }

    /// `127.0.0.1:PORT`, the same for all of this broker's life.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Where the broker writes what it says; gone with the broker.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("kafka.log")
    }

    /// The end of the broker's log: what it warned about.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.server.log_tail()
    }

    /// Ends the broker in order (SIGTERM; SIGKILL after 15 s). Its data stays for a restart.
    ///
    /// # Errors
    /// When the process can't be signalled.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop(Signal::Terminate, STOP_BOUND).await
    }

    /// Ends the broker as a crash would (SIGKILL). Its data stays for a restart.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts the broker again on the same port and data (after stopping it, if it runs).
    ///
    /// # Errors
    /// When it doesn't start, with the end of its log.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.server = serve(&self.libs, self.dir.path())?;
        self.wait_until_ready().await
    }

    /// Stalls the broker: connections stay open and nothing is answered (SIGSTOP).
    ///
    /// # Errors
    /// When it isn't running.
    pub fn pause(&self) -> Result<()> {
        self.server.signal(Signal::Stop)
    }

    /// Ends a stall (SIGCONT).
    ///
    /// # Errors
    /// When it isn't running.
    pub fn resume(&self) -> Result<()> {
        self.server.signal(Signal::Continue)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let port = self.port;
        self.server.ready(START_BOUND, || serves(port)).await
    }
}

/// The folder with Apache Kafka's jars: its tools are classes in them
/// (`java -cp 'FOLDER/*' org.apache.kafka.tools.TopicCommand ...`).
///
/// # Errors
/// When they haven't been fetched.
pub fn kafka_libs() -> Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    let libs = cache
        .join("algotrade")
        .join(format!("kafka-{VERSION}"))
        .join("libs");
    if !libs.is_dir() {
        bail!(
            "Apache Kafka's jars are not in {}: {INSTALL_HINT}",
            libs.display()
        );
    }
    Ok(libs)
}

fn properties_text(
    dir: &Path,
    port: u16,
    controller_port: u16,
    overrides: &[(&str, &str)],
) -> String {
    let listener = format!("PLAINTEXT://127.0.0.1:{port}");
    let own = [
        ("log.dirs", dir.join("kafka").display().to_string()),
        (
            "controller.quorum.voters",
            format!("1@127.0.0.1:{controller_port}"),
        ),
        (
            "listeners",
            format!("{listener},CONTROLLER://127.0.0.1:{controller_port}"),
        ),
        ("advertised.listeners", listener),
    ];
    let fixed = SETTINGS.iter().map(|&(key, value)| (key, value));
    let own = own.iter().map(|(key, value)| (*key, value.as_str()));
    let mut text = String::new();
    // Of a key that comes twice, properties keep the last.
    for (key, value) in fixed.chain(own).chain(overrides.iter().copied()) {
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

pub(crate) fn java(libs: &Path) -> Command {
    let program = match std::env::var_os("JAVA_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home).join("bin").join("java"),
        _ => PathBuf::from("java"),
    };
    let mut command = bound_to_us(&program, &RunAs::default(), Signal::Terminate);
    command.args(JVM_FLAGS).arg("-cp").arg(libs.join("*"));
    command
}

/// The machine is the tests': a small heap, one collector thread, and only the quick compiler,
/// which nearly halves the processor time that a start takes.
const JVM_FLAGS: &[&str] = &[
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
];

pub(crate) fn serve(libs: &Path, dir: &Path) -> Result<Server> {
    let mut command = java(libs);
    command
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"));
    Server::start("Apache Kafka", command, &dir.join("kafka.log"))
}

/// Whether the broker is a member of its own cluster: it listens a little before that.
async fn serves(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // librdkafka would print each refused connection.
    if tokio::net::TcpStream::connect(address).await.is_err() {
        return false;
    }
    let metadata = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", address.to_string())
            .set("broker.address.family", "v4")
            .set("log_level", "0")
            .create()?;
        let metadata = client.fetch_metadata(None, Duration::from_secs(5))?;
        Ok::<_, rdkafka::error::KafkaError>(metadata.brokers().len())
    });
    matches!(metadata.await, Ok(Ok(brokers)) if brokers > 0)
}
