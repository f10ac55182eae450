//! From the socket to Kafka's acknowledgement: how many trades a second, how late a trade is, and
//! what memory it takes. The simulator runs in this process, market-data in its own, Kafka where it
//! runs.

use std::time::Duration;

use anyhow::Context as _;
use coinbase::ProductId;
use coinbase::market::{Character, MarketConfig, MarketProduct};
use coinbase::simulator::{Simulator, SimulatorConfig, Speed};
use kafka_common::admin;
use rust_decimal::Decimal;
use service_kit::Settings;
use service_kit::settings::Purpose;
use uuid::Uuid;

use super::latency::{self, Latencies};
use super::replica::{Replica, program};
use crate::commands::bench::figure::{Figure, Goal, quantile};
use crate::given;
use crate::{cli, output};

/// Trades a second, simulator and broker included.
const GOAL_RATE: f64 = 60_000.0;
/// So much of the trades comes before the clock starts.
const WARM_UP: f64 = 0.1;
/// Where the memory is looked at, in parts of the trades.
const LOOKS: [f64; 4] = [0.25, 0.5, 0.75, 1.0];
/// What memory may grow by from the first look to the last.
const GOAL_GROWTH: f64 = 1.1;
/// Trades a second, and for how long, where their lateness is measured.
const LATENCY_RATE: f64 = 1_000.0;
const LATENCY_SECONDS: u64 = 20;
/// Products that one replica is to carry, and what it may take for them.
const PRODUCTS: usize = 300;
const GOAL_MEMORY: f64 = 150.0;
/// Trades of each, one in 20 s: so the ticks and the candles of up to a minute fill their rings, as
/// they have after a day.
const TRADES_OF_EACH: u64 = 3_400;

/// Where it runs.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) kafka: &'a str,
    pub(super) database: &'a str,
    pub(super) redis: Option<&'a str>,
    /// Trades of the long run.
    pub(super) trades: u64,
}

/// All figures, on topics and a database of their own.
pub(super) async fn figures(given: &Given<'_>) -> anyhow::Result<Vec<Figure>> {
    if !program()?.exists() {
        output::note("left out: socket to Kafka (market-data isn't built beside this program)");
        return Ok(Vec::new());
    }
    let mut settings = cli::settings(Purpose::Tool)?;
    settings.auth.secret = format!("a secret of this call only: {}", Uuid::new_v4()).into();
    let servers = given::Given::prepare(
        "bench",
        given.kafka,
        given.database,
        given.redis,
        &mut settings,
    )
    .await?;
    let outcome = measure(&settings, given.trades).await;
    servers.remove(&settings.kafka).await?;
    outcome
}

async fn measure(settings: &Settings, trades: u64) -> anyhow::Result<Vec<Figure>> {
    let mut bulk = settings.clone();
    // As for a replay, which loads in bulk.
    bulk.kafka.max_batch_size = 131_072;
    let mut figures = on_own_topics(&bulk, "fast.", async |settings| {
        throughput(settings, trades).await
    })
    .await?;
    figures.extend(on_own_topics(settings, "late.", lateness).await?);
    figures.extend(on_own_topics(&bulk, "many.", many_products).await?);
    Ok(figures)
}

/// Runs something that begins with an empty log.
async fn on_own_topics<T>(
    settings: &Settings,
    name: &str,
    run: impl AsyncFnOnce(&Settings) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut settings = settings.clone();
    settings.kafka.topic_prefix.push_str(name);
    admin::set_up_topics(&settings.kafka).await?;
    let outcome = run(&settings).await;
    admin::delete_topics(&settings.kafka).await?;
    outcome
}

/// As fast as it goes: trades a second, and the memory along the way.
async fn throughput(settings: &Settings, trades: u64) -> anyhow::Result<Vec<Figure>> {
    output::note(&format!("{trades} trades through a socket to Kafka"));
    let market = MarketConfig {
        // A busy second: what comes beside the trades, the heartbeats, comes by the second.
        trades_per_second: 10_000.0,
        ..MarketConfig::default()
    };
    let simulator = Simulator::start(SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        ..SimulatorConfig::market(market)
    })
    .await?;
    let replica = Replica::start(settings, &simulator).await?;
    simulator.release();
    let at = |part: f64| (trades as f64 * part) as u64;
    let (began, first) = replica.until_published(at(WARM_UP)).await?;
    let before = replica.processor();
    let mut memory = Vec::new();
    let mut ended = (began, first);
    for part in LOOKS {
        ended = replica.until_published(at(part)).await?;
        memory.extend(replica.memory());
    }
    let after = replica.processor();
    replica.end().await?;
    simulator.shutdown().await;
    let seconds = (ended.0 - began).as_secs_f64();
    let looks: Vec<String> = memory.iter().map(|mb| format!("{mb:.0}")).collect();
    output::note(&format!(
        "memory along the way, in MB: {}",
        looks.join(", ")
    ));
    let counted = (ended.1 - first) as f64;
    let mut figures = vec![Figure {
        name: "socket to Kafka's acknowledgement".to_owned(),
        value: counted / seconds,
        unit: "trades/s",
        baseline: None,
        goal: Some(Goal::AtLeast(GOAL_RATE)),
    }];
    // A busy machine makes little difference to it.
    if let (Some(before), Some(after)) = (before, after) {
        figures.push(Figure {
            name: "market-data's processor time for a trade".to_owned(),
            value: (after - before).as_secs_f64() * 1e6 / counted,
            unit: "us",
            baseline: None,
            goal: None,
        });
    }
    if let (Some(early), Some(late)) = (memory.first(), memory.last()) {
        figures.push(Figure {
            name: format!("memory after {trades} trades, to that after a quarter"),
            value: *late,
            unit: "MB",
            baseline: Some(*early),
            goal: Some(Goal::RatioAtMost(GOAL_GROWTH)),
        });
    }
    Ok(figures)
}

/// A market by the clock: how much later than at a plain client a trade is in Kafka.
async fn lateness(settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    output::note(&format!("{LATENCY_RATE} trades a second, by the clock"));
    let mut market = MarketConfig::default();
    market.trades_per_second = LATENCY_RATE / market.products.len() as f64;
    let simulator = Simulator::start(SimulatorConfig {
        hold: true,
        ..SimulatorConfig::market(market)
    })
    .await?;
    let replica = Replica::start(settings, &simulator).await?;
    let Latencies {
        milliseconds,
        unread,
    } = latency::measure(
        &settings.kafka,
        &simulator,
        Duration::from_secs(LATENCY_SECONDS),
    )
    .await?;
    replica.end().await?;
    simulator.shutdown().await;
    anyhow::ensure!(unread == 0, "{unread} trades didn't arrive in Kafka");
    let linger = f64::from(settings.kafka.linger_ms);
    let figure = |name: &str, part, goal| Figure {
        name: format!("added latency at {LATENCY_RATE} trades/s, {name}"),
        value: quantile(&milliseconds, part),
        unit: "ms",
        baseline: None,
        goal: Some(Goal::AtMost(goal)),
    };
    Ok(vec![
        figure("p50", 0.5, linger + 2.0),
        figure("p99", 0.99, linger + 10.0),
    ])
}

/// Many products with full rings.
async fn many_products(settings: &Settings) -> anyhow::Result<Option<Figure>> {
    output::note(&format!("{PRODUCTS} products on one replica"));
    let simulator = Simulator::start(SimulatorConfig {
        speed: Speed::AsFastAsClientReads,
        hold: true,
        ..SimulatorConfig::market(wide_market()?)
    })
    .await?;
    let replica = Replica::start(settings, &simulator).await?;
    simulator.release();
    replica
        .until_published(TRADES_OF_EACH * PRODUCTS as u64)
        .await?;
    let memory = replica.memory();
    replica.end().await?;
    simulator.shutdown().await;
    Ok(memory.map(|memory| Figure {
        name: format!("memory of one replica with {PRODUCTS} products"),
        value: memory,
        unit: "MB",
        baseline: None,
        goal: Some(Goal::AtMost(GOAL_MEMORY)),
    }))
}

fn wide_market() -> anyhow::Result<MarketConfig> {
    let product = |number: usize| {
        let id = format!("C{number}-USD");
        Some(MarketProduct {
            id: ProductId::parse(&id).ok()?,
            price: Decimal::new(100_000 + 977 * i64::try_from(number).ok()?, 2),
            price_decimals: 2,
            size_decimals: 8,
            typical_size: Decimal::new(50_000_000, 8),
            volatility_bps: 1.0,
            character: Character::default(),
        })
    };
    let products: Option<Vec<MarketProduct>> = (0..PRODUCTS).map(product).collect();
    Ok(MarketConfig {
        trades_per_second: 0.05,
        products: products.context("the products' names can't be")?,
        ..MarketConfig::default()
    })
}
