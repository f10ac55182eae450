//! The four topics, on real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use kafka_common::admin::set_up_topics;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use service_kit::service::{BoundServer, application, init_telemetry};
use service_kit::{Context, Role, Settings};
use sqlx::PgPool;
use test_support::Isolated;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The machine may be busy; what doesn't come within this time doesn't come.
const PATIENCE: Duration = Duration::from_secs(90);
const SESSION: Uuid = Uuid::from_u128(0xa);

struct TestApp {
    context: Context,
    producer: FutureProducer,
    address: String,
    server: JoinHandle<anyhow::Result<()>>,
    own: Isolated,
}

impl TestApp {
    async fn start(services: &[String]) -> Self {
        let own = test_support::isolated().await;
        let mut settings = Settings::default();
        settings.kafka.bootstrap_servers = own.kafka.clone();
        settings.kafka.topic_prefix = own.topic_prefix.clone();
        settings.kafka.group_prefix = own.group_prefix.clone();
        settings.database.url = own.database_url.clone().into();
        settings.redis.url = own.redis_url.clone().into();
        settings.redis.key_prefix = own.redis_prefix.clone();
        settings.auth.secret = "a-secret-of-more-than-thirty-two-bytes".to_owned().into();
        settings.ops.services = services.to_vec();
        set_up_topics(&settings.kafka).await.unwrap();
        let producer = client(&own)
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        let metrics = init_telemetry(&settings).unwrap();
        let server = BoundServer::bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let address = server.address().unwrap().to_string();
        let shutdown = CancellationToken::new();
        let context = Context::connect(settings, shutdown.clone(), false)
            .await
            .unwrap();
        note_changes(&context.database).await;
        let mut service = ops::start(context.clone()).await.unwrap();
        let tasks = std::mem::take(&mut service.tasks);
        let router = application(&context, service, metrics);
        let server = tokio::spawn(server.serve(router, tasks, shutdown));
        Self {
            context,
            producer,
            address,
            server,
            own,
        }
    }

    async fn stop(self) {
        self.context.shutdown.cancel();
        self.server.await.unwrap().unwrap();
    }

    async fn produce(&self, topic: &str, data: &Value) {
        let value = json!({"timestamp": Utc::now(), "producer_service": "test", "data": data});
        let (topic, value) = (self.own.topic(topic), value.to_string());
        let key = SESSION.to_string();
        let record = FutureRecord::to(&topic).key(&key).payload(&value);
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    async fn trade(&self, sequence: u64, action: &str, status: &str, time: DateTime<Utc>) {
        let trade = json!({"trade_id": Uuid::new_v4(), "session_id": SESSION,
            "symbol": "BTCUSD", "action": action, "quantity": 0.5, "price": 100.5,
            "status": status, "timestamp": time, "user_id": "alice", "fee": 0.25,
            "realized_pnl": 1.75, "reason": "no cash", "sequence": sequence});
        self.produce("trade-executions", &trade).await;
    }

    fn reader(&self, topic: &str) -> Reader {
        let consumer: StreamConsumer = client(&self.own)
            .set("group.id", self.own.group(&format!("reader-{topic}")))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[&self.own.topic(topic)]).unwrap();
        Reader { consumer }
    }
}

struct Reader {
    consumer: StreamConsumer,
}

impl Reader {
    /// The next record's data and key.
    async fn next(&self) -> (Value, String) {
        let record = tokio::time::timeout(PATIENCE, self.consumer.recv()).await;
        let record = record.expect("a record in time").unwrap();
        let mut value: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        assert_eq!(value["producer_service"], "algotrade-ops");
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        (value["data"].take(), key)
    }

    async fn find(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (data, _) = self.next().await;
            if wanted(&data) {
                return data;
            }
        }
    }
}

fn client(own: &Isolated) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &own.kafka)
        .set("linger.ms", "1");
    config
}

/// The services' own tables.
async fn note_changes(pool: &PgPool) {
    for statements in [
        "CREATE SCHEMA strategy; CREATE SCHEMA forward_test",
        include_str!("../../../services/strategy/migrations/0001_strategies.sql"),
        include_str!("../../../services/strategy/migrations/0009_audit.sql"),
        include_str!("../../../services/forward-test/migrations/0001_sessions.sql"),
        include_str!("../../../services/forward-test/migrations/0009_audit.sql"),
    ] {
        sqlx::raw_sql(statements).execute(pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_services_changed_is_relayed_and_what_they_took_back_is_not() {
    let app = TestApp::start(&[]).await;
    let pool = &app.context.database;
    let strategy = "INSERT INTO strategy.strategies (id, user_id, name, kind, version)
        VALUES ($1, 'alice', 'a', 'graph', 1)";
    let (kept, undone) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query(strategy)
        .bind(undone)
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.rollback().await.unwrap();
    sqlx::query(strategy)
        .bind(kept)
        .execute(pool)
        .await
        .unwrap();
    for change in [
        "UPDATE strategy.strategies SET version = 2",
        "DELETE FROM strategy.strategies",
        "INSERT INTO forward_test.sessions (id, user_id, name, strategy_id, symbol, timeframe,
             initial_balance, fee_rate, status, cash, equity)
         VALUES ('00000000-0000-0000-0000-000000000009', 'bob', 's',
             '00000000-0000-0000-0000-000000000001', 'BTCUSD', 'tick', 1, 0, 'PENDING', 1, 1)",
        "UPDATE forward_test.sessions SET status = 'RUNNING'",
        "UPDATE forward_test.sessions SET cash = 2",
        "UPDATE forward_test.sessions SET status = 'STOPPING'",
    ] {
        sqlx::query(change).execute(pool).await.unwrap();
    }
    let reader = app.reader("audit-logs");
    let mut found = Vec::new();
    while found.len() < 6 {
        let (change, key) = reader.next().await;
        assert_eq!(change["actor"], key);
        assert!(change["id"].is_string(), "{change}");
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        found.push((text("actor"), text("action"), text("subject")));
    }
    found.sort();
    let change =
        |actor: &str, action: &str, subject: String| (actor.to_owned(), action.to_owned(), subject);
    let session = Uuid::from_u128(9).to_string();
    assert_eq!(
        found,
        [
            change("alice", "strategy.create", kept.to_string()),
            change("alice", "strategy.delete", kept.to_string()),
            change("alice", "strategy.update", format!("{kept} version 2")),
            change("bob", "session.create", session.clone()),
            change("bob", "session.stopping", session.clone()),
            change("forward-test", "session.running", session),
        ]
    );
    // What is relayed is gone.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM strategy.audit_outbox)
                 + (SELECT count(*) FROM forward_test.audit_outbox)",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if left == 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{left} rows left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trades_become_portfolios_and_users_are_told_what_matters() {
    let app = TestApp::start(&[]).await;
    let yesterday = Utc::now() - TimeDelta::days(1);
    app.trade(1, "BUY", "FILLED", yesterday).await;
    app.trade(3, "BUY", "FILLED", yesterday).await;
    // A repeat, as after a restart.
    app.trade(3, "BUY", "FILLED", yesterday).await;
    for sequence in 4..=6 {
        app.trade(sequence, "BUY", "REJECTED", yesterday).await;
    }
    app.trade(7, "SELL", "FILLED", yesterday).await;
    let portfolios = app.reader("portfolio-updates");
    let mut found = Vec::new();
    for _ in 0..3 {
        let (portfolio, key) = portfolios.next().await;
        assert_eq!(key, SESSION.to_string());
        assert_eq!(portfolio["user_id"], "alice");
        let numbers = [
            "sequence",
            "position",
            "average_price",
            "fees",
            "trades",
            "realized_pnl",
        ];
        found.push(json!(numbers.map(|name| portfolio[name].clone())));
    }
    assert_eq!(
        found,
        [
            json!([1, 0.5, 100.5, 0.25, 1, 1.75]),
            json!([3, 1.0, 100.5, 0.5, 2, 3.5]),
            json!([7, 0.5, 100.5, 0.75, 3, 5.25]),
        ]
    );
    let failed = json!({"session_id": SESSION, "user_id": "alice", "strategy_id": Uuid::nil(),
        "symbol": "BTCUSD", "event": "SESSION_ERROR", "sequence": 8, "timestamp": yesterday,
        "reason": "the strategy divides by zero"});
    app.produce("forward-test-events", &failed).await;
    let notifications = app.reader("user-notifications");
    let mut kinds = Vec::new();
    let expects_summary = Utc::now().time() >= chrono::NaiveTime::from_hms_opt(0, 5, 0).unwrap();
    while kinds.len() < if expects_summary { 3 } else { 2 } {
        let (notification, key) = notifications.next().await;
        assert_eq!(
            (key.as_str(), &notification["user_id"]),
            ("alice", &json!("alice"))
        );
        let message = notification["message"].as_str().unwrap();
        let kind = notification["kind"].as_str().unwrap().to_owned();
        match kind.as_str() {
            "session_error" => {
                assert!(message.contains("divides by zero"), "{message}");
                assert_eq!(notification["severity"], "error");
            }
            // One of three: they came within ten minutes.
            "order_rejected" => assert!(message.contains("no cash"), "{message}"),
            "daily_summary" => {
                assert!(message.contains("order"), "{message}");
                assert_eq!(notification["severity"], "info");
            }
            other => panic!("{other}"),
        }
        kinds.push(kind);
    }
    kinds.sort();
    let all = ["daily_summary", "order_rejected", "session_error"];
    assert_eq!(kinds, all[usize::from(!expects_summary)..]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_who_is_ready_and_what_the_others_lack() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/good/healthz/ready", get(|| async { "ok" }))
        .route(
            "/bad/healthz/ready",
            get(|| async {
                let body = json!({"status": "not ready", "problems": {"redis": "refused"}});
                (StatusCode::SERVICE_UNAVAILABLE, Json(body))
            }),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = away.local_addr().unwrap();
    drop(away);
    let app = TestApp::start(&[
        format!("notification={url}/good"),
        format!("strategy={url}/bad/"),
        format!("market-data=http://{gone}"),
    ])
    .await;
    // A group that has committed and is behind.
    let behind: StreamConsumer = client(&app.own)
        .set("group.id", app.own.group("notification-service"))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    behind
        .subscribe(&[&app.own.topic("trade-executions")])
        .unwrap();
    app.trade(1, "BUY", "FILLED", Utc::now()).await;
    let first = tokio::time::timeout(PATIENCE, behind.recv()).await;
    first.unwrap().unwrap();

    let reader = app.reader("service-health");
    let of = |name: &'static str| move |health: &Value| health["service"] == name;
    let bad = reader.find(of("strategy")).await;
    assert_eq!(bad["status"], "not ready: redis: refused");
    let lagging = |health: &Value| health["service"] == "notification" && health["lag"] == 1;
    let good = reader.find(lagging).await;
    assert_eq!(good["status"], "ready");
    assert!(good["latency_ms"].is_number() && good["waiting_ms"].is_number());
    let gone = reader.find(of("market-data")).await;
    let status = gone["status"].as_str().unwrap();
    assert!(status.starts_with("does not answer"), "{status}");

    let token = app.context.auth.issue_operator("olga").unwrap().token;
    let url = format!("http://{}/v1/ops/health", app.address);
    let answer = app.context.http.get(&url).bearer_auth(token).send().await;
    let page: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let refused = app.context.http.get(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let alice = app.context.auth.issue("alice", Role::User).unwrap().token;
    let refused = app.context.http.get(&url).bearer_auth(alice).send().await;
    assert_eq!(refused.unwrap().status(), 403);
    app.stop().await;
}
