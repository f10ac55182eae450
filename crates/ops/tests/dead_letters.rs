//! Dead letters over HTTP, on real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use kafka_common::admin::set_up_topics;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use service_kit::service::{BoundServer, application, init_telemetry};
use service_kit::{Context, Role, Settings};
use test_support::Isolated;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(90);
const PATH: &str = "/v1/ops/dead-letters";

struct TestApp {
    context: Context,
    url: String,
    server: JoinHandle<anyhow::Result<()>>,
    own: Isolated,
}

impl TestApp {
    async fn start() -> Self {
        let own = test_support::isolated().await;
        let mut settings = Settings::default();
        settings.kafka.bootstrap_servers = own.kafka.clone();
        settings.kafka.topic_prefix = own.topic_prefix.clone();
        settings.kafka.group_prefix = own.group_prefix.clone();
        settings.database.url = own.database_url.clone().into();
        settings.redis.url = own.redis_url.clone().into();
        settings.redis.key_prefix = own.redis_prefix.clone();
        settings.auth.secret = "a-secret-of-more-than-thirty-two-bytes".to_owned().into();
        settings.ops.services = Vec::new();
        set_up_topics(&settings.kafka).await.unwrap();
        let metrics = init_telemetry(&settings).unwrap();
        let server = BoundServer::bind("127.0.0.1:0".parse().unwrap()).await;
        let server = server.unwrap();
        let url = format!("http://{}", server.address().unwrap());
        let shutdown = CancellationToken::new();
        let context = Context::connect(settings, shutdown.clone(), false).await;
        let context = context.unwrap();
        let mut service = ops::start(context.clone()).await.unwrap();
        let tasks = std::mem::take(&mut service.tasks);
        let router = application(&context, service, metrics);
        let server = tokio::spawn(server.serve(router, tasks, shutdown));
        Self {
            context,
            url,
            server,
            own,
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.own.kafka);
        config
    }

    /// A letter as a consumer writes it that gives up.
    async fn give_up(&self, topic: &str, key: &str, class: &str) {
        let producer: FutureProducer = self.client().create().unwrap();
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = OwnedHeaders::new()
            .insert(header("dlq-original-topic", "trade-executions"))
            .insert(header("dlq-original-partition", "0"))
            .insert(header("dlq-error-class", class))
            .insert(header("dlq-error", "the database said <no>"))
            .insert(header("dlq-attempts", "5"));
        let value = json!({"of": key}).to_string();
        let record = FutureRecord::to(topic).key(key).payload(&value);
        producer
            .send(record.headers(headers), PATIENCE)
            .await
            .unwrap();
    }

    async fn ask(&self, post: Option<Value>, path: &str, token: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let http = &self.context.http;
        let request = match &post {
            Some(body) => http.post(url).json(body),
            None => http.get(url),
        };
        let request = request.bearer_auth(token).timeout(PATIENCE);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_counts_looks_and_sends_back_once() {
    let app = TestApp::start().await;
    let topic = app.own.topic("trade-executions.notification-service.dlq");
    for key in ["a", "b", "c"] {
        app.give_up(&topic, key, "transient").await;
    }
    app.give_up(&topic, "d", "poison").await;
    let operator = app.context.auth.issue_operator("olga").unwrap().token;
    let (status, page) = app.ask(None, PATH, &operator).await;
    assert_eq!(status, 200, "{page}");
    let counts: Vec<(&str, u64, u64)> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            assert_eq!(item["topic"], topic);
            assert_eq!(item["source"], "trade-executions");
            assert_eq!(item["group"], "notification-service");
            let number = |name: &str| item[name].as_u64().unwrap();
            (
                item["class"].as_str().unwrap(),
                number("letters"),
                number("pending"),
            )
        })
        .collect();
    assert_eq!(counts, [("poison", 1, 1), ("transient", 3, 3)]);

    let path = format!("{PATH}/{topic}?class=transient&limit=2");
    let (_, page) = app.ask(None, &path, &operator).await;
    let keys = [&page["items"][0]["key"], &page["items"][1]["key"]];
    assert_eq!(keys, ["c", "b"], "the newest first: {page}");
    assert_eq!(page["items"][0]["error"], "the database said <no>");
    assert_eq!(page["items"][0]["value"], r#"{"of":"c"}"#);

    let redrive = format!("{PATH}/{topic}/redrive");
    let transient = |execute: bool| Some(json!({"class": "transient", "execute": execute}));
    let (_, would) = app.ask(transient(false), &redrive, &operator).await;
    assert_eq!(
        (&would["redriven"], &would["executed"]),
        (&json!(3), &json!(false))
    );
    let (_, did) = app.ask(transient(true), &redrive, &operator).await;
    assert_eq!(
        (&did["redriven"], &did["executed"]),
        (&json!(3), &json!(true)),
        "{did}"
    );
    let (_, again) = app.ask(transient(true), &redrive, &operator).await;
    assert_eq!(
        (&again["redriven"], &again["already"]),
        (&json!(0), &json!(3))
    );

    // They are where they came from, in their order, and who did it is on record.
    let reader: StreamConsumer = app
        .client()
        .set("group.id", app.own.group("reader"))
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let (source, audit) = (
        app.own.topic("trade-executions"),
        app.own.topic("audit-logs"),
    );
    reader.subscribe(&[&source, &audit]).unwrap();
    let (mut keys, mut actors) = (Vec::new(), Vec::new());
    while keys.len() < 3 || actors.is_empty() {
        let record = tokio::time::timeout(PATIENCE, reader.recv()).await;
        let record = record.unwrap().unwrap().detach();
        if record.topic() == source {
            keys.push(String::from_utf8(record.key().unwrap().to_vec()).unwrap());
        } else {
            let value: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
            actors.push(value["data"]["actor"].as_str().unwrap().to_owned());
        }
    }
    keys.sort();
    assert_eq!(keys, ["a", "b", "c"]);
    assert!(actors.iter().all(|actor| actor == "olga"), "{actors:?}");
    app.context.shutdown.cancel();
    app.server.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_for_operators_only() {
    let app = TestApp::start().await;
    let topic = app.own.topic("trade-executions.notification-service.dlq");
    let alice = app.context.auth.issue("alice", Role::User).unwrap().token;
    let redrive = format!("{PATH}/{topic}/redrive");
    for (post, path) in [
        (None, PATH.to_owned()),
        (None, format!("{PATH}/{topic}")),
        (Some(json!({"execute": true})), redrive),
    ] {
        let (status, problem) = app.ask(post, &path, &alice).await;
        assert_eq!((status, &problem["code"]), (403, &json!("operators_only")));
    }
    let operator = app.context.auth.issue_operator("olga").unwrap().token;
    for (name, status) in [("nothing", 404), ("a.b.dlq", 404)] {
        let path = format!("{PATH}/{name}");
        assert_eq!(app.ask(None, &path, &operator).await.0, status, "{name}");
    }
    app.context.shutdown.cancel();
    app.server.await.unwrap().unwrap();
}
