//! Partitions that follow: of `market-data-updates`, p and p + 4 go with `strategy-signals` p.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use kafka_common::messages::{ExecutionStatus, TradeAction, TradeExecution};
use kafka_common::partitioner::market_data_partitions;
use kafka_common::processor::{
    self, InputPartition, InputRecord, MemoryStore, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::{MarketDataUpdates, StrategySignals, TradeExecutions};
use kafka_common::{
    ForwardTestService, GroupProtocol, KafkaSettings, Topic as _, Topics, envelope,
};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rust_decimal::Decimal;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage;

type Out = Outputs<ForwardTestService, ()>;

/// For each record of each input one execution with the input's name and its count so far.
struct Following;

impl Processor for Following {
    type Unit = FollowingUnit;

    fn primary_topic(&self) -> &'static str {
        StrategySignals::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        let input = |topic, partition| InputPartition { topic, partition };
        let followers =
            market_data_partitions(unit).map(|p| input(MarketDataUpdates::SPEC.name, p));
        std::iter::once(input(StrategySignals::SPEC.name, unit))
            .chain(followers)
            .collect()
    }

    fn restore(&self, restored: Restored) -> Result<FollowingUnit, StoreError> {
        let counts = match &restored.state {
            None => vec![0; restored.positions.len()],
            Some(state) => serde_json::from_slice(state)
                .map_err(|error| StoreError::new("reading a snapshot", error))?,
        };
        Ok(FollowingUnit {
            names: self
                .inputs(restored.unit)
                .iter()
                .map(|input| format!("{}/{}", input.topic, input.partition))
                .collect(),
            positions: restored.positions,
            counts,
        })
    }

    fn unit_of(&self, command: &Infallible) -> i32 {
        match *command {}
    }
}

struct FollowingUnit {
    names: Vec<String>,
    positions: Vec<i64>,
    counts: Vec<u64>,
}

impl Unit for FollowingUnit {
    type Service = ForwardTestService;
    type Row = ();
    type Command = Infallible;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        let input = record.input;
        self.positions[input] = record.offset + 1;
        self.counts[input] += 1;
        let name = &self.names[input];
        let id = Uuid::new_v5(&Uuid::nil(), format!("{name}/{}", record.offset).as_bytes());
        let message = TradeExecution {
            trade_id: id,
            session_id: Uuid::nil(),
            symbol: name.clone(),
            action: TradeAction::Buy,
            quantity: Decimal::from(self.counts[input]),
            price: Decimal::ONE,
            status: ExecutionStatus::Filled,
            timestamp: chrono::DateTime::UNIX_EPOCH,
            user_id: None,
            strategy_id: None,
            signal_id: None,
            fee: None,
            slippage: None,
            realized_pnl: None,
            cash: None,
            position: None,
            reason: None,
            sequence: None,
            order: None,
        };
        out.send(Topics::TRADE_EXECUTIONS, None, name, id, &[], &message);
        Ok(())
    }

    fn command(&mut self, command: Infallible, _out: &mut Out) -> Result<(), StoreError> {
        match command {}
    }

    fn before_commit(&mut self, _out: &mut Out) {}

    fn positions(&self) -> &[i64] {
        &self.positions
    }

    fn wants(&self, _input: usize) -> bool {
        true
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(&self.counts)
            .map_err(|error| StoreError::new("writing a snapshot", error))
    }
}

/// So many records into each partition of both topics.
async fn fill(settings: &KafkaSettings, records: usize) {
    let producer: BaseProducer = settings.producer("test").create().unwrap();
    for spec in [StrategySignals::SPEC, MarketDataUpdates::SPEC] {
        let topic = settings.topic(spec.name);
        for partition in 0..spec.partitions {
            for _ in 0..records {
                let record = BaseRecord::<str, str>::to(&topic)
                    .partition(partition)
                    .payload("x");
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
        }
    }
    tokio::task::spawn_blocking(move || producer.flush(stage::DEADLINE))
        .await
        .unwrap()
        .unwrap();
}

/// Counts of each input as they were told, in order.
async fn told(settings: &KafkaSettings) -> BTreeMap<String, Vec<u64>> {
    let spec = TradeExecutions::SPEC;
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in stage::read_all(settings, spec.name, spec.partitions, "read_committed").await {
        let execution: TradeExecution = envelope::decode(message.payload()).unwrap().data;
        let count = execution.quantity.try_into().unwrap();
        told.entry(execution.symbol).or_default().push(count);
    }
    told
}

async fn follow(settings: &KafkaSettings) {
    let specs = [
        StrategySignals::SPEC,
        MarketDataUpdates::SPEC,
        TradeExecutions::SPEC,
    ];
    let topics = specs.map(|spec| (spec.name, spec.partitions));
    stage::create_topics(settings, &topics).await;
    let store = Arc::new(MemoryStore::<()>::default());
    let stop = CancellationToken::new();
    let start = |instance: &str| {
        let settings = KafkaSettings {
            instance_id: instance.to_owned(),
            ..settings.clone()
        };
        processor::spawn(&settings, Following, store.clone(), stop.clone()).task
    };
    let complete = async |records: u64| {
        let all: Vec<u64> = (1..=records).collect();
        stage::eventually("every record of every input, once, in order", || async {
            let told = told(settings).await;
            told.len() == 12 && told.values().all(|counts| counts.len() >= all.len())
        })
        .await;
        let told = told(settings).await;
        assert!(told.values().all(|counts| *counts == all), "{told:?}");
    };
    fill(settings, 20).await;
    let first = start("first");
    complete(20).await;
    let second = start("second");
    for round in 2..=4 {
        fill(settings, 20).await;
        complete(20 * round).await;
    }
    stop.cancel();
    first.await.unwrap();
    second.await.unwrap();
}

#[tokio::test]
async fn partitions_follow_their_primary_one() {
    let own = test_support::isolated().await;
    let settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    follow(&settings).await;
}

#[tokio::test]
async fn partitions_follow_their_primary_one_with_kip_848() {
    let own = test_support::isolated().await;
    let mut settings = stage::settings(&own.kafka, &own.topic_prefix, &own.group_prefix);
    settings.group_protocol = GroupProtocol::Consumer;
    follow(&settings).await;
}
