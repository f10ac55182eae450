//! From a tick to an execution that can be read, and to a page that is pushed it, on a real log.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{DateTime, TimeDelta};
use coinbase::market::MarketConfig;
use coinbase::simulator::{Simulator, SimulatorConfig};
use kafka_common::envelope;
use kafka_common::messages::{MarketDataUpdate, RecordKind, StrategySignal, TradeExecution};
use kafka_common::topics::{StrategySignals, TradeExecutions};
use kafka_common::{KafkaProducer, KafkaSettings, MarketDataService, Topic, Topics};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::json;
use service_kit::Role;
use service_kit::auth::GUEST;
use service_kit::settings::{FeedSource, Purpose};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::page;
use crate::api::{Api, NewSession};
use crate::cli;
use crate::commands::bench::figure::quantile;
use crate::given::Given;
use crate::output;
use crate::platform::{Feed, Platform};

const READY: Duration = Duration::from_secs(60);
/// A signal at every so many ticks.
const EVERY: u64 = 10;
/// Ticks that aren't counted: connections are made, caches filled.
const WARM_UP: u64 = 2_000;
const DRAIN: Duration = Duration::from_secs(5);
const GOALS_EXECUTION_MS: [f64; 2] = [20.0, 60.0];
const GOALS_PAGE_MS: [f64; 2] = [35.0, 100.0];

/// Buys above a price, and sells below it.
const STRATEGY: &str = r#"strategy("bench")
if close > 50000:
    buy(size=units(0.001))
if close < 50000:
    sell()
"#;

/// Milliseconds from one point to another.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// What half, and what 99 of a hundred shall not exceed, in milliseconds.
    pub(super) goals: Option<[f64; 2]>,
    millis: Vec<f64>,
}

impl Stage {
    pub(super) fn quantile(&self, part: f64) -> f64 {
        quantile(&self.millis, part)
    }
}

/// Publishes ticks at a steady rate, and follows them.
pub(super) async fn measure(
    kafka: &str,
    database: &str,
    rate: u32,
    seconds: u32,
) -> anyhow::Result<Vec<Stage>> {
    let mut settings = cli::settings(Purpose::Tool)?;
    if std::env::var_os("ALGOTRADE__LOG__FILTER").is_none() {
        settings.log.filter = "error".to_owned();
    }
    coinbase::client::install_crypto_provider();
    let given = Given::prepare("bench", kafka, database, None, &mut settings).await?;
    // market-data has a feed that says nothing: the ticks are ours.
    let mut config = SimulatorConfig::market(MarketConfig::default());
    config.hold = true;
    let simulator = Simulator::start(config).await?;
    Feed {
        websocket_url: simulator.ws_url(),
        rest_url: simulator.rest_url(),
        source: FeedSource::Simulator,
    }
    .enter(&mut settings);
    settings.feed.products = vec!["BTC-USD".to_owned()];
    settings.feed.stale_after_seconds = 0;
    settings.auth.secret = format!("{0}{0}", Uuid::new_v4().simple()).into();
    let kafka = settings.kafka.clone();
    let shutdown = CancellationToken::new();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let platform = Platform::start(settings, listen, false, false, shutdown.clone()).await?;
    let outcome = follow(&platform, &kafka, rate, seconds).await;
    shutdown.cancel();
    platform.ended().await?;
    simulator.shutdown().await;
    given.remove(&kafka).await?;
    outcome
}

async fn follow(
    platform: &Platform,
    kafka: &KafkaSettings,
    rate: u32,
    seconds: u32,
) -> anyhow::Result<Vec<Stage>> {
    platform.ready(READY).await?;
    let token = platform.context.auth.issue(GUEST, Role::User);
    let token = token.map_err(|problem| anyhow::anyhow!("{}", problem.detail))?;
    let url = format!("http://127.0.0.1:{}", platform.address.port());
    let page_token = token.token.clone();
    let api = Api::new(platform.context.http.clone(), url, token.token);
    let strategy_id = api
        .create_strategy("bench", "script", &json!(STRATEGY))
        .await?;
    let session = api
        .create_session(&NewSession {
            strategy_id,
            name: "bench",
            symbol: "BTC-USD",
            cash: Decimal::from(1_000_000),
            fee: Decimal::ZERO,
            key: "bench",
            terms: "",
        })
        .await?;
    api.wait_for(session.id, "RUNNING", READY).await?;

    let end = CancellationToken::new();
    let signals = reader(kafka, StrategySignals, &end, |message| {
        let headers = message.headers()?;
        let kind = headers
            .iter()
            .find(|header| header.key == RecordKind::HEADER)?;
        if kind.value != Some(RecordKind::Signal.as_str().as_bytes()) {
            return None;
        }
        let signal: StrategySignal = decoded(message)?;
        Some((signal.signal_id?, signal.cause?.offset))
    })?;
    let executions = reader(kafka, TradeExecutions, &end, |message| {
        let execution: TradeExecution = decoded(message)?;
        Some((execution.signal_id?, 0))
    })?;
    let address = format!(
        "ws://127.0.0.1:{}/connection/websocket",
        platform.address.port()
    );
    let page = page::watch(&address, &page_token, &end).await?;
    let ticks = u64::from(rate) * u64::from(seconds) + WARM_UP;
    output::note(&format!("{ticks} ticks at {rate} a second"));
    let published = publish(kafka, rate, ticks).await?;
    tokio::time::sleep(DRAIN).await;
    end.cancel();
    stages(
        &published,
        signals.try_iter(),
        executions.try_iter(),
        page.try_iter().collect(),
    )
}

fn decoded<T: DeserializeOwned>(message: &BorrowedMessage<'_>) -> Option<T> {
    Some(envelope::decode::<T>(message.payload()).ok()?.data)
}

/// When a tick was handed to the client, and when the broker had it.
#[derive(Debug, Clone, Copy)]
struct Published {
    sent: Instant,
    acknowledged: Instant,
}

async fn publish(
    kafka: &KafkaSettings,
    rate: u32,
    ticks: u64,
) -> anyhow::Result<HashMap<i64, Published>> {
    let producer = KafkaProducer::<MarketDataService>::start(kafka)?;
    let began = DateTime::from_timestamp(1_767_571_200, 0).context("a time of this century")?;
    let every = Duration::from_secs(1) / rate;
    let started = Instant::now();
    let mut deliveries = Vec::new();
    for number in 0..ticks {
        let due = started + every * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep_until(due.into()).await;
        let high = (number / EVERY).is_multiple_of(2);
        let cents = if high { 5_000_100 } else { 4_999_900 } + number % 7;
        let millis = i64::try_from(number).unwrap_or_default();
        let tick = MarketDataUpdate {
            symbol: "BTCUSD".to_owned(),
            price: Decimal::new(i64::try_from(cents)?, 2),
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
        let sent = Instant::now();
        let topic = Topics::MARKET_DATA_UPDATES;
        let pending = producer.enqueue_message(topic, &tick, "BTCUSD").await?;
        deliveries.push(tokio::spawn(async move {
            let delivered = pending.wait().await?;
            anyhow::Ok((delivered.offset, sent, Instant::now()))
        }));
    }
    let mut published = HashMap::new();
    for delivery in deliveries {
        let (offset, sent, acknowledged) = delivery.await??;
        published.insert(offset, Published { sent, acknowledged });
    }
    // Every delivery has been waited for: there is nothing to lose.
    let _ = producer.stop(DRAIN).await;
    Ok(published)
}

/// What a reader saw, and when.
type Seen = (Uuid, i64, Instant);

/// Reads a topic from its end, as any reader downstream does, on a thread of its own.
fn reader<T: Topic>(
    kafka: &KafkaSettings,
    _topic: T,
    end: &CancellationToken,
    look: impl Fn(&BorrowedMessage<'_>) -> Option<(Uuid, i64)> + Send + 'static,
) -> anyhow::Result<mpsc::Receiver<Seen>> {
    let mut config = kafka.admin();
    config
        .set("group.id", "bench-reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create()?;
    let mut assignment = TopicPartitionList::new();
    let topic = kafka.topic(T::SPEC.name);
    for partition in 0..T::SPEC.partitions {
        assignment.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (sender, receiver) = mpsc::channel();
    let end = end.clone();
    std::thread::spawn(move || {
        while !end.is_cancelled() {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100))
                && let Some((id, offset)) = look(&message)
                && sender.send((id, offset, Instant::now())).is_err()
            {
                return;
            }
        }
    });
    Ok(receiver)
}

fn stages(
    published: &HashMap<i64, Published>,
    signals: impl Iterator<Item = Seen>,
    executions: impl Iterator<Item = Seen>,
    pushed: HashMap<Uuid, Instant>,
) -> anyhow::Result<Vec<Stage>> {
    let executed: HashMap<Uuid, Instant> = executions.map(|(id, _, at)| (id, at)).collect();
    let stage = |name, goals| Stage {
        name,
        goals,
        millis: Vec::new(),
    };
    let mut to_broker = stage("tick sent to acknowledged", None);
    let mut to_signal = stage("tick acknowledged to signal readable", None);
    let mut to_execution = stage("signal readable to execution readable", None);
    let mut traded = stage(
        "tick acknowledged to execution readable",
        Some(GOALS_EXECUTION_MS),
    );
    let mut to_page = stage("execution readable to pushed to a page", None);
    let mut shown = stage("tick sent to pushed to a page", Some(GOALS_PAGE_MS));
    let millis =
        |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1_000.0;
    let (mut signalled, mut unanswered) = (0, 0);
    for (id, offset, at) in signals {
        let Some(tick) = published.get(&offset).filter(|_| offset >= WARM_UP as i64) else {
            continue;
        };
        signalled += 1;
        let Some(executed) = executed.get(&id) else {
            unanswered += 1;
            continue;
        };
        to_broker.millis.push(millis(tick.sent, tick.acknowledged));
        to_signal.millis.push(millis(tick.acknowledged, at));
        to_execution.millis.push(millis(at, *executed));
        traded.millis.push(millis(tick.acknowledged, *executed));
        let pushed = pushed.get(&id).context("the page missed an execution")?;
        to_page.millis.push(millis(*executed, *pushed));
        shown.millis.push(millis(tick.sent, *pushed));
    }
    // The last signal's order waits for a tick that doesn't come.
    if signalled < 10 || unanswered > 1 {
        bail!("{signalled} signals, of which {unanswered} have no execution");
    }
    output::note(&format!("{signalled} signals"));
    Ok(vec![
        to_broker,
        to_signal,
        to_execution,
        traded,
        to_page,
        shown,
    ])
}
