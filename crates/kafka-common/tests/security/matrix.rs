//! 4 services x 11 topics x {read, write}, and what belongs to them.

use std::time::{Duration, Instant};

use kafka_common::acl::{Operation, ResourceKind};
use kafka_common::matrix::{MATRIX, MatrixRow, dead_letter_topic};
use kafka_common::messages::{SubscriptionAction, SymbolSubscription};
use kafka_common::topics::CATALOGUE;
use kafka_common::{
    AccessDenied, KafkaProducer, KafkaSettings, MarketDataService, ProduceError, Topics,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, FutureProducer, FutureRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use test_support::SecuredBroker;

use crate::user;

const BOUND: Duration = Duration::from_secs(20);

/// Every topic is written and read by every service: what the matrix allows succeeds, and all else
/// is refused with an error that names principal, operation and resource.
pub(crate) async fn eighty_eight_cases(broker: &SecuredBroker) {
    // Something to read in every topic.
    let admin = user(broker, "admin");
    let seeding: FutureProducer = admin.producer("test").create().unwrap();
    for spec in CATALOGUE {
        write(&seeding, &admin.topic(spec.name)).await.unwrap();
    }
    let mut services = tokio::task::JoinSet::new();
    for row in MATRIX {
        services.spawn(one_service(user(broker, row.service), row));
    }
    let mut cases = 0;
    while let Some(service) = services.join_next().await {
        cases += service.unwrap();
    }
    assert_eq!(cases, 88);
}

async fn one_service(settings: KafkaSettings, row: &'static MatrixRow) -> usize {
    let producer: FutureProducer = settings.producer(row.service).create().unwrap();
    let mut cases = 0;
    for spec in CATALOGUE {
        let topic = settings.topic(spec.name);
        let allowed = row.produces.contains(&spec.name);
        expect(
            &settings,
            Operation::Write,
            &topic,
            allowed,
            write(&producer, &topic).await,
        );
        let reading = (settings.clone(), topic.clone());
        let read = tokio::task::spawn_blocking(move || read(&reading.0, &reading.1));
        // Market-data reads the end of its own log back, to go on where it stopped.
        let allowed = row.consumes.contains(&spec.name) || row.resumes.contains(&spec.name);
        expect(
            &settings,
            Operation::Read,
            &topic,
            allowed,
            read.await.unwrap(),
        );
        cases += 2;
    }
    cases
}

fn expect(
    settings: &KafkaSettings,
    operation: Operation,
    name: &str,
    allowed: bool,
    outcome: Result<(), KafkaError>,
) {
    let principal = settings.security.principal();
    match (allowed, outcome) {
        (true, Ok(())) => {}
        (true, Err(error)) => panic!("{principal} {operation} {name}: {error}"),
        (false, Ok(())) => panic!("{principal} {operation} {name} was not refused"),
        (false, Err(error)) => {
            let denied = AccessDenied::of(&settings.security, operation, name, &error);
            let denied =
                denied.unwrap_or_else(|| panic!("{principal} {operation} {name}: {error}"));
            let text = denied.to_string();
            let kind = denied.kind;
            let expected = format!("`{principal}` may not {operation} {kind} `{name}`");
            assert!(text.starts_with(&expected), "{text}");
        }
    }
}

async fn write(producer: &FutureProducer, topic: &str) -> Result<(), KafkaError> {
    let record = FutureRecord::to(topic).key("k").payload("{}").partition(0);
    match producer.send(record, BOUND).await {
        Ok(_) => Ok(()),
        Err((error, _)) => Err(error),
    }
}

/// Reads one record, without a group.
fn read(settings: &KafkaSettings, topic: &str) -> Result<(), KafkaError> {
    let mut config = settings.admin();
    config
        .set("group.id", "unused")
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), BOUND)?;
    if let Some(error) = metadata.topics()[0].error() {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    loop {
        match poll(
            &consumer,
            &format!("{} {topic}", settings.security.username),
        ) {
            // The client looks for the group's coordinator, though it never joins.
            Err(error) if is_about_the_group(&error) => {}
            outcome => return outcome,
        }
    }
}

fn is_about_the_group(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
}

fn poll(consumer: &BaseConsumer, what: &str) -> Result<(), KafkaError> {
    let deadline = Instant::now() + BOUND;
    while Instant::now() < deadline {
        if let Some(polled) = consumer.poll(Duration::from_millis(200)) {
            return polled.map(|_| ());
        }
    }
    panic!("{what}: neither a record nor a refusal within {BOUND:?}");
}

/// Each service writes its own dead letters and nobody else's.
pub(crate) async fn dead_letters(broker: &SecuredBroker) {
    for row in MATRIX {
        let settings = user(broker, row.service);
        let producer: FutureProducer = settings.producer(row.service).create().unwrap();
        for other in MATRIX {
            for consumed in other.consumes {
                let topic = settings.topic(&dead_letter_topic(consumed, other.group));
                let own = row.service == other.service;
                expect(
                    &settings,
                    Operation::Write,
                    &topic,
                    own,
                    write(&producer, &topic).await,
                );
            }
        }
    }
}

/// Each consuming service joins its own group and no other.
pub(crate) async fn groups(broker: &SecuredBroker) {
    let mut joins = tokio::task::JoinSet::new();
    for row in MATRIX {
        for other in MATRIX.iter().filter(|other| !other.consumes.is_empty()) {
            let settings = user(broker, row.service);
            joins.spawn_blocking(move || {
                // A topic that it may read, so that only the group can be refused.
                let topic = row.consumes.first().unwrap_or(&row.produces[0]);
                let topic = settings.topic(topic);
                let config = settings.consumer(row.service, other.group);
                let consumer: BaseConsumer = config.create().unwrap();
                consumer.subscribe(&[&topic]).unwrap();
                let joined = poll(&consumer, other.group);
                let group = settings.group(other.group);
                let own = row.service == other.service;
                if let Err(error) = &joined
                    && let Some(denied) =
                        AccessDenied::of(&settings.security, Operation::Read, &group, error)
                {
                    assert_eq!(denied.kind, ResourceKind::Group, "{denied}");
                }
                expect(&settings, Operation::Read, &group, own, joined);
            });
        }
    }
    while let Some(join) = joins.join_next().await {
        join.unwrap();
    }
}

/// All that write in transactions use their own transactional ids; nobody uses another's.
pub(crate) async fn transactional_ids(broker: &SecuredBroker) {
    let mut tries = tokio::task::JoinSet::new();
    for row in MATRIX {
        for other in MATRIX {
            let settings = user(broker, row.service);
            tries.spawn_blocking(move || {
                let producer: BaseProducer = settings
                    .transactional_producer(other.service)
                    .create()
                    .unwrap();
                let begun = producer.init_transactions(BOUND);
                let id = settings.transactional_id(other.service);
                let own = row.service == other.service;
                let allowed = own && row.service != "notification";
                expect(&settings, Operation::Write, &id, allowed, begun);
            });
        }
    }
    while let Some(tried) = tries.join_next().await {
        tried.unwrap();
    }
}

/// A service with another's credentials: the type allows it, the broker doesn't.
pub(crate) async fn the_typed_producer_names_what_is_denied(broker: &SecuredBroker) {
    let settings = user(broker, "notification");
    let producer = KafkaProducer::<MarketDataService>::start(&settings).unwrap();
    let message = SymbolSubscription {
        symbol: "BTCUSD".to_owned(),
        action: SubscriptionAction::Subscribed,
        requested_by: "a test".to_owned(),
        timestamp: chrono::Utc::now(),
    };
    let topic = Topics::SYMBOL_SUBSCRIPTIONS;
    let error = producer
        .send_message(topic, &message, "BTCUSD")
        .await
        .unwrap_err();
    let ProduceError::Denied(denied) = &error else {
        panic!("{error}");
    };
    assert_eq!(denied.principal, "User:notification");
    assert_eq!(denied.operation, Operation::Write);
    assert_eq!(denied.name, "eu.symbol-subscriptions");
}
