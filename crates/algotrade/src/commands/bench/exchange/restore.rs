//! How long forward-test takes to restore its sessions.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{DateTime, TimeDelta, Utc};
use kafka_common::Topics;
use kafka_common::messages::{
    Cause, MarketDataUpdate, QuantityType, RecordKind, SessionStart, Signal, SignalAction,
    SignalMarketData, StrategySignal,
};
use kafka_common::partitioner::{market_data_partition, signals_partition};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::{
    ForwardTestService, KafkaProducer, KafkaSettings, MarketDataService, Service as _, Topic as _,
    admin, envelope,
};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rust_decimal::Decimal;
use service_kit::settings::Purpose;
use service_kit::{Context, Settings};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli;
use crate::given::Given;
use crate::output;

const SYMBOL: &str = "BTCUSD";
const TICKS: u64 = 2_000;
const WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// Seconds from the start of the service until it is ready, its sessions restored.
pub(super) async fn measure(kafka: &str, database: &str, sessions: u32) -> anyhow::Result<f64> {
    let mut settings = cli::settings(Purpose::Tool)?;
    coinbase::client::install_crypto_provider();
    let given = Given::prepare("bench", kafka, database, None, &mut settings).await?;
    settings.kafka.instance_id = "0".to_owned();
    settings.kafka.snapshot_interval_ms = 200;
    settings.auth.secret = format!("{0}{0}", Uuid::new_v4().simple()).into();
    let outcome = restored(&settings, sessions).await;
    given.remove(&settings.kafka).await?;
    outcome
}

async fn restored(settings: &Settings, sessions: u32) -> anyhow::Result<f64> {
    let kafka = &settings.kafka;
    admin::set_up_topics(kafka).await?;
    output::note(&format!("{sessions} sessions, {TICKS} ticks"));
    write_log(kafka, sessions).await?;
    let first = Running::start(settings).await?;
    applied(&first, kafka).await?;
    let database = first.context.database.clone();
    snapshot(&database).await?;
    first.stop().await?;

    let started = Instant::now();
    let second = Running::start(settings).await?;
    second.ready().await?;
    let seconds = started.elapsed().as_secs_f64();
    second.stop().await?;
    Ok(seconds)
}

/// forward-test, in this process and without HTTP.
struct Running {
    context: Context,
    shutdown: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let shutdown = CancellationToken::new();
        let context = Context::connect(settings.clone(), shutdown.clone(), false).await?;
        let service = forward_test::start(context.clone()).await?;
        Ok(Self {
            context,
            shutdown,
            tasks: service.tasks,
        })
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let problems = self.context.health.problems().await;
            if problems.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("not ready after {WITHIN:?}: {problems:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        for task in self.tasks {
            task.await?;
        }
        self.context.database.close().await;
        Ok(())
    }
}

fn began() -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp(1_767_571_200, 0).context("a time of this century")
}

/// Starts of sessions, ticks, and how far they are evaluated.
async fn write_log(kafka: &KafkaSettings, sessions: u32) -> anyhow::Result<()> {
    let ticks = KafkaProducer::<MarketDataService>::start(kafka)?;
    let began = began()?;
    let mut pending = Vec::new();
    for number in 0..TICKS {
        let millis = i64::try_from(number * 100).unwrap_or_default();
        let tick = MarketDataUpdate {
            symbol: SYMBOL.to_owned(),
            price: Decimal::new(5_000_000 + i64::try_from(number % 97)?, 2),
            volume: Decimal::new(15, 2),
            timestamp: began + TimeDelta::milliseconds(millis),
            source: "simulator".to_owned(),
            trade_id: Some(number + 1),
            sequence: None,
            side: None,
            bid: None,
            ask: None,
            quote_age_ms: None,
            backfilled: false,
            gap: None,
        };
        let topic = Topics::MARKET_DATA_UPDATES;
        pending.push(ticks.enqueue_message(topic, &tick, SYMBOL).await?);
    }
    for delivery in pending {
        delivery.wait().await?;
    }
    // Every delivery has been waited for: there is nothing to lose.
    let _ = ticks.stop(WITHIN).await;
    let producer: FutureProducer = kafka.producer("bench").create()?;
    for number in 0..sessions {
        let id = Uuid::from_u128(u128::from(number) + 1);
        send(&producer, kafka, RecordKind::Start, id, -1).await?;
        let bought = Uuid::new_v5(&id, b"buy");
        let order = record(RecordKind::Signal, id, bought, 100)?;
        deliver(&producer, kafka, RecordKind::Signal, &order).await?;
    }
    let last = i64::try_from(TICKS)? - 1;
    send(&producer, kafka, RecordKind::Progress, Uuid::nil(), last).await
}

async fn send(
    producer: &FutureProducer,
    kafka: &KafkaSettings,
    kind: RecordKind,
    session: Uuid,
    offset: i64,
) -> anyhow::Result<()> {
    let id = Uuid::new_v5(&session, kind.as_str().as_bytes());
    deliver(producer, kafka, kind, &record(kind, session, id, offset)?).await
}

fn record(
    kind: RecordKind,
    session_id: Uuid,
    id: Uuid,
    offset: i64,
) -> anyhow::Result<StrategySignal> {
    let buys = kind == RecordKind::Signal;
    Ok(StrategySignal {
        session_id,
        strategy_id: Uuid::nil(),
        signal: Signal {
            action: match buys {
                true => SignalAction::Buy,
                false => SignalAction::Hold,
            },
            quantity: match buys {
                true => Decimal::new(1, 2),
                false => Decimal::ZERO,
            },
            reason: "bench".to_owned(),
            quantity_type: QuantityType::Units,
        },
        market_data: SignalMarketData {
            symbol: SYMBOL.to_owned(),
            price: Decimal::ZERO,
        },
        signal_id: Some(id),
        user_id: Some("bench".to_owned()),
        order_type: None,
        order: None,
        cause: Some(Cause {
            partition: market_data_partition(SYMBOL),
            offset,
            trade_id: None,
            timestamp: Some(began()?),
        }),
        place: None,
        start: (kind == RecordKind::Start).then(|| SessionStart {
            initial_balance: Decimal::from(100_000),
            fee_rate: Decimal::new(1, 3),
            terms: None,
        }),
    })
}

async fn deliver(
    producer: &FutureProducer,
    kafka: &KafkaSettings,
    kind: RecordKind,
    record: &StrategySignal,
) -> anyhow::Result<()> {
    let value = envelope::encode("strategy", Utc::now(), record)?;
    let topic = kafka.topic(StrategySignals::SPEC.name);
    let headers = OwnedHeaders::new().insert(Header {
        key: RecordKind::HEADER,
        value: Some(kind.as_str()),
    });
    let message = FutureRecord::to(&topic)
        .key(SYMBOL)
        .payload(&value)
        .headers(headers);
    let sent = producer.send(message, WITHIN).await;
    sent.map_err(|(error, _)| error)?;
    Ok(())
}

/// Waits until forward-test has applied the ticks.
async fn applied(running: &Running, kafka: &KafkaSettings) -> anyhow::Result<()> {
    let topic = MarketDataUpdates::SPEC;
    let partition = usize::try_from(market_data_partition(SYMBOL))?;
    let deadline = Instant::now() + WITHIN;
    running.ready().await?;
    loop {
        let group = ForwardTestService::GROUP;
        let offsets = admin::committed_offsets(kafka, group, topic.name, topic.partitions).await?;
        let applied = offsets.get(partition).copied().flatten();
        if applied.is_some_and(|offset| offset >= i64::try_from(TICKS).unwrap_or(i64::MAX)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("forward-test has applied {applied:?} of {TICKS} ticks");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a snapshot has all of it.
async fn snapshot(database: &PgPool) -> anyhow::Result<()> {
    let deadline = Instant::now() + WITHIN;
    let unit = signals_partition(market_data_partition(SYMBOL));
    loop {
        let positions: Option<Vec<i64>> =
            sqlx::query_scalar("SELECT positions FROM forward_test.snapshots WHERE unit = $1")
                .bind(unit)
                .fetch_optional(database)
                .await?;
        let ticks = i64::try_from(TICKS)?;
        if positions.is_some_and(|positions| positions.contains(&ticks)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("no snapshot has all ticks");
        }
        tokio::time::sleep(POLL).await;
    }
}
