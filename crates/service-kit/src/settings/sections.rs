//! The sections, with defaults that fit a developer's machine.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::issuer::IssuerSettings;
use crate::auth::keys;
use crate::otlp::traces_url;

pub(super) type Problem = (&'static str, String);

/// Postgres.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host:port/name`.
    pub url: SecretString,
    /// Connections of one process.
    pub max_connections: u32,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        let url = "postgres://algotrade:algotrade@localhost:5432/algotrade";
        Self {
            url: url.to_owned().into(),
            max_connections: 8,
        }
    }
}

/// Redis.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://host:port/`; empty for a store in the process's own memory.
    pub url: SecretString,
    /// Put before every key.
    pub key_prefix: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: "redis://localhost:6379/".to_owned().into(),
            key_prefix: String::new(),
        }
    }
}

/// The HTTP server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port; each service has its own default.
    pub listen: Option<SocketAddr>,
}

/// What the feed is, as messages and the page tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedSource {
    /// The exchange.
    #[default]
    Coinbase,
    /// A simulator that speaks the exchange's protocol.
    Simulator,
}

impl FeedSource {
    /// As messages tell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Simulator => "simulator",
        }
    }
}

/// Which of Coinbase's two feeds is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedKind {
    /// The Exchange feed: heartbeats name each product's last trade.
    #[default]
    Exchange,
    /// The Advanced Trade feed: the same trades, without that.
    Advanced,
}

/// Market data.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedSettings {
    /// The feed's WebSocket.
    pub websocket_url: String,
    /// Which of Coinbase's feeds that is. With `advanced`, the Exchange feed's own address stands
    /// for that of the Advanced Trade feed.
    pub kind: FeedKind,
    /// The REST interface beside it.
    pub rest_url: String,
    /// Products to subscribe to at start, separated by commas.
    #[serde(deserialize_with = "comma_separated")]
    pub products: Vec<String>,
    /// What the feed is.
    pub source: FeedSource,
    /// Silence after which the connection is taken for dead, in seconds (heartbeats come each
    /// second); 0 for never, which only a replay needs.
    pub stale_after_seconds: u64,
    /// Products of one connection to the feed at most; more are spread over several.
    pub products_per_connection: usize,
    /// A trade carries the best bid and ask only if they are no older than this, in milliseconds.
    pub quote_max_age_ms: u32,
    /// How long a product is carried on after the last one who asked for it has left, in seconds:
    /// who comes back meanwhile misses nothing.
    pub subscription_grace_seconds: u64,
    /// Products that one user can ask for.
    pub max_products_per_user: usize,
    /// Whether several replicas divide the products among them. Needs Redis, and a broker with
    /// transactions.
    pub replicated: bool,
    /// What is done about trades that the feed didn't bring.
    pub gap: GapSettings,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            websocket_url: "wss://ws-feed.exchange.coinbase.com".to_owned(),
            kind: FeedKind::default(),
            rest_url: "https://api.exchange.coinbase.com".to_owned(),
            products: ["BTC-USD", "ETH-USD", "SOL-USD"]
                .map(str::to_owned)
                .to_vec(),
            source: FeedSource::default(),
            stale_after_seconds: 15,
            products_per_connection: 100,
            quote_max_age_ms: 1_000,
            subscription_grace_seconds: 30,
            max_products_per_user: 50,
            replicated: false,
            gap: GapSettings::default(),
        }
    }
}

/// `feed.gap`: trades that the feed didn't bring are fetched through REST before newer ones of the
/// same product are published. What can't be had within these bounds is marked in the log.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GapSettings {
    /// A gap with more trades is marked at once.
    pub max_trades: u64,
    /// How long a gap holds back the product's newer trades, in seconds.
    pub max_wait_seconds: u64,
    /// Trades of one product that wait in memory behind a gap, or for Kafka. Those beyond are a
    /// gap of their own, to be fetched when it is their turn.
    pub max_held: usize,
}

impl Default for GapSettings {
    fn default() -> Self {
        Self {
            max_trades: 100_000,
            max_wait_seconds: 120,
            max_held: 20_000,
        }
    }
}

/// Who may do what.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Signs and checks tokens (HS256); the same for all services; at least 32 bytes. Several lines
    /// are several keys: the first one signs, all of them check.
    pub secret: SecretString,
    /// A file with the secret. It is read again every 5 seconds at most, so that keys are replaced
    /// without a restart.
    pub secret_file: String,
    /// Whether anybody may sign in as the user `guest`.
    pub guest: bool,
    /// How long a token from `algotrade token` and a guest's is good, in seconds.
    pub token_seconds: u64,
    /// At the start of a platform without accounts: makes the account `operator` with this
    /// password. Without effect later.
    pub operator_password: Option<SecretString>,
    /// Whose tokens are taken, too.
    pub issuer: IssuerSettings,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            secret: String::new().into(),
            secret_file: String::new(),
            guest: false,
            token_seconds: 12 * 3_600,
            operator_password: None,
            issuer: IssuerSettings::default(),
        }
    }
}

/// Where the other services are.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesSettings {
    /// market-data.
    pub market_data_url: String,
    /// strategy.
    pub strategy_url: String,
    /// forward-test.
    pub forward_test_url: String,
}

impl Default for ServicesSettings {
    fn default() -> Self {
        Self {
            market_data_url: "http://localhost:8081".to_owned(),
            strategy_url: "http://localhost:8082".to_owned(),
            forward_test_url: "http://localhost:8083".to_owned(),
        }
    }
}

/// What users may start.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsSettings {
    /// Sessions of one user that run or wait, at most.
    pub max_per_user: u32,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self { max_per_user: 100 }
    }
}

impl SessionsSettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        match self.max_per_user {
            0 => vec![("sessions.max_per_user", "must be at least 1".to_owned())],
            _ => Vec::new(),
        }
    }
}

/// What `algotrade ops` looks after.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpsSettings {
    /// The services whose health is told on `service-health`, as `name=url` with commas between.
    #[serde(deserialize_with = "comma_separated")]
    pub services: Vec<String>,
}

impl Default for OpsSettings {
    fn default() -> Self {
        let services = [
            "market-data=http://localhost:8081",
            "strategy=http://localhost:8082",
            "forward-test=http://localhost:8083",
            "notification=http://localhost:8080",
        ];
        Self {
            services: services.map(str::to_owned).to_vec(),
        }
    }
}

impl OpsSettings {
    /// Name and address of each service.
    pub fn services(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.services.iter().filter_map(|text| text.split_once('='));
        pairs.map(|(name, url)| (name.trim(), url.trim().trim_end_matches('/')))
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let wrong = |text: &&String| {
            !text.split_once('=').is_some_and(|(name, url)| {
                let url = url.trim();
                let http = url.starts_with("http://") || url.starts_with("https://");
                http && !name.trim().is_empty()
            })
        };
        let wrong = self.services.iter().filter(wrong);
        wrong
            .map(|text| {
                let detail =
                    format!("`{text}` must be name=url, as notification=http://localhost:8080");
                ("ops.services", detail)
            })
            .collect()
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// For a log collector.
    Json,
}

/// Logging.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info,librdkafka=warn,sqlx=warn".to_owned(),
        }
    }
}

/// Traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// A collector that takes OTLP over HTTP, as `http://collector:4318`; empty for none.
    pub otlp_endpoint: String,
    /// The part of all traces that is exported, from 0 to 1. Each trace is exported whole or not at
    /// all: whoever begins it decides.
    pub trace_ratio: f64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            trace_ratio: 1.0,
        }
    }
}

impl TelemetrySettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let endpoint = &self.otlp_endpoint;
        let http = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if !endpoint.is_empty() && (!http || traces_url(endpoint).is_err()) {
            let detail = "must be an http:// or https:// URL, as http://collector:4318";
            problems.push(("telemetry.otlp_endpoint", detail.to_owned()));
        }
        if !(0.0..=1.0).contains(&self.trace_ratio) {
            problems.push(("telemetry.trace_ratio", "must be 0 to 1".to_owned()));
        }
        problems
    }
}

impl DatabaseSettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let url = self.url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            problems.push(("database.url", "must begin with postgres://".to_owned()));
        }
        if self.max_connections == 0 {
            problems.push(("database.max_connections", "must be at least 1".to_owned()));
        }
        problems
    }
}

impl FeedSettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.websocket_url.starts_with("ws://") && !self.websocket_url.starts_with("wss://") {
            problems.push((
                "feed.websocket_url",
                "must begin with ws:// or wss://".to_owned(),
            ));
        }
        if !self.rest_url.starts_with("http://") && !self.rest_url.starts_with("https://") {
            problems.push((
                "feed.rest_url",
                "must begin with http:// or https://".to_owned(),
            ));
        }
        if self.products_per_connection == 0 {
            problems.push((
                "feed.products_per_connection",
                "must be at least 1".to_owned(),
            ));
        }
        if self.gap.max_wait_seconds == 0 || self.gap.max_wait_seconds > 3_600 {
            problems.push(("feed.gap.max_wait_seconds", "must be 1 to 3,600".to_owned()));
        }
        if self.gap.max_held == 0 || self.gap.max_held > 1_000_000 {
            problems.push(("feed.gap.max_held", "must be 1 to 1,000,000".to_owned()));
        }
        problems
    }
}

impl AuthSettings {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let problem = keys::secrets(self.secret.expose_secret()).err();
        let mut problems = self.issuer.problems();
        problems.extend(problem.map(|text| ("auth.secret", text)));
        problems
    }
}

/// A list, or a text with commas as the environment has it.
fn comma_separated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a list, or names separated by commas")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let names = text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            Ok(names.map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut names = Vec::new();
            while let Some(name) = seq.next_element()? {
                names.push(name);
            }
            Ok(names)
        }
    }

    deserializer.deserialize_any(List)
}
