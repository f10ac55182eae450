//! A broker that lets nobody in unasked: passwords, certificates, and rights by ACL only.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::kafka::{CLUSTER_ID, FORMAT_BOUND, SETTINGS, START_BOUND, java, kafka_libs, serve};
use crate::process::{Server, run_to_end};
use crate::{ports, run_dir};

/// Who may sign in with SASL/PLAIN; `admin` is the broker's superuser, `nobody` never gets rights.
const USERS: [&str; 7] = [
    "admin",
    "market-data",
    "strategy",
    "forward-test",
    "notification",
    "ops",
    "nobody",
];
/// Who may sign in with SCRAM, and with which.
const SCRAM_USERS: [(&str, &str); 2] = [
    ("SCRAM-SHA-256", "strategy"),
    ("SCRAM-SHA-512", "notification"),
];

/// Names of listeners, and what they speak.
const LISTENERS: [(&str, &str); 6] = [
    ("SASL", "SASL_PLAINTEXT"),
    ("SASLTLS", "SASL_SSL"),
    ("TLS", "SSL"),
    ("MUTUAL", "SSL"),
    ("EXPIRED", "SSL"),
    ("ELSEWHERE", "SSL"),
];

/// A private broker with `StandardAuthorizer`, where what no ACL allows is forbidden. Its users
/// have the password that [`password`](Self::password) tells.
///
/// Dropping it kills the process and removes its data and certificates.
#[derive(Debug)]
pub struct SecuredBroker {
    ports: [u16; LISTENERS.len()],
    // Before `dir`: the process ends first, then its folder goes.
    server: Server,
    dir: TempDir,
}

impl SecuredBroker {
    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// When Java or Kafka's jars are missing or the broker doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        ports::start_on_free_ports(Self::start_once).await
    }

    async fn start_once() -> Result<Self> {
        let libs = kafka_libs()?;
        let dir = run_dir::create()?;
        let mut ports = [0; LISTENERS.len()];
        for port in &mut ports {
            *port = ports::free_port()?;
        }
        write_certificates(dir.path())?;
        let properties = dir.path().join("server.properties");
        fs::write(
            &properties,
            properties_text(dir.path(), &ports, ports::free_port()?),
        )
        .with_context(|| format!("cannot write {}", properties.display()))?;
        let mut format = java(&libs);
        format
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
            .arg(&properties);
        for (mechanism, user) in SCRAM_USERS {
            let password = Self::password(user);
            format.arg("--add-scram");
            format.arg(format!("{mechanism}=[name={user},password={password}]"));
        }
        run_to_end("kafka.tools.StorageTool", format, FORMAT_BOUND).await?;
        let server = serve(&libs, dir.path())?;
        let mut broker = Self { ports, server, dir };
        let port = ports[0];
        broker.server.ready(START_BOUND, || serves(port)).await?;
        Ok(broker)
    }

    /// A user's password, for SASL/PLAIN and for SCRAM.
    #[must_use]
    pub fn password(user: &str) -> String {
        format!("{user}-password")
    }

    /// Where users sign in without encryption.
    #[must_use]
    pub fn sasl(&self) -> String {
        self.address(0)
    }

    /// Where users sign in over TLS.
    #[must_use]
    pub fn sasl_tls(&self) -> String {
        self.address(1)
    }

    /// TLS without a sign-in: everybody is `User:ANONYMOUS`.
    #[must_use]
    pub fn tls(&self) -> String {
        self.address(2)
    }

    /// TLS where the client must have a certificate.
    #[must_use]
    pub fn mutual_tls(&self) -> String {
        self.address(3)
    }

    /// TLS with a certificate that has expired.
    #[must_use]
    pub fn expired(&self) -> String {
        self.address(4)
    }

    /// TLS with a certificate for another host.
    #[must_use]
    pub fn elsewhere(&self) -> String {
        self.address(5)
    }

    /// A certificate or key: `ca.pem`, which signed all others; `stranger.pem`, an authority that
    /// signed none; `client.pem` and `client.key` (CN=market-data); `expired-client.pem` and
    /// `expired-client.key`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The end of the broker's log: what it warned about.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.server.log_tail()
    }

    fn address(&self, listener: usize) -> String {
        format!("127.0.0.1:{}", self.ports[listener])
    }
}

fn write_certificates(dir: &Path) -> Result<()> {
    let here = ["127.0.0.1", "localhost"];
    let authority = Authority::new("AlgoTrade test authority")?;
    authority.write(dir.join("ca.pem"))?;
    Authority::new("A stranger")?.write(dir.join("stranger.pem"))?;
    authority.sign(dir, "broker", "broker", &here, false)?;
    authority.sign(dir, "expired", "broker", &here, true)?;
    authority.sign(dir, "elsewhere", "broker", &["kafka.example"], false)?;
    authority.sign(dir, "client", "market-data", &[], false)?;
    authority.sign(dir, "expired-client", "market-data", &[], true)
}

fn properties_text(dir: &Path, ports: &[u16], controller_port: u16) -> String {
    let listeners = |names: &[(&str, &str)]| {
        let named = names.iter().zip(ports);
        let urls: Vec<String> = named
            .map(|((name, _), port)| format!("{name}://127.0.0.1:{port}"))
            .collect();
        urls.join(",")
    };
    let protocols: Vec<String> = LISTENERS
        .iter()
        .map(|(name, protocol)| format!("{name}:{protocol}"))
        .collect();
    let mut users = String::new();
    for user in USERS {
        // Writing to a String doesn't fail, here and below.
        let _ = write!(users, " user_{user}=\"{}\"", SecuredBroker::password(user));
    }
    let plain = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
         password=\"{}\"{users};",
        SecuredBroker::password("admin")
    );
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let path = |name: &str| dir.join(name).display().to_string();
    let mut own = vec![
        ("log.dirs".to_owned(), path("kafka")),
        (
            "controller.quorum.voters".to_owned(),
            format!("1@127.0.0.1:{controller_port}"),
        ),
        (
            "listeners".to_owned(),
            format!(
                "{},CONTROLLER://127.0.0.1:{controller_port}",
                listeners(&LISTENERS)
            ),
        ),
        ("advertised.listeners".to_owned(), listeners(&LISTENERS)),
        (
            "listener.security.protocol.map".to_owned(),
            format!("CONTROLLER:SASL_PLAINTEXT,{}", protocols.join(",")),
        ),
    ];
    for (key, value) in [
        ("inter.broker.listener.name", "SASL"),
        ("sasl.mechanism.inter.broker.protocol", "PLAIN"),
        ("sasl.mechanism.controller.protocol", "PLAIN"),
        (
            "sasl.enabled.mechanisms",
            "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        ),
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ),
        ("super.users", "User:admin"),
        ("allow.everyone.if.no.acl.found", "false"),
        // Each listener has threads of its own.
        ("num.network.threads", "1"),
        ("connection.failed.authentication.delay.ms", "10"),
    ] {
        own.push((key.to_owned(), value.to_owned()));
    }
    for listener in ["controller", "sasl", "sasltls"] {
        let key = |mechanism| format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
        own.push((key("plain"), plain.clone()));
        own.push((key("scram-sha-256"), scram.to_owned()));
        own.push((key("scram-sha-512"), scram.to_owned()));
    }
    for (listener, keystore, client) in [
        ("sasltls", "broker", "none"),
        ("tls", "broker", "none"),
        ("mutual", "broker", "required"),
        ("expired", "expired", "none"),
        ("elsewhere", "elsewhere", "none"),
    ] {
        for (key, value) in [
            ("keystore.type", "PEM".to_owned()),
            (
                "keystore.location",
                path(&format!("{keystore}.keystore.pem")),
            ),
            ("truststore.type", "PEM".to_owned()),
            ("truststore.location", path("ca.pem")),
            ("client.auth", client.to_owned()),
        ] {
            own.push((format!("listener.name.{listener}.ssl.{key}"), value));
        }
    }
    let fixed = SETTINGS.iter().map(|&(key, value)| (key, value));
    let own = own
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let mut text = String::new();
    // Of a key that comes twice, properties keep the last.
    for (key, value) in fixed.chain(own) {
        let _ = writeln!(text, "{key}={value}");
    }
    text
}

/// Whether the superuser is let in and sees a member of the cluster.
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
            .set("security.protocol", "sasl_plaintext")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", "admin")
            .set("sasl.password", SecuredBroker::password("admin"))
            .set("log_level", "0")
            .create()?;
        let metadata = client.fetch_metadata(None, Duration::from_secs(5))?;
        Ok::<_, rdkafka::error::KafkaError>(metadata.brokers().len())
    });
    matches!(metadata.await, Ok(Ok(brokers)) if brokers > 0)
}
