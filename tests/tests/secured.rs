//! The platform on a Kafka that lets nobody in unasked: the operator's commands set it up and find
//! what is wrong, and the services work with nothing but their own rights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig};
use end_to_end_tests::api::SECRET;
use end_to_end_tests::binaries;
use end_to_end_tests::process::Process;
use serde_json::Value;
use test_support::{Isolated, SecuredBroker};

const SERVICES: [&str; 4] = ["market-data", "strategy", "forward-test", "notification"];
const READY: Duration = Duration::from_secs(60);

/// What a user needs in its environment to sign in over TLS.
fn environment(broker: &SecuredBroker, user: &str) -> BTreeMap<String, String> {
    let password = broker.file(&format!("{user}.password"));
    std::fs::write(&password, format!("{}\n", SecuredBroker::password(user))).unwrap();
    [
        ("BOOTSTRAP_SERVERS", broker.sasl_tls()),
        ("INSTANCE_ID", "0".to_owned()),
        ("SECURITY__PROTOCOL", "sasl_ssl".to_owned()),
        ("SECURITY__SASL_MECHANISM", "PLAIN".to_owned()),
        ("SECURITY__USERNAME", user.to_owned()),
        ("SECURITY__PASSWORD_FILE", password.display().to_string()),
        (
            "SECURITY__CA_FILE",
            broker.file("ca.pem").display().to_string(),
        ),
    ]
    .map(|(name, value)| (format!("ALGOTRADE__KAFKA__{name}"), value))
    .into()
}

fn algotrade(environment: &BTreeMap<String, String>, arguments: &[&str]) -> Output {
    Command::new(binaries::path("algotrade"))
        .args(arguments)
        .envs(environment)
        .output()
        .expect("algotrade runs")
}

/// The objects that a command printed, and its exit code.
fn lines(output: &Output) -> (Option<i32>, Vec<Value>) {
    let text = String::from_utf8_lossy(&output.stdout);
    let parse =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = text.lines().map(parse).collect();
    assert!(
        !lines.is_empty(),
        "it printed only {}",
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), lines)
}

fn outcomes(lines: &[Value]) -> Vec<&str> {
    let mut outcomes: Vec<&str> = lines
        .iter()
        .map(|line| line["outcome"].as_str().unwrap())
        .collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    outcomes
}

/// Checks that found something, and what.
fn findings(lines: &[Value]) -> Vec<(&str, &str)> {
    let found = lines.iter().filter(|line| line["outcome"] == "finding");
    found
        .map(|line| {
            (
                line["check"].as_str().unwrap(),
                line["found"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platform_runs_with_the_rights_of_the_matrix() {
    let broker = SecuredBroker::start().await.unwrap();
    let servers = test_support::isolated().await;
    let admin = environment(&broker, "admin");
    let ops = environment(&broker, "ops");
    let folder = tempfile::tempdir().unwrap();

    set_up(&admin);
    a_stranger_is_told_why(&broker);
    a_service_in_the_wrong_clothes_does_not_start(&broker, &servers);

    // Nobody works yet: that, and nothing else, is wrong.
    let (code, found) = lines(&algotrade(&ops, &["doctor", "--watch", "1", "--json"]));
    assert_eq!(
        findings(&found),
        [("groups", "has no members"); 3],
        "{found:#?}"
    );
    assert_eq!(code, Some(1));

    let _services = start_services(&broker, &servers, folder.path()).await;
    let (code, found) = lines(&algotrade(&ops, &["doctor", "--watch", "1", "--json"]));
    assert_eq!(findings(&found), [], "{found:#?}");
    assert_eq!(code, Some(0));

    rights_beyond_the_matrix_are_found_and_removed(&broker, &admin, &ops).await;
}

fn set_up(admin: &BTreeMap<String, String>) {
    let dry = algotrade(admin, &["setup", "--acls", "--dry-run"]);
    let text = String::from_utf8_lossy(&dry.stdout).into_owned();
    let command = "--add --allow-principal User:strategy --operation Read --topic \
                   market-data-updates";
    assert!(text.contains(command), "{text}");
    assert_eq!(dry.status.code(), Some(2), "{text}");
    let (code, first) = lines(&algotrade(admin, &["setup", "--acls", "--json"]));
    assert_eq!(outcomes(&first), ["created"]);
    assert_eq!(code, Some(0));
    let (code, second) = lines(&algotrade(admin, &["setup", "--acls", "--json"]));
    assert_eq!(outcomes(&second), ["unchanged"]);
    assert_eq!(code, Some(0));
    assert_eq!(first.len(), second.len());
}

fn a_stranger_is_told_why(broker: &SecuredBroker) {
    let mut stranger = environment(broker, "nobody");
    let (code, found) = lines(&algotrade(&stranger, &["doctor", "--watch", "1", "--json"]));
    assert_eq!(code, Some(1));
    let denied = findings(&found);
    assert!(
        denied.contains(&("rights", "may not Describe Cluster `kafka-cluster`")),
        "{found:#?}"
    );
    std::fs::write(broker.file("nobody.password"), "guess").unwrap();
    let (code, found) = lines(&algotrade(&stranger, &["doctor", "--json"]));
    assert_eq!(findings(&found), [("connection", "wrong password")]);
    assert_eq!(code, Some(1));
    // And what can't be tried at all.
    stranger.remove("ALGOTRADE__KAFKA__SECURITY__USERNAME");
    let refused = algotrade(&stranger, &["doctor"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("kafka.security.username: is needed"),
        "{text}"
    );
    assert_eq!(refused.status.code(), Some(2));
}

fn service(broker: &SecuredBroker, servers: &Isolated, name: &str, user: &str) -> Command {
    let mut command = Command::new(binaries::path(name));
    command
        .envs(environment(broker, user))
        .env("ALGOTRADE__DATABASE__URL", &servers.database_url)
        .env("ALGOTRADE__REDIS__URL", &servers.redis_url)
        .env("ALGOTRADE__REDIS__KEY_PREFIX", &servers.redis_prefix)
        .env("ALGOTRADE__AUTH__SECRET", SECRET)
        .env("ALGOTRADE__LOG__FILTER", "info,librdkafka=warn");
    command
}

fn a_service_in_the_wrong_clothes_does_not_start(broker: &SecuredBroker, servers: &Isolated) {
    let port = test_support::free_port().unwrap();
    let output = service(broker, servers, "strategy", "notification")
        .env("ALGOTRADE__HTTP__LISTEN", format!("127.0.0.1:{port}"))
        .env("ALGOTRADE__KAFKA__STARTUP_WAIT_MS", "0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text
        .lines()
        .find(|line| line.contains("not ready for strategy"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    for denied in [
        "`User:notification` may not Write Topic `strategy-signals`",
        "`User:notification` may not Write Topic `strategy-compilations`",
        "`User:notification` may not Read Topic `market-data-updates`",
        "`User:notification` may not Read Group `strategy-service`",
    ] {
        assert!(line.contains(denied), "{denied} is not in: {line}");
    }
}

/// All four, each as itself, until all are ready: the processors have committed transactions then.
async fn start_services(
    broker: &SecuredBroker,
    servers: &Isolated,
    folder: &std::path::Path,
) -> (Vec<Process>, coinbase::simulator::SimulatorHandle) {
    let simulator = Simulator::start(SimulatorConfig::market(MarketConfig::default()))
        .await
        .unwrap();
    let ports: BTreeMap<&str, u16> = SERVICES
        .map(|name| (name, test_support::free_port().unwrap()))
        .into();
    let url = |name: &str| format!("http://127.0.0.1:{}", ports[name]);
    let mut processes = Vec::new();
    for name in SERVICES {
        let mut command = service(broker, servers, name, name);
        command
            .env(
                "ALGOTRADE__HTTP__LISTEN",
                format!("127.0.0.1:{}", ports[name]),
            )
            .env("ALGOTRADE__FEED__WEBSOCKET_URL", simulator.ws_url())
            .env("ALGOTRADE__FEED__REST_URL", simulator.rest_url())
            .env("ALGOTRADE__FEED__SOURCE", "simulator")
            .env("ALGOTRADE__SERVICES__MARKET_DATA_URL", url("market-data"))
            .env("ALGOTRADE__SERVICES__STRATEGY_URL", url("strategy"))
            .env("ALGOTRADE__SERVICES__FORWARD_TEST_URL", url("forward-test"));
        processes.push(Process::start(name, command, folder));
    }
    service_kit::service::install_crypto_provider();
    let client = reqwest::Client::new();
    let deadline = Instant::now() + READY;
    for (name, process) in SERVICES.iter().zip(&mut processes) {
        loop {
            process.assert_running();
            let answer = client
                .get(format!("{}/healthz/ready", url(name)))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{name} is not ready: {}",
                process.output()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    (processes, simulator)
}

async fn rights_beyond_the_matrix_are_found_and_removed(
    broker: &SecuredBroker,
    admin: &BTreeMap<String, String>,
    ops: &BTreeMap<String, String>,
) {
    use kafka_common::acl::{Acl, Operation, Pattern, ResourceKind};
    let settings = kafka_common::KafkaSettings {
        bootstrap_servers: broker.sasl(),
        security: kafka_common::SecuritySettings {
            protocol: "sasl_plaintext".to_owned(),
            sasl_mechanism: "PLAIN".to_owned(),
            username: "admin".to_owned(),
            password: SecuredBroker::password("admin").into(),
            ..Default::default()
        },
        ..Default::default()
    };
    let extra = Acl {
        principal: "User:market-data".to_owned(),
        kind: ResourceKind::Topic,
        name: "trade-".to_owned(),
        pattern: Pattern::Prefixed,
        operation: Operation::Write,
    };
    let created = kafka_common::admin::create_acls(&settings, vec![extra])
        .await
        .unwrap();
    assert!(created.iter().all(|(_, outcome)| outcome.is_ok()));
    let (_, found) = lines(&algotrade(ops, &["doctor", "--watch", "1", "--json"]));
    let text = "has a right beyond the matrix: User:market-data Write Topic `trade-*`";
    assert_eq!(findings(&found), [("rights", text)], "{found:#?}");
    let told = algotrade(admin, &["setup", "--acls", "--json"]);
    assert_eq!(told.status.code(), Some(2));
    let (code, pruned) = lines(&algotrade(admin, &["setup", "--acls", "--prune", "--json"]));
    assert_eq!(outcomes(&pruned), ["removed", "unchanged"]);
    assert_eq!(code, Some(0));
}
