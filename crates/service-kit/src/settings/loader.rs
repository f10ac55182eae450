//! Reads the settings and tells every mistake at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Value, ValueKind};
use kafka_common::properties::{self, ClientRole, Effective, PropertyOrigin};
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Settings;
use super::flat::FlatProperties;

/// Prefix of environment variables.
const PREFIX: &str = "ALGOTRADE";
const SECTIONS: [&str; 12] = [
    "kafka",
    "database",
    "redis",
    "http",
    "feed",
    "auth",
    "services",
    "sessions",
    "ops",
    "notifications",
    "log",
    "telemetry",
];
/// Read by the section itself, which keeps the path: it is read again while the service runs.
const KEYS: &str = "auth.secret";
/// Never printed.
const SECRETS: [&str; 7] = [
    "auth.secret",
    "auth.operator_password",
    "kafka.security.password",
    "kafka.security.key_password",
    "database.url",
    "redis.url",
    "notifications.smtp.password",
];

/// Who asks for the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A service: everything must be right.
    Service,
    /// A tool that only talks to Kafka: it needs no secret to check tokens with.
    Tool,
}

/// A flag's value, as `("http.listen", "127.0.0.1:0")`.
pub type Override = (String, String);

/// All that is wrong with a configuration.
#[derive(Debug, Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

/// Settings, and where each that was set came from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Key, value (secrets redacted) and origin of everything that isn't the default.
    pub origins: Vec<(String, String, String)>,
}

impl Loaded {
    /// What a Kafka client is really configured with: a line for each property that isn't
    /// librdkafka's default, with where it came from; secrets redacted.
    #[must_use]
    pub fn kafka_client(&self, role: ClientRole, service: &str) -> Vec<String> {
        let set_by = |key: &str| {
            let mut origins = self.origins.iter();
            let found = origins.find(|(set, _, _)| set == key);
            found.map_or("default", |(_, _, origin)| origin.as_str())
        };
        let lines = self.settings.kafka.effective(role, service).into_iter();
        lines
            .map(
                |Effective {
                     name,
                     value,
                     origin,
                 }| {
                    let origin = match &origin {
                        PropertyOrigin::Invariant => "must hold",
                        PropertyOrigin::Default => "default",
                        PropertyOrigin::Setting(key) => set_by(key),
                        PropertyOrigin::Property(key) => set_by(key),
                    };
                    format!("{name} = {value}  # {origin}")
                },
            )
            .collect()
    }
}

/// The environment variable of a key.
fn variable(key: &str) -> String {
    format!("{PREFIX}__{}", key.to_uppercase().replace('.', "__"))
}

/// Reads file, environment and flags, in this order.
///
/// # Errors
/// Everything that is wrong: unreadable files, unknown keys, wrong types, values out of range.
pub fn load(
    file: Option<&Path>,
    environment: &BTreeMap<String, String>,
    flags: &[Override],
    purpose: Purpose,
) -> Result<Loaded, ConfigErrors> {
    let mut errors = Vec::new();
    let mut variables = environment.clone();
    let secrets = SECRETS.into_iter().filter(|key| *key != KEYS);
    let secrets = secrets.map(str::to_owned);
    for key in secrets.chain(secret_properties(environment)) {
        let key = key.as_str();
        let name = format!("{}_FILE", variable(key));
        let Some(path) = variables.remove(&name) else {
            continue;
        };
        match std::fs::read_to_string(&path) {
            Ok(secret) => {
                variables.insert(variable(key), secret.trim_end().to_owned());
            }
            Err(error) => errors.push(format!("{name}: can't read `{path}`: {error}")),
        }
    }
    let environment = Environment::with_prefix(PREFIX)
        .prefix_separator("__")
        .separator("__")
        .source(Some(
            variables
                .into_iter()
                .filter(|(name, _)| name.starts_with("ALGOTRADE__"))
                .collect::<std::collections::HashMap<_, _>>(),
        ));
    let mut builder = Config::builder();
    if let Some(file) = file {
        let path: PathBuf = file.to_owned();
        let file = File::from(path).format(FileFormat::Toml);
        builder = builder.add_source(FlatProperties(file));
    }
    builder = builder.add_source(FlatProperties(environment));
    let mut flagged = Config::builder();
    for (key, value) in flags {
        if SECRETS.contains(&key.as_str()) {
            // Everybody on the machine can see the command lines of processes.
            errors.push(format!(
                "flag for {key}: a secret can't be given on the command line; set {name} or \
                 {name}_FILE",
                name = variable(key)
            ));
            continue;
        }
        match flagged.clone().set_override(key, value.as_str()) {
            Ok(with_flag) => flagged = with_flag,
            Err(error) => errors.push(format!("flag for {key}: {error}")),
        }
    }
    let built = flagged
        .build()
        .and_then(|flags| builder.add_source(FlatProperties(flags)).build());
    let config = match built {
        Ok(config) => config,
        Err(error) => {
            errors.push(error.to_string());
            return Err(ConfigErrors(errors));
        }
    };
    let mut settings = Settings::default();
    let root = match &config.cache.kind {
        ValueKind::Table(table) => table.clone(),
        _ => config::Map::new(),
    };
    for key in root.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
        errors.push(format!(
            "{key}: no such section (the sections are {}; variable {})",
            SECTIONS.join(", "),
            variable(key)
        ));
    }
    section(&root, "kafka", &mut settings.kafka, &mut errors);
    section(&root, "database", &mut settings.database, &mut errors);
    section(&root, "redis", &mut settings.redis, &mut errors);
    section(&root, "http", &mut settings.http, &mut errors);
    section(&root, "feed", &mut settings.feed, &mut errors);
    section(&root, "auth", &mut settings.auth, &mut errors);
    if !settings.auth.secret_file.is_empty() {
        let path = &settings.auth.secret_file;
        match std::fs::read_to_string(path) {
            Ok(secret) => settings.auth.secret = secret.trim_end().to_owned().into(),
            Err(error) => {
                let name = format!("{}_FILE", variable(KEYS));
                errors.push(format!("{name}: can't read `{path}`: {error}"));
            }
        }
    }
    section(&root, "services", &mut settings.services, &mut errors);
    section(&root, "sessions", &mut settings.sessions, &mut errors);
    section(&root, "ops", &mut settings.ops, &mut errors);
    let notifications = &mut settings.notifications;
    section(&root, "notifications", notifications, &mut errors);
    section(&root, "log", &mut settings.log, &mut errors);
    section(&root, "telemetry", &mut settings.telemetry, &mut errors);
    let problems = [
        settings.kafka.problems(),
        settings.database.problems(),
        settings.feed.problems(),
        settings.sessions.problems(),
        settings.ops.problems(),
        settings.telemetry.problems(),
        settings.notifications.problems(),
        match purpose {
            Purpose::Service => settings.auth.problems(),
            Purpose::Tool => Vec::new(),
        },
    ];
    for (key, problem) in problems.into_iter().flatten() {
        errors.push(format!("{key}: {problem} (variable {})", variable(key)));
    }
    match errors.is_empty() {
        true => Ok(Loaded {
            settings,
            origins: origins(&root),
        }),
        false => Err(ConfigErrors(errors)),
    }
}

/// `kafka.properties.*` whose values are secret and given by file.
fn secret_properties(environment: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    let beginning = format!("{}__", variable("kafka.properties"));
    let given = environment.keys().filter_map(move |name| {
        let property = name.strip_prefix(&beginning)?.strip_suffix("_FILE")?;
        let secret = properties::is_secret(&properties::property_name(property));
        secret.then(|| format!("kafka.properties.{}", property.to_lowercase()))
    });
    given.collect::<Vec<_>>().into_iter()
}

fn is_secret(key: &str) -> bool {
    let property = key.strip_prefix("kafka.properties.");
    SECRETS.contains(&key) || property.is_some_and(properties::is_secret)
}

fn section<T: DeserializeOwned>(
    root: &config::Map<String, Value>,
    name: &str,
    into: &mut T,
    errors: &mut Vec<String>,
) {
    let Some(value) = root.get(name) else { return };
    match serde_path_to_error::deserialize::<_, T>(value.clone()) {
        Ok(read) => *into = read,
        Err(error) => {
            // The path ends where reading stopped; an unknown field is named by the error itself.
            let path = error.path().to_string();
            let key = match path.as_str() {
                "." => name.to_owned(),
                field => format!("{name}.{field}"),
            };
            let variable = variable(&key);
            errors.push(format!(
                "{key}: {} (variable {variable})",
                error.into_inner()
            ));
        }
    }
}

fn origins(root: &config::Map<String, Value>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, Value)> = root
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    while let Some((key, value)) = open.pop() {
        let origin = value.origin().unwrap_or("a flag").to_owned();
        match value.kind {
            ValueKind::Table(table) => {
                open.extend(
                    table
                        .into_iter()
                        .map(|(name, v)| (format!("{key}.{name}"), v)),
                );
            }
            _ if is_secret(&key) => {
                found.push((key, "[redacted]".to_owned(), origin));
            }
            kind => found.push((key, kind.to_string(), origin)),
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use secrecy::ExposeSecret;

    use super::*;

    const SECRET: &str = "0123456789012345678901234567890123456789";

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        writeln!(
            file,
            "[kafka]\nbootstrap_servers = \"file:1\"\nlinger_ms = 7\ntopic_prefix = \"file.\"\n\
             [feed]\nproducts = [\"A-USD\"]"
        )
        .unwrap();
        let environment = environment(&[
            ("ALGOTRADE__KAFKA__BOOTSTRAP_SERVERS", "env:1"),
            ("ALGOTRADE__KAFKA__TOPIC_PREFIX", "007"),
            ("ALGOTRADE__FEED__PRODUCTS", "BTC-USD, ETH-USD"),
            ("ALGOTRADE__AUTH__SECRET", SECRET),
            ("ALGOTRADE__AUTH__GUEST", "true"),
            ("UNRELATED", "x"),
        ]);
        let flags = [("kafka.bootstrap_servers".to_owned(), "flag:1".to_owned())];
        let loaded = load(Some(file.path()), &environment, &flags, Purpose::Service).unwrap();
        let settings = loaded.settings;
        assert_eq!(settings.kafka.bootstrap_servers, "flag:1");
        assert_eq!(settings.kafka.linger_ms, 7);
        assert_eq!(settings.kafka.topic_prefix, "007");
        assert_eq!(settings.kafka.max_poll_records, 500);
        assert_eq!(settings.feed.products, ["BTC-USD", "ETH-USD"]);
        assert!(settings.auth.guest);
        let printed = format!("{:?}", loaded.origins);
        assert!(
            printed.contains("kafka.linger_ms") && !printed.contains(SECRET),
            "{printed}"
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_by_name() {
        let environment = environment(&[
            ("ALGOTRADE__KAFKA__LINGER_MS", "soon"),
            ("ALGOTRADE__FEED__WEBSOCKET_URL", "http://x"),
            ("ALGOTRADE__DATABASE__PORT", "1"),
            ("ALGOTRADE__KAFAK__X", "1"),
            ("ALGOTRADE__TELEMETRY__OTLP_ENDPOINT", "collector:4318"),
            ("ALGOTRADE__TELEMETRY__TRACE_RATIO", "1.5"),
            ("ALGOTRADE__AUTH__SECRET_FILE", "/does/not/exist"),
        ]);
        let text = load(None, &environment, &[], Purpose::Service)
            .unwrap_err()
            .to_string();
        for part in [
            "linger_ms",
            "feed.websocket_url",
            "port",
            "kafak",
            "telemetry.otlp_endpoint",
            "telemetry.trace_ratio",
            "SECRET_FILE",
            "auth.secret",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn properties_of_librdkafka_come_from_everywhere_in_the_order_of_the_sources() {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        writeln!(
            file,
            "[kafka.properties]\n\"socket.keepalive.enable\" = true\n\
             socket.timeout.ms = 1000\nclient.rack = \"file\""
        )
        .unwrap();
        let mut secret = tempfile::NamedTempFile::new().unwrap();
        writeln!(secret, "hush").unwrap();
        let environment = environment(&[
            ("ALGOTRADE__AUTH__SECRET", SECRET),
            ("ALGOTRADE__KAFKA__PROPERTIES__SOCKET_TIMEOUT_MS", "2000"),
            ("ALGOTRADE__KAFKA__PROPERTIES__CLIENT__RACK", "environment"),
            (
                "ALGOTRADE__KAFKA__PROPERTIES__SSL_KEY_PASSWORD_FILE",
                secret.path().to_str().unwrap(),
            ),
        ]);
        let flags = [("kafka.properties.client.rack".to_owned(), "flag".to_owned())];
        let loaded = load(Some(file.path()), &environment, &flags, Purpose::Service).unwrap();
        let producer = loaded.settings.kafka.producer("market-data");
        for (name, value) in [
            ("socket.keepalive.enable", "true"),
            ("socket.timeout.ms", "2000"),
            ("client.rack", "flag"),
            ("ssl.key.password", "hush"),
        ] {
            assert_eq!(producer.get(name), Some(value), "{name}");
        }
        let printed = loaded
            .kafka_client(ClientRole::Producer, "market-data")
            .join("\n");
        for line in [
            "socket.timeout.ms = 2000  # the environment",
            "client.rack = flag  # a flag",
            "ssl.key.password = [redacted]  # the environment",
            "acks = all  # must hold",
            "linger.ms = 10  # default",
        ] {
            assert!(printed.contains(line), "`{line}` is not in:\n{printed}");
        }
        let of_file = file.path().file_name().unwrap().to_str().unwrap();
        let keepalive = printed.lines().find(|l| l.starts_with("socket.keepalive"));
        assert!(keepalive.unwrap().contains(of_file), "{printed}");
        assert!(!printed.contains("hush"), "{printed}");
        assert!(!format!("{:?}", loaded.origins).contains("hush"));
    }

    #[test]
    fn what_must_hold_can_not_be_undone() {
        let environment = environment(&[
            ("ALGOTRADE__AUTH__SECRET", SECRET),
            ("ALGOTRADE__KAFKA__PROPERTIES__ENABLE_IDEMPOTENCE", "false"),
            ("ALGOTRADE__KAFKA__PROPERTIES__LINGER_MS", "0"),
            ("ALGOTRADE__KAFKA__PROPERTIES__NO_SUCH", "0"),
        ]);
        let text = load(None, &environment, &[], Purpose::Service)
            .unwrap_err()
            .to_string();
        for part in [
            "`enable.idempotence` must not be set",
            "use `kafka.linger_ms`",
            "`no.such`",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused() {
        let flags = [("kafka.security.password".to_owned(), "hunter2".to_owned())];
        let text = load(None, &BTreeMap::new(), &flags, Purpose::Tool)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("ALGOTRADE__KAFKA__SECURITY__PASSWORD_FILE") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn a_secret_comes_from_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{SECRET}").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let environment = environment(&[("ALGOTRADE__AUTH__SECRET_FILE", &path)]);
        let settings = load(None, &environment, &[], Purpose::Service)
            .unwrap()
            .settings;
        assert_eq!(settings.auth.secret.expose_secret(), SECRET);
        assert_eq!(settings.auth.secret_file, path);
    }
}
