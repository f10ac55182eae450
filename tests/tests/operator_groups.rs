//! `algotrade groups`, `lag` and `offsets reset` on real Kafka.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use end_to_end_tests::tool::{Tool, kafka_settings};
use kafka_common::inspect::{Actor, Broker, InspectError, Position, ResetTarget};
use kafka_common::{
    HandlerError, KafkaConsumer, KafkaSettings, NotificationService, Topics, admin,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const TOPIC: &str = "trade-executions";
const GROUP: &str = "notification-service";
const BOUND: Duration = Duration::from_secs(60);

fn trades(count: usize) -> String {
    let trade = r#"{"trade_id":"7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a11","session_id":"7f0c0a2e-6f7e-4b0e-9f43-5f0d6f4c9a12","symbol":"BTCUSD","action":"BUY","quantity":1.0,"price":50000.00,"status":"FILLED","timestamp":"2026-01-05T12:00:00Z"}"#;
    vec![trade; count].join("\n")
}

struct Running {
    handled: mpsc::UnboundedReceiver<i64>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(settings: &KafkaSettings) -> Self {
        let (sender, handled) = mpsc::unbounded_channel();
        let consumer = KafkaConsumer::<NotificationService>::new(settings)
            .add_message_handler(Topics::TRADE_EXECUTIONS, move |record| {
                let sent = sender.send(record.meta.offset);
                async move { sent.map_err(HandlerError::permanent) }
            })
            .start()
            .unwrap();
        let shutdown = CancellationToken::new();
        let stopping = shutdown.clone();
        let task = tokio::spawn(async move {
            consumer.start_consuming(stopping).await.unwrap();
        });
        Self {
            handled,
            shutdown,
            task,
        }
    }

    async fn handles(&mut self, count: usize) -> Vec<i64> {
        let mut offsets = Vec::new();
        while offsets.len() < count {
            let next = tokio::time::timeout(BOUND, self.handled.recv()).await;
            offsets.push(next.expect("in time").expect("a record"));
        }
        offsets
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Asks until the answer is right.
fn eventually(what: &str, mut ask: impl FnMut() -> Result<(), String>) {
    let started = Instant::now();
    while let Err(answer) = ask() {
        assert!(started.elapsed() < BOUND, "{what}: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn total(lags: &[Value], field: &str) -> i64 {
    lags.iter().filter_map(|lag| lag[field].as_i64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_told_and_offsets_are_reset_only_under_an_empty_group() {
    let servers = test_support::isolated().await;
    let settings = kafka_settings(&servers);
    admin::set_up_topics(&settings).await.unwrap();
    let tool = Tool::new(&servers);
    let produce = |count: usize| {
        let sent = tool.run_with(&["produce", TOPIC, "--json"], &trades(count));
        assert_eq!(sent.code, 0, "{sent:?}");
        sent.json()[0]["partition"].to_string()
    };
    let partition = produce(3);
    let mut running = Running::start(&settings);
    assert_eq!(running.handles(3).await, [0, 1, 2]);

    // a group that runs: its members and what they read, no lag
    let groups = tool.json(&["groups"]);
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0]["name"], settings.group(GROUP));
    assert_eq!(groups[0]["state"], "Stable");
    assert_eq!(groups[0]["assignor"], "cooperative-sticky");
    assert_eq!(
        groups[0]["members"][0]["client_id"],
        "algotrade-notification"
    );
    let reads = groups[0]["members"][0]["partitions"].as_array().unwrap();
    assert_eq!(reads.len(), 4, "{groups:?}");
    let table = tool.run(&["groups", GROUP]);
    assert!(table.stdout.contains("0 1 2 3"), "{table:?}");
    eventually("the commit", || {
        let lags = tool.json(&["lag", GROUP]);
        match total(&lags, "records") {
            0 => Ok(()),
            _ => Err(format!("{lags:?}")),
        }
    });
    let lags = tool.json(&["lag", GROUP, "--topic", TOPIC]);
    assert_eq!(lags.len(), 4, "committed or assigned: {lags:?}");

    // refused while it runs, whatever is asked
    let reset = ["offsets", "reset", GROUP, "--to", "earliest"];
    tool.run(&reset)
        .assert_refused(&["is active", "Stable", "stop its consumers"]);
    tool.run(&[&reset[..], &["--execute"]].concat())
        .assert_refused(&["is active"]);
    tool.run(&[
        "offsets",
        "reset",
        "notification-servic",
        "--to",
        "earliest",
    ])
    .assert_refused(&["did you mean `notification-service`?"]);
    running.stop().await;

    // behind: records and seconds, and exit codes
    produce(2);
    eventually("a second of waiting", || {
        let lags = tool.json(&["lag", GROUP]);
        assert_eq!(total(&lags, "records"), 2, "{lags:?}");
        let waiting = lags.iter().filter_map(|lag| lag["seconds"].as_f64());
        match waiting.fold(0.0, f64::max) {
            1.0..600.0 => Ok(()),
            _ => Err(format!("{lags:?}")),
        }
    });
    let code = |arguments: &[&str]| tool.run(arguments).code;
    assert_eq!(code(&["lag", GROUP, "--max-records", "1"]), 2);
    assert_eq!(code(&["lag", GROUP, "--max-records", "2"]), 0);
    assert_eq!(code(&["lag", GROUP, "--max-seconds", "0"]), 2);
    assert_eq!(code(&["lag", GROUP, "--max-seconds", "3600"]), 0);
    assert_eq!(code(&["lag", "--watch", "1", "--max-records", "1"]), 2);
    tool.run(&["lag", "nobody-knows-it"])
        .assert_refused(&["no consumer group"]);

    // a dry run changes nothing
    let committed = || {
        let lags = tool.json(&["lag", GROUP, "--topic", TOPIC]);
        let of_it = |lag: &&Value| lag["partition"] == partition.parse::<i64>().unwrap();
        lags.iter()
            .find(of_it)
            .map(|lag| lag["committed"].clone())
            .unwrap()
    };
    let planned = tool.json(&reset);
    assert_eq!(total(&planned, "target"), 0, "{planned:?}");
    assert!(planned.iter().all(|planned| planned["executed"] == false));
    assert_eq!(committed(), 3);

    // every way to say where
    let tool_resets = |arguments: &[&str], expected: i64| {
        let base = [
            "offsets",
            "reset",
            GROUP,
            "--topic",
            TOPIC,
            "--partition",
            &partition,
        ];
        let planned = tool.json(&[&base, arguments, &["--execute"]].concat());
        assert_eq!(planned.len(), 1, "{planned:?}");
        assert_eq!(planned[0]["target"], expected, "{arguments:?}");
        assert_eq!(committed(), expected, "{arguments:?}");
    };
    tool_resets(&["--to", "latest"], 5);
    tool_resets(&["--shift-by", "-2"], 3);
    tool_resets(&["--shift-by", "-100"], 0);
    tool_resets(&["--to", "4"], 4);
    tool_resets(&["--to", "99"], 5);
    tool_resets(&["--to", "1h"], 0);
    tool_resets(&["--to", "-1"], 4);
    tool_resets(&["--to", "earliest"], 0);
    tool.run(&[
        "offsets",
        "reset",
        GROUP,
        "--topic",
        TOPIC,
        "--partition",
        "4",
        "--to",
        "0",
    ])
    .assert_refused(&["no partition 4"]);
    assert_eq!(
        code(&["offsets", "reset", GROUP]),
        2,
        "where to go on must be said"
    );
    let audit = tool.json(&["tail", "audit-logs"]);
    assert_eq!(audit.len(), 8, "{audit:?}");
    let last = audit.last().unwrap();
    assert!(
        audit.iter().all(|entry| entry["data"]["actor"] == "olivia"),
        "{audit:?}"
    );
    assert_eq!(last["data"]["action"], "offsets.reset");
    assert!(
        last["data"]["subject"]
            .as_str()
            .unwrap()
            .contains(&format!("{TOPIC}/{partition}: 4 -> 0"))
    );

    // the group goes on where it was told to; one that has started meanwhile is not overwritten
    let settings_here = settings.clone();
    let plan = tokio::task::spawn_blocking(move || {
        let broker = Broker::connect(&settings_here)?;
        let group = broker.find_group(GROUP)?;
        let target = ResetTarget::To(Position::Latest);
        let planned = broker.plan_reset(&group, None, &[], target)?;
        Ok::<_, InspectError>((broker, group, planned))
    });
    let (broker, group, planned) = plan.await.unwrap().unwrap();
    let mut running = Running::start(&settings);
    assert_eq!(running.handles(5).await, [0, 1, 2, 3, 4]);
    let refused = tokio::task::spawn_blocking(move || {
        broker.reset_offsets(&group, &planned, &Actor("olivia".to_owned()))
    });
    let refused = refused.await.unwrap();
    assert!(
        matches!(refused, Err(InspectError::GroupActive { .. })),
        "{refused:?}"
    );
    running.stop().await;
    let lags = tool.json(&["lag", GROUP]);
    assert_eq!(total(&lags, "records"), 0, "{lags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_the_new_protocol_are_described_as_well() {
    let servers = test_support::isolated().await;
    let settings = kafka_settings(&servers);
    admin::set_up_topics(&settings).await.unwrap();
    let tool = Tool::new(&servers);
    let consumer: BaseConsumer = settings
        .admin()
        .set("group.id", settings.group("newer"))
        .set("group.protocol", "consumer")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[&settings.topic(TOPIC)]).unwrap();
    let polling = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        while consumer.assignment().unwrap().count() < 4 {
            assert!(started.elapsed() < BOUND, "nothing is assigned");
            let _ = consumer.poll(Duration::from_millis(100));
        }
        consumer
    });
    let consumer = polling.await.unwrap();
    let group = tool.json(&["groups", "newer"]).remove(0);
    assert_eq!(group["protocol"], "consumer", "{group}");
    assert_eq!(group["state"], "Stable", "{group}");
    assert_eq!(
        group["members"][0]["partitions"].as_array().unwrap().len(),
        4
    );
    let reset = [
        "offsets",
        "reset",
        "newer",
        "--topic",
        TOPIC,
        "--to",
        "latest",
        "--execute",
    ];
    tool.run(&reset).assert_refused(&["is active"]);
    tokio::task::spawn_blocking(move || drop(consumer))
        .await
        .unwrap();
    eventually("the reset of an empty group", || {
        let outcome = tool.run(&reset);
        match outcome.code {
            0 => Ok(()),
            _ => Err(outcome.stderr),
        }
    });
}
