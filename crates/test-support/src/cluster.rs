//! Three brokers that replicate: for what becomes of clients when a leader goes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::kafka::{
    CLUSTER_ID, FORMAT_BOUND, SETTINGS, START_BOUND, STOP_BOUND, java, kafka_libs, serve,
};
use crate::process::{Server, Signal, run_to_end};
use crate::{ports, run_dir};

/// Each of them is broker and controller: two of three are a quorum.
const NODES: usize = 3;
/// How often a cluster that changes is looked at.
const POLL: Duration = Duration::from_millis(100);

/// What differs from [`SETTINGS`].
const REPLICATED: &[(&str, &str)] = &[
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("share.coordinator.state.topic.replication.factor", "3"),
    // A broker that stops in order hands its partitions over first.
    ("controlled.shutdown.enable", "true"),
];

/// A private cluster of three brokers, replication 3 and two in-sync replicas at least. Dropping it
/// kills the processes and removes their data. 1 GB resident, 10 s to start: for a test that needs
/// it.
#[derive(Debug)]
pub struct KafkaCluster {
    libs: PathBuf,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    port: u16,
    // Before `dir`: the process ends first, then its folder goes.
    server: Server,
    dir: TempDir,
}

impl KafkaCluster {
    /// Starts three brokers on free loopback ports and waits until all are members.
    ///
    /// # Errors
    /// When Java or Kafka's jars are missing or a broker doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        ports::start_on_free_ports(Self::start_once).await
    }

    async fn start_once() -> Result<Self> {
        let libs = kafka_libs()?;
        let mut ports = Vec::with_capacity(NODES);
        for _ in 0..NODES {
            ports.push((ports::free_port()?, ports::free_port()?));
        }
        let voters: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(index, (_, controller))| format!("{}@127.0.0.1:{controller}", index + 1))
            .collect();
        let voters = voters.join(",");
        let mut nodes = Vec::with_capacity(NODES);
        for (index, (port, controller)) in ports.into_iter().enumerate() {
            let dir = run_dir::create()?;
            let properties = dir.path().join("server.properties");
            let text = properties_text(dir.path(), index + 1, port, controller, &voters);
            fs::write(&properties, text)
                .with_context(|| format!("cannot write {}", properties.display()))?;
            let mut format = java(&libs);
            format
                .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
                .arg(&properties);
            run_to_end("kafka.tools.StorageTool", format, FORMAT_BOUND).await?;
            let server = serve(&libs, dir.path())?;
            nodes.push(Node { port, server, dir });
        }
        let mut cluster = Self { libs, nodes };
        for index in 0..NODES {
            cluster.wait_until_ready(index).await?;
        }
        Ok(cluster)
    }

    /// `127.0.0.1:PORT`, three times with commas between.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// Ends a broker in order: its partitions get other leaders first. Its data stays.
    ///
    /// # Errors
    /// When the process can't be signalled.
    pub async fn stop(&mut self, index: usize) -> Result<()> {
        let server = &mut self.nodes[index].server;
        server.stop(Signal::Terminate, STOP_BOUND).await
    }

    /// Ends a broker as a crash would (SIGKILL). Its data stays.
    pub fn kill(&mut self, index: usize) {
        self.nodes[index].server.kill();
    }

    /// Starts a broker again on the same port and data, and waits until every partition of the
    /// cluster has all of its replicas in sync: only then may another broker go.
    ///
    /// # Errors
    /// When it doesn't start or doesn't catch up, with the end of its log.
    pub async fn restart(&mut self, index: usize) -> Result<()> {
        self.nodes[index].server = serve(&self.libs, self.nodes[index].dir.path())?;
        self.wait_until_ready(index).await?;
        let deadline = Instant::now() + START_BOUND;
        while !in_sync(self.bootstrap_servers()).await {
            if Instant::now() > deadline {
                bail!(
                    "broker {index} has not caught up within {START_BOUND:?}:\n{}",
                    self.nodes[index].server.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn wait_until_ready(&mut self, index: usize) -> Result<()> {
        let node = &mut self.nodes[index];
        let address = node.address();
        node.server
            .ready(START_BOUND, || sees_all(address.clone()))
            .await
    }
}

impl Node {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn properties_text(dir: &Path, id: usize, port: u16, controller: u16, voters: &str) -> String {
    let listener = format!("PLAINTEXT://127.0.0.1:{port}");
    let own = [
        ("node.id", id.to_string()),
        ("log.dirs", dir.join("kafka").display().to_string()),
        ("controller.quorum.voters", voters.to_owned()),
        (
            "listeners",
            format!("{listener},CONTROLLER://127.0.0.1:{controller}"),
        ),
        ("advertised.listeners", listener),
    ];
    let fixed = SETTINGS.iter().chain(REPLICATED).copied();
    let own = own.iter().map(|(key, value)| (*key, value.as_str()));
    let mut text = String::new();
    // Of a key that comes twice, properties keep the last.
    for (key, value) in fixed.chain(own) {
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

/// Whether a broker knows three of them.
async fn sees_all(address: String) -> bool {
    // librdkafka would print each refused connection.
    if tokio::net::TcpStream::connect(&address).await.is_err() {
        return false;
    }
    ask(address, |client| {
        let metadata = client.fetch_metadata(None, Duration::from_secs(5))?;
        Ok(metadata.brokers().len() == NODES)
    })
    .await
}

async fn in_sync(addresses: String) -> bool {
    ask(addresses, |client| {
        let metadata = client.fetch_metadata(None, Duration::from_secs(5))?;
        let mut partitions = metadata.topics().iter().flat_map(|t| t.partitions());
        Ok(metadata.brokers().len() == NODES
            && partitions.all(|partition| partition.isr().len() == partition.replicas().len()))
    })
    .await
}

async fn ask(
    addresses: String,
    question: impl FnOnce(&BaseConsumer) -> rdkafka::error::KafkaResult<bool> + Send + 'static,
) -> bool {
    let answer = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", addresses)
            .set("broker.address.family", "v4")
            .set("log_level", "0")
            .create()?;
        question(&client)
    });
    matches!(answer.await, Ok(Ok(true)))
}
