//! `algotrade dlq` on real Kafka: a handler fails, its records lie in the dead letters, go back, and
//! are handled, each once and in order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use end_to_end_tests::tool::{Tool, kafka_settings};
use kafka_common::{
    DeadLetterLimit, HandlerError, KafkaConsumer, KafkaSettings, NotificationService, Topics, admin,
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const TOPIC: &str = "user-notifications";
const DEAD: &str = "user-notifications.notification-service.dlq";
const BOUND: Duration = Duration::from_secs(60);

/// Notifications whose titles are numbers, for three users in turn.
fn notifications(titles: std::ops::Range<usize>) -> String {
    titles
        .map(|title| {
            let user = ["ann", "bob", "cleo"][title % 3];
            format!(
                r#"{{"user_id":"{user}","title":"{title}","message":"","severity":"info","timestamp":"2026-01-05T12:00:00Z"}}"#
            ) + "\n"
        })
        .collect()
}

/// The notification service's consumer with a handler that can be told to fail.
struct Consumer {
    handled: mpsc::UnboundedReceiver<(String, usize)>,
    failing: Arc<AtomicBool>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Consumer {
    fn start(settings: &KafkaSettings) -> Self {
        let (sender, handled) = mpsc::unbounded_channel();
        let failing = Arc::new(AtomicBool::new(true));
        let fails = Arc::clone(&failing);
        let consumer = KafkaConsumer::<NotificationService>::new(settings)
            // All fail here, on purpose: that is no reason to halt.
            .dead_letter_limit(DeadLetterLimit {
                most: 1_000,
                of_latest: 2_000,
            })
            .add_message_handler(Topics::USER_NOTIFICATIONS, move |record| {
                let outcome = match fails.load(Ordering::SeqCst) {
                    true => Err(HandlerError::permanent("the database is \u{1b}[31mdown")),
                    false => sender
                        .send((record.data.user_id, record.data.title.parse().unwrap()))
                        .map_err(HandlerError::permanent),
                };
                async move { outcome }
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
            failing,
            shutdown,
            task,
        }
    }

    async fn handles(&mut self, count: usize) -> BTreeMap<String, Vec<usize>> {
        let mut by_user: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for _ in 0..count {
            let next = tokio::time::timeout(BOUND, self.handled.recv()).await;
            let (user, title) = next.expect("in time").expect("a record");
            by_user.entry(user).or_default().push(title);
        }
        by_user
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Titles by user, as they were produced.
fn in_order(titles: std::ops::Range<usize>) -> BTreeMap<String, Vec<usize>> {
    let mut by_user: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for title in titles {
        let user = ["ann", "bob", "cleo"][title % 3].to_owned();
        by_user.entry(user).or_default().push(title);
    }
    by_user
}

/// Waits until so many letters are pending.
fn pending(tool: &Tool, count: u64) -> Value {
    let started = Instant::now();
    loop {
        let counts = tool.json(&["dlq", "ls"]);
        let found: u64 = counts
            .iter()
            .filter_map(|count| count["pending"].as_u64())
            .sum();
        if found == count && counts.len() == 1 {
            return counts[0].clone();
        }
        assert!(started.elapsed() < BOUND, "not {count} pending: {counts:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn produce(tool: &Tool, titles: std::ops::Range<usize>) {
    let sent = tool.run_with(&["produce", TOPIC], &notifications(titles));
    assert_eq!(sent.code, 0, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_go_back_once_and_in_order_and_not_for_ever() {
    let servers = test_support::isolated().await;
    let settings = kafka_settings(&servers);
    admin::set_up_topics(&settings).await.unwrap();
    let tool = Tool::new(&servers);
    assert!(tool.json(&["dlq", "ls"]).is_empty());
    produce(&tool, 0..9);
    let mut consumer = Consumer::start(&settings);

    // what lies there, and why
    let count = pending(&tool, 9);
    assert_eq!(count["topic"], TOPIC);
    assert_eq!(count["group"], "notification-service");
    assert_eq!(count["class"], "permanent");
    assert_eq!(count["letters"], 9);
    let letters = tool.json(&["dlq", "show", DEAD, "--key", "bob"]);
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert_eq!(letters[0]["original_topic"], TOPIC);
    assert!(
        letters[0]["error"]
            .as_str()
            .unwrap()
            .contains("the database")
    );
    assert!(
        letters[0]["value"]
            .as_str()
            .unwrap()
            .contains(r#""title":"1""#)
    );
    let text = tool.run(&["dlq", "show", DEAD, "--max", "2"]);
    assert!(text.stderr.contains("more than 2"), "{text:?}");
    assert!(text.stdout.contains("permanent: the database") && !text.stdout.contains('\u{1b}'));

    // refusals
    tool.run(&["dlq", "show", TOPIC])
        .assert_refused(&["not a dead-letter topic"]);
    tool.run(&["dlq", "ls", "user-notification.notification-service.dlq"])
        .assert_refused(&["did you mean"]);
    tool.run(&["dlq", "redrive", DEAD, "--since", "latest"])
        .assert_refused(&["--since"]);
    assert_eq!(
        tool.run(&["dlq", "purge", DEAD]).code,
        2,
        "what to delete must be said"
    );

    // a dry run sends nothing
    let planned = tool.json(&["dlq", "redrive", DEAD]).remove(0);
    assert_eq!(
        (&planned["redriven"], &planned["executed"]),
        (&9.into(), &false.into())
    );
    pending(&tool, 9);

    // the handler is well again: a part goes back, then the rest, then nothing
    consumer.failing.store(false, Ordering::SeqCst);
    let redrive = |arguments: &[&str]| {
        let base = ["dlq", "redrive", DEAD, "--execute"];
        tool.json(&[&base, arguments].concat()).remove(0)
    };
    assert_eq!(
        redrive(&["--key", "bob", "--class", "permanent"])["redriven"],
        3
    );
    assert_eq!(
        consumer.handles(3).await,
        BTreeMap::from([("bob".to_owned(), vec![1, 4, 7])])
    );
    assert_eq!(redrive(&["--class", "poison"])["redriven"], 0);
    assert_eq!(redrive(&["--max", "2", "--rate", "100"])["redriven"], 2);
    let rest = redrive(&["--rate", "2000"]);
    assert_eq!(
        (&rest["redriven"], &rest["already"]),
        (&4.into(), &5.into())
    );
    let mut expected = in_order(0..9);
    expected.remove("bob");
    assert_eq!(consumer.handles(6).await, expected);
    let again = redrive(&[]);
    assert_eq!(
        (&again["redriven"], &again["already"]),
        (&0.into(), &9.into())
    );

    // key and own headers are kept, what described the failure is gone
    let source = tool.json(&["tail", TOPIC]);
    assert_eq!(source.len(), 18, "{source:?}");
    let header = |record: &Value, name: &str| {
        let headers = record["headers"].as_array().unwrap();
        let found = headers.iter().find(|header| header[0] == name);
        found.and_then(|header| header[1].as_str().map(str::to_owned))
    };
    let titled = |title: &str| {
        let is_it = |record: &&Value| record["data"]["title"] == title;
        source.iter().filter(is_it).collect::<Vec<_>>()
    };
    let (first, back) = (titled("4")[0], titled("4")[1]);
    assert_eq!(first["data"], back["data"]);
    assert_eq!(
        (&first["key"], &first["partition"]),
        (&back["key"], &back["partition"])
    );
    assert_eq!(header(first, "message-id"), header(back, "message-id"));
    assert_eq!(header(back, "dlq-redrives").as_deref(), Some("1"));
    assert_eq!(
        header(back, "dlq-original-offset"),
        Some(first["offset"].to_string())
    );
    assert_eq!(header(back, "dlq-error"), None);

    // who, what, how many
    let audit = tool.json(&["tail", "audit-logs"]);
    assert_eq!(audit.len(), 3, "{audit:?}");
    assert_eq!(audit[0]["data"]["actor"], "olivia");
    assert_eq!(audit[0]["data"]["action"], "dlq.redrive");
    let subject = audit[0]["data"]["subject"].as_str().unwrap();
    assert!(
        subject.contains("3 record(s), partition 0 offsets "),
        "{subject}"
    );

    // a record that fails each time goes back twice and then stays
    consumer.failing.store(true, Ordering::SeqCst);
    produce(&tool, 9..10);
    pending(&tool, 1);
    assert_eq!(redrive(&[])["redriven"], 1);
    pending(&tool, 1);
    assert_eq!(redrive(&[])["redriven"], 1);
    pending(&tool, 1);
    let stopped = tool.run(&["dlq", "redrive", DEAD, "--execute", "--json"]);
    assert_eq!(stopped.code, 2, "{stopped:?}");
    assert_eq!(stopped.json()[0]["held_back"], 1, "{stopped:?}");
    let letters = tool.json(&["dlq", "show", DEAD, "--max", "100"]);
    assert_eq!(letters.last().unwrap()["redrives"], 2, "{letters:?}");
    consumer.failing.store(false, Ordering::SeqCst);
    assert_eq!(redrive(&["--max-redrives", "3"])["redriven"], 1);
    assert_eq!(consumer.handles(1).await, in_order(9..10));
    consumer.stop().await;

    // deleting: a dry run first; what was never sent back is told
    let purge = |arguments: &[&str]| tool.json(&[&["dlq", "purge", DEAD], arguments].concat());
    let planned = purge(&["--redriven"]);
    assert_eq!(
        (&planned[0]["letters"], &planned[0]["pending"]),
        (&12.into(), &0.into())
    );
    assert_eq!(purge(&["--before", "3"])[0]["letters"], 3);
    pending(&tool, 0);
    assert_eq!(purge(&["--before", "3", "--execute"])[0]["letters"], 3);
    assert_eq!(tool.json(&["dlq", "ls"])[0]["letters"], 9);
    assert_eq!(purge(&["--all", "--execute"])[0]["letters"], 9);
    assert!(tool.json(&["dlq", "ls"]).is_empty());
    let audit = tool.json(&["tail", "audit-logs"]);
    assert_eq!(audit.last().unwrap()["data"]["action"], "dlq.purge");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_dies_in_the_middle_is_finished_by_the_next_and_nothing_goes_twice() {
    let servers = test_support::isolated().await;
    let settings = kafka_settings(&servers);
    admin::set_up_topics(&settings).await.unwrap();
    let tool = Tool::new(&servers);
    produce(&tool, 0..60);
    let consumer = Consumer::start(&settings);
    pending(&tool, 60);
    consumer.stop().await;

    // 10 a second: it dies after a batch that is whole, perhaps within the next
    let mut dying = tool.start(&["dlq", "redrive", DEAD, "--rate", "10", "--execute"]);
    let started = Instant::now();
    while tool.json(&["tail", TOPIC]).len() == 60 {
        assert!(started.elapsed() < BOUND, "nothing goes back");
    }
    dying.kill();
    let back = tool.run(&["dlq", "redrive", DEAD, "--execute", "--json"]);
    assert_eq!(back.code, 0, "{back:?}");
    let back = back.json().remove(0);
    let (now, before) = (back["redriven"].as_u64(), back["already"].as_u64());
    assert_eq!(
        now.zip(before).map(|(now, before)| now + before),
        Some(60),
        "{back}"
    );
    assert!(before >= Some(10), "{back}");

    // each once, and in the order of its user
    let mut by_user: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let source = tool.json(&["tail", TOPIC]);
    assert_eq!(source.len(), 120);
    let redriven = |record: &&Value| {
        let headers = record["headers"].as_array().unwrap();
        headers.iter().any(|header| header[0] == "dlq-redrives")
    };
    for record in source.iter().filter(redriven) {
        let text = |field: &str| record["data"][field].as_str().unwrap().to_owned();
        let titles = by_user.entry(text("user_id")).or_default();
        titles.push(text("title").parse().unwrap());
    }
    assert_eq!(by_user, in_order(0..60));

    // the audit log counts what went back, no more and no less
    let audit = tool.json(&["tail", "audit-logs"]);
    let counted: usize = audit
        .iter()
        .map(|entry| {
            let subject = entry["data"]["subject"].as_str().unwrap();
            let count = subject.split(" -> ").nth(1).unwrap();
            let count = count.split(": ").nth(1).unwrap();
            count.split(' ').next().unwrap().parse::<usize>().unwrap()
        })
        .sum();
    assert_eq!(counted, 60, "{audit:?}");
}
