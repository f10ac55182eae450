//! The run's servers are real and answer; what a test gets of them is its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message};
use sqlx::{Connection, PgConnection};
use test_support::{Backing, KafkaBroker, PostgresServer, RedisServer, isolated};

const BOUND: Duration = Duration::from_secs(20);

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config.set("broker.address.family", "v4");
    config
}

async fn create_topic(bootstrap: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> = client(bootstrap).create().unwrap();
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let created = admin
        .create_topics([&topic], &AdminOptions::new())
        .await
        .unwrap();
    created.into_iter().next().unwrap().unwrap();
}

async fn produce(bootstrap: &str, topic: &str, payload: &str) {
    let producer: FutureProducer = client(bootstrap)
        .set("message.timeout.ms", "20000")
        .create()
        .unwrap();
    let record = FutureRecord::to(topic).key("k").payload(payload);
    producer
        .send(record, BOUND)
        .await
        .map_err(|(error, _)| error)
        .unwrap();
}

/// The first `count` payloads of a topic.
fn consume(bootstrap: &str, group: &str, topic: &str, count: usize) -> Vec<String> {
    let consumer: BaseConsumer = client(bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let deadline = Instant::now() + BOUND;
    let mut payloads = Vec::new();
    while payloads.len() < count {
        assert!(Instant::now() < deadline, "{payloads:?} only");
        // A rebalance ends a poll early, with nothing.
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            payloads.push(String::from_utf8(message.unwrap().payload().unwrap().to_vec()).unwrap());
        }
    }
    payloads
}

#[tokio::test]
async fn a_record_goes_through_kafka() {
    let own = isolated().await;
    let topic = own.topic("market-data-updates");
    create_topic(&own.kafka, &topic).await;
    produce(&own.kafka, &topic, "tick").await;
    assert_eq!(
        consume(&own.kafka, &own.group("reader"), &topic, 1),
        ["tick"]
    );
}

#[tokio::test]
async fn topics_are_created_on_purpose_only() {
    let own = isolated().await;
    let topic = own.topic("misspelt");
    let producer: FutureProducer = client(&own.kafka)
        .set("message.timeout.ms", "3000")
        .create()
        .unwrap();
    let record = FutureRecord::<str, str>::to(&topic).payload("lost");
    assert!(producer.send(record, BOUND).await.is_err());
}

async fn database_exists(name: &str) -> bool {
    let mut admin = PgConnection::connect(&Backing::from_env().database_url)
        .await
        .unwrap();
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_test_has_a_database_and_topics_until_it_ends() {
    let (one, two) = (isolated().await, isolated().await);
    assert_ne!(one.database_url, two.database_url);

    let mut connection = PgConnection::connect(&one.database_url).await.unwrap();
    sqlx::raw_sql("CREATE TABLE only_here (id int)")
        .execute(&mut connection)
        .await
        .unwrap();
    let mut other = PgConnection::connect(&two.database_url).await.unwrap();
    assert!(
        sqlx::raw_sql("SELECT * FROM only_here")
            .execute(&mut other)
            .await
            .is_err()
    );

    let topic = one.topic("gone-at-the-end");
    create_topic(&one.kafka, &topic).await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(database_exists(&name).await);
    let prefix = one.topic_prefix.clone();
    // `connection` is still open: dropping the database must not wait for it.
    drop(one);
    assert!(!database_exists(&name).await);
    let consumer: BaseConsumer = client(&two.kafka).create().unwrap();
    let metadata = consumer.fetch_metadata(None, BOUND).unwrap();
    assert!(
        !metadata
            .topics()
            .iter()
            .any(|topic| topic.name().starts_with(&prefix))
    );
}

#[tokio::test]
async fn redis_answers() {
    let own = isolated().await;
    let client = redis::Client::open(own.redis_url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pong: String = redis::cmd("PING")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(pong, "PONG");
    let key = own.redis_key("k");
    let _: () = redis::cmd("SET")
        .arg(&key)
        .arg(1)
        .query_async(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_private_broker_keeps_its_data_and_address_through_crash_stop_and_stall() {
    let mut broker = KafkaBroker::start().await.unwrap();
    let bootstrap = broker.bootstrap_servers();
    create_topic(&bootstrap, "t").await;
    produce(&bootstrap, "t", "before the crash").await;

    broker.kill();
    assert_eq!(broker.pid(), None);
    broker.restart().await.unwrap();
    assert_eq!(broker.bootstrap_servers(), bootstrap);
    produce(&bootstrap, "t", "after the crash").await;

    broker.stop().await.unwrap();
    broker.restart().await.unwrap();
    broker.pause().unwrap();
    let stalled: FutureProducer = client(&bootstrap)
        .set("message.timeout.ms", "1000")
        .create()
        .unwrap();
    let record = FutureRecord::<str, str>::to("t").payload("in the stall");
    assert!(stalled.send(record, BOUND).await.is_err());
    broker.resume().unwrap();

    let expected = ["before the crash", "after the crash"];
    assert_eq!(consume(&bootstrap, "reader", "t", 2), expected);
}

#[tokio::test]
async fn a_killed_database_keeps_what_was_committed() {
    let mut own = PostgresServer::start_with(&["synchronous_commit=on"])
        .await
        .unwrap();
    let mut connection = PgConnection::connect(&own.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (n INTEGER); INSERT INTO kept VALUES (1)")
        .execute(&mut connection)
        .await
        .unwrap();
    own.kill();
    assert!(PgConnection::connect(&own.url()).await.is_err());
    own.restart().await.unwrap();
    let mut connection = PgConnection::connect(&own.url()).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_killed_cache_comes_back_empty_on_its_port() {
    let mut own = RedisServer::start().await.unwrap();
    let client = redis::Client::open(own.url()).unwrap();
    let ask = async |command: &str, arguments: &[&str]| -> Option<String> {
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(command);
        command.arg(arguments);
        command.query_async(&mut connection).await.unwrap()
    };
    ask("SET", &["key", "value"]).await;
    assert_eq!(ask("GET", &["key"]).await.as_deref(), Some("value"));
    own.kill();
    own.restart().await.unwrap();
    assert_eq!(ask("GET", &["key"]).await, None);
}
