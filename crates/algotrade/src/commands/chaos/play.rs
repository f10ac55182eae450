//! One run of the recording through the four services.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use coinbase::simulator::Speed;
use forward_test::verify::Report as Verified;
use indicatif::ProgressBar;
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{ForwardTestService, KafkaSettings, Service as _, Topic as _, admin};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use service_kit::settings::AuthSettings;
use service_kit::{Auth, Role};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::ledgers::{self, Ledgers};
use super::plan::{Target, Trouble};
use super::servers::{Part, Servers};
use super::stack::Stack;
use crate::api::{Api, NewSession};
use crate::commands::verify::verify_session;
use crate::demo;

const USER: &str = "chaos";
const STARTING: Duration = Duration::from_secs(90);
/// How long nothing may move before a run is taken for stuck.
const STUCK: Duration = Duration::from_secs(90);

/// Exits that the exchange takes by itself.
const BRACKETS: &str = r#"strategy("brackets")
if crosses_above(ema(close, 5), ema(close, 21)):
    buy(size=percent_of_equity(30))
    stop_loss(percent=0.15)
    take_profit(percent=[0.1, 0.2])
"#;

/// A stop that follows the price: what it is at depends on every trade.
const BREAKOUT: &str = r#"strategy("breakout")
if donchian(20).upper[1] < close:
    buy(size=percent_of_cash(20))
    stop_loss(percent=0.2, trailing=0.3)
if donchian(20).lower[1] > close:
    sell(size=percent_of_position(50))
"#;

/// A market that isn't kind: part of the volume, late, with slippage, two fees, and limits.
const UNKIND: &str = r#","fill_model":{"kind":"volume","share":0.5,"queue":0.01},
    "fees":{"preset":"coinbase"},"latency":{"kind":"uniform","min_ms":20,"max_ms":900,"seed":5},
    "slippage":{"kind":"square_root","rate":0.001},
    "risk":{"max_orders_per_minute":20,"max_drawdown":60}"#;
/// Quotes are left out: a trade that is fetched afterwards, because market-data was down when it
/// happened, comes without bid and ask, so that the log itself is another one.
const FIFO: &str = r#","cost_method":"fifo","latency":{"kind":"fixed","ms":250},
    "slippage":{"kind":"proportional","rate":0.0001}"#;

/// What is run, and where.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) part: &'a Part,
    pub(super) recording: &'a Path,
    pub(super) speed: Speed,
    pub(super) binaries: &'a Path,
    pub(super) logs: &'a Path,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ledgers: Ledgers,
    pub(super) verified: Vec<Verified>,
    pub(super) elapsed: Duration,
    /// From the last trouble until everything was applied.
    pub(super) catching_up: Duration,
    /// Troubles that came while the recording was played.
    pub(super) during: usize,
    /// Services that ended by themselves.
    pub(super) ended: Vec<String>,
}

impl Run<'_> {
    /// Plays the recording, and does what the plan says meanwhile.
    pub(super) async fn play(
        &self,
        servers: &mut Servers,
        plan: &[Trouble],
        progress: &ProgressBar,
    ) -> anyhow::Result<Outcome> {
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let (part, recording) = (self.part, self.recording);
        let starting = Stack::start(
            part,
            recording,
            self.speed,
            self.binaries,
            self.logs,
            &secret,
        );
        let mut stack = starting.await?;
        let auth = Auth::new(&AuthSettings {
            secret: secret.into(),
            ..AuthSettings::default()
        });
        let client = |stack: &Stack, service: &str| {
            let token = auth.issue(USER, Role::User);
            let token = token.map_err(|problem| anyhow::anyhow!("{}", problem.detail))?;
            anyhow::Ok(Api::new(
                stack.http.clone(),
                stack.url(service),
                token.token,
            ))
        };
        let strategies = client(&stack, "strategy")?;
        let api = client(&stack, "forward-test")?;
        let sessions = start_sessions(&strategies, &api).await?;
        let started = Instant::now();
        stack.simulator.release();
        let mut during = 0;
        for trouble in plan {
            tokio::time::sleep(trouble.wait).await;
            during += usize::from(!is_over(&stack).await);
            match trouble.target {
                Target::Service(service) => stack.disturb(service, trouble.act).await?,
                target => servers.disturb(target, trouble.act).await?,
            }
            progress.inc(1);
        }
        let calm = Instant::now();
        stack.ready().await?;
        stack.simulator.finished().await;
        let trades = stack.simulator.summary();
        let trades = trades.map_or(0, coinbase::recording::Summary::trades);
        caught_up(&mut stack, &self.part.kafka, trades).await?;
        let (catching_up, elapsed) = (calm.elapsed(), started.elapsed());
        // Tokens don't last for ever.
        let api = client(&stack, "forward-test")?;
        for id in &sessions {
            api.stop_session(*id).await?;
        }
        for id in &sessions {
            api.wait_for(*id, "STOPPED", STARTING).await?;
        }
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(&self.part.database_url)
            .await?;
        let mut verified = Vec::new();
        for id in &sessions {
            verified.extend(verify_session(&self.part.kafka, &pool, *id).await?);
        }
        pool.close().await;
        let ended = std::mem::take(&mut stack.ended);
        stack.stop().await?;
        Ok(Outcome {
            ledgers: ledgers::read(&self.part.kafka).await?,
            verified,
            elapsed,
            catching_up,
            during,
            ended,
        })
    }
}

async fn is_over(stack: &Stack) -> bool {
    let look = Duration::from_millis(1);
    tokio::time::timeout(look, stack.simulator.finished())
        .await
        .is_ok()
}

/// Starts the sessions; their ids are the same in every run.
async fn start_sessions(strategies: &Api, sessions: &Api) -> anyhow::Result<Vec<Uuid>> {
    let (_, graph) = demo::crossover()?;
    let script = |text: &str| ("script", json!(text));
    let wanted: [(&str, (&str, Value), &str, &str); 7] = [
        ("crossover BTC", ("graph", graph.clone()), "BTC-USD", ""),
        ("crossover ETH", ("graph", graph.clone()), "ETH-USD", ""),
        ("crossover SOL", ("graph", graph.clone()), "SOL-USD", ""),
        ("unkind", ("graph", graph.clone()), "BTC-USD", UNKIND),
        ("fifo", ("graph", graph), "ETH-USD", FIFO),
        ("brackets", script(BRACKETS), "ETH-USD", UNKIND),
        ("breakout", script(BREAKOUT), "SOL-USD", ""),
    ];
    let mut ids = Vec::new();
    for (name, (kind, source), symbol, terms) in wanted {
        let strategy_id = strategies.create_strategy(name, kind, &source).await?;
        let new = NewSession {
            strategy_id,
            name,
            symbol,
            cash: Decimal::from(100_000),
            fee: Decimal::new(1, 3),
            key: name,
            terms,
        };
        let id = sessions.create_session(&new).await?.id;
        ids.push(sessions.wait_for(id, "RUNNING", STARTING).await?.id);
    }
    Ok(ids)
}

/// Waits until all trades are in the log and forward-test has applied them.
async fn caught_up(stack: &mut Stack, kafka: &KafkaSettings, trades: u64) -> anyhow::Result<()> {
    let topic = MarketDataUpdates::SPEC;
    let mut last = ((0, 0), Instant::now());
    loop {
        stack.ready().await?;
        let ends = admin::watermarks(kafka, topic.name, topic.partitions).await?;
        let group = ForwardTestService::GROUP;
        let applied = admin::committed_offsets(kafka, group, topic.name, topic.partitions).await?;
        let published: i64 = ends.iter().map(|(first, end)| end - first).sum();
        let behind = ends.iter().zip(&applied);
        let behind = behind.map(|((first, end), applied)| end - applied.unwrap_or(*first));
        let behind: i64 = behind.sum();
        if u64::try_from(published).unwrap_or_default() >= trades && behind == 0 {
            return Ok(());
        }
        if last.0 != (published, behind) {
            last = ((published, behind), Instant::now());
        } else if last.1.elapsed() > STUCK {
            bail!(
                "nothing has moved for {STUCK:?}: {published} of {trades} trades are in the log, \
                 forward-test is {behind} behind"
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
