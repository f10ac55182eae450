//! `algotrade topics`, `produce` and `tail` on real Kafka.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use end_to_end_tests::tool::{Tool, kafka_settings};
use kafka_common::{KafkaSettings, admin};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};

const TICK: &str = r#"{"symbol":"BTCUSD","price":50000.00,"volume":1.50,"timestamp":"2026-01-05T12:00:00Z","source":"simulator"}"#;

fn ticks(symbols: &[&str]) -> String {
    let ticks = symbols.iter().map(|symbol| TICK.replace("BTCUSD", symbol));
    ticks.collect::<Vec<_>>().join("\n")
}

/// Writes bytes as somebody else's program might, in a transaction if `commit` says how it ends.
fn write_raw(settings: &KafkaSettings, topic: &str, key: &str, value: &[u8], commit: Option<bool>) {
    let mut config = settings.producer("somebody");
    if commit.is_some() {
        config.set("transactional.id", settings.group("somebody"));
        config.set("transaction.timeout.ms", "30000");
        config.set("delivery.timeout.ms", "30000");
    }
    let producer: BaseProducer = config.create().unwrap();
    let bound = Duration::from_secs(30);
    if commit.is_some() {
        producer.init_transactions(bound).unwrap();
        producer.begin_transaction().unwrap();
    }
    let topic = settings.topic(topic);
    let record = BaseRecord::to(&topic).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(bound).unwrap();
    match commit {
        Some(true) => producer.commit_transaction(bound).unwrap(),
        Some(false) => producer.abort_transaction(bound).unwrap(),
        None => {}
    }
}

fn symbols(records: &[Value]) -> Vec<&str> {
    let symbol = |record: &Value| record["data"]["symbol"].as_str().is_some();
    assert!(records.iter().all(symbol), "{records:?}");
    records
        .iter()
        .filter_map(|record| record["data"]["symbol"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_written_validated_and_shown_as_they_are() {
    let servers = test_support::isolated().await;
    let settings = kafka_settings(&servers);
    let tool = Tool::new(&servers);
    let topic = "market-data-updates";

    // before the set-up: what is missing is named, with what creates it
    let outcome = tool.run(&["topics"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("algotrade setup"), "{outcome:?}");
    tool.run(&["produce", topic, TICK])
        .assert_refused(&["no topic `market-data-updates`"]);
    admin::set_up_topics(&settings).await.unwrap();

    // payloads from standard input, keyed by the catalogue's field
    let outcome = tool.run_with(
        &["produce", topic, "--json"],
        &ticks(&["BTCUSD", "ETHUSD", "BTCUSD"]),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let sent = outcome.json();
    let keys: Vec<&str> = sent
        .iter()
        .filter_map(|sent| sent["key"].as_str())
        .collect();
    assert_eq!(keys, ["BTCUSD", "ETHUSD", "BTCUSD"]);
    let bitcoin = sent[0]["partition"].as_i64().unwrap();
    assert_eq!(
        bitcoin,
        i64::from(kafka_common::partitioner::market_data_partition("BTCUSD"))
    );

    // what is refused leaves nothing behind, even if it comes last
    let wrong = TICK.replace("50000.00", "\"dear\"");
    tool.run_with(&["produce", topic], &format!("{TICK}\n{wrong}"))
        .assert_refused(&["message 2", "data.price", "dear"]);
    let incomplete = TICK.replace(r#""volume":1.50,"#, "");
    tool.run(&["produce", topic, &incomplete])
        .assert_refused(&["message 1", "data.volume: is missing"]);
    tool.run(&["produce", topic, "{"])
        .assert_refused(&["not JSON"]);
    tool.run(&["produce", topic])
        .assert_refused(&["no message"]);
    tool.run(&["produce", "market-data-update", TICK])
        .assert_refused(&["did you mean `market-data-updates`?"]);
    let unsaved = r#"{"user_id":"a","success":true,"duration_ms":1,"diagnostics":[],"timestamp":"2026-01-05T12:00:00Z"}"#;
    tool.run(&["produce", "strategy-compilations", unsaved])
        .assert_refused(&["strategy id", "--key"]);
    let envelope = format!(r#"{{"timestamp":"noon","producer_service":"x","data":{TICK}}}"#);
    tool.run(&["produce", topic, &envelope])
        .assert_refused(&["envelope"]);

    // a dry run shows the envelope and sends nothing
    let shown = tool.json(&["produce", topic, TICK, "--key", "K", "--dry-run"]);
    assert_eq!(shown[0]["key"], "K");
    assert_eq!(shown[0]["envelope"]["producer_service"], "algotrade-ops");
    let all = tool.json(&["tail", topic]);
    assert_eq!(all.len(), 3, "{all:?}");

    // numbers are what was written
    let text = tool.run(&["tail", topic, "--key", "ETHUSD"]);
    assert!(
        text.stdout.contains(r#""price":50000.00,"volume":1.50"#),
        "{text:?}"
    );
    assert!(!text.stdout.contains('\u{1b}'), "no colours into a pipe");

    // filters and positions
    assert_eq!(
        symbols(&tool.json(&["tail", topic, "--symbol", "ETHUSD"])),
        ["ETHUSD"]
    );
    assert_eq!(tool.json(&["tail", topic, "--session", "none"]).len(), 0);
    assert_eq!(tool.json(&["tail", topic, "--max", "2"]).len(), 2);
    assert_eq!(tool.json(&["tail", topic, "--from", "latest"]).len(), 0);
    assert_eq!(tool.json(&["tail", topic, "--from", "1h"]).len(), 3);
    assert_eq!(tool.json(&["tail", topic, "--until", "1h"]).len(), 0);
    let partition = bitcoin.to_string();
    let of_partition =
        |from: &str| tool.json(&["tail", topic, "--partition", &partition, "--from", from]);
    let first: Vec<_> = of_partition("0")
        .iter()
        .map(|r| r["offset"].clone())
        .collect();
    assert_eq!(first, [json!(0), json!(1)]);
    assert_eq!(of_partition("-1")[0]["offset"], 1);
    assert_eq!(of_partition("1")[0]["offset"], 1);
    tool.run(&["tail", topic, "--partition", "8"])
        .assert_refused(&["no partition 8", "0 to 7"]);
    let outcome = tool.run(&["tail", topic, "--from", "soon"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("earliest, latest"), "{outcome:?}");

    // what transactions have aborted is not there, what readers refuse is shown with the reason
    write_raw(&settings, topic, "BTCUSD", TICK.as_bytes(), Some(false));
    write_raw(&settings, topic, "BTCUSD", b"\x1b[2J not JSON", None);
    let last = of_partition("2");
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(last[0]["undecodable"].as_str().is_some(), "{last:?}");
    assert_eq!(last[0]["value_bytes"], 13);
    let text = tool.run(&["tail", topic, "--partition", &partition]);
    assert_eq!(text.code, 0);
    assert!(text.stdout.contains("undecodable"), "{text:?}");
    assert!(!text.stdout.contains('\u{1b}'), "{text:?}");

    // the list of topics
    write_raw(&settings, "portfolio-updates", "k", b"x", Some(true));
    let topics = tool.json(&["topics"]);
    assert_eq!(topics.len(), 19, "{topics:?}");
    let topic_named = |name: &str| {
        let full = settings.topic(name);
        let found = topics.iter().find(|topic| topic["topic"] == full);
        found
            .unwrap_or_else(|| panic!("{name} is not listed"))
            .clone()
    };
    let listed = topic_named(topic);
    assert_eq!(listed["kind"], "catalogue");
    assert_eq!(listed["partitions"], 8);
    assert_eq!(listed["replication"], 1);
    assert_eq!(listed["retention_ms"], 86_400_000);
    assert!(
        listed["oldest"].as_str() <= listed["newest"].as_str(),
        "{listed}"
    );
    // The newest record stands before the mark of its transaction.
    let committed = topic_named("portfolio-updates");
    assert_eq!(committed["records"], 2);
    assert!(committed["newest"].is_string(), "{committed}");
    let dead = topic_named("trade-executions.notification-service.dlq");
    assert_eq!(dead["kind"], "dead-letters");
    assert!(dead["newest"].is_null(), "{dead}");
    let table = tool.run(&["topics"]);
    assert!(
        table.stdout.contains("24 h") && table.stdout.contains("30 d"),
        "{table:?}"
    );

    // nobody has joined or committed anything
    assert_eq!(tool.json(&["groups"]), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_followed_and_a_missing_broker_is_told() {
    let servers = test_support::isolated().await;
    admin::set_up_topics(&kafka_settings(&servers))
        .await
        .unwrap();
    let tool = Tool::new(&servers);
    let topic = "market-data-updates";
    let following = tool.start(&["tail", topic, "--follow", "--symbol", "ETHUSD", "--json"]);
    // It begins with what comes after its start, so it is given more until it shows one.
    let started = Instant::now();
    let line = loop {
        let sent = tool.run_with(&["produce", topic], &ticks(&["BTCUSD", "ETHUSD"]));
        assert_eq!(sent.code, 0, "{sent:?}");
        if let Some(line) = following.line(Duration::from_secs(1)) {
            break line;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nothing is shown"
        );
    };
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["data"]["symbol"], "ETHUSD");
    drop(following);

    let closed = test_support::free_port().unwrap();
    let address = format!("127.0.0.1:{closed}");
    tool.run(&["lag", "--bootstrap-server", &address])
        .assert_refused(&["no broker answers", &address, "refused"]);

    // every command has help with an example, and completions know them
    let commands: [&[&str]; 10] = [
        &["topics"],
        &["tail"],
        &["produce"],
        &["groups"],
        &["lag"],
        &["offsets", "reset"],
        &["dlq", "ls"],
        &["dlq", "show"],
        &["dlq", "redrive"],
        &["dlq", "purge"],
    ];
    let completions = tool.run(&["completions", "bash"]).stdout;
    for command in commands {
        let help = tool.run(&[command, &["--help"]].concat());
        assert_eq!(help.code, 0, "{help:?}");
        let example = format!("algotrade {}", command.join(" "));
        assert!(
            help.stdout.contains("Examples:") && help.stdout.contains(&example),
            "{help:?}"
        );
        assert!(help.stdout.contains("--bootstrap-server") && help.stdout.contains("--json"));
        assert!(completions.contains(command[0]), "{command:?}");
    }
}
