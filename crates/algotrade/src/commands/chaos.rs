//! `algotrade chaos`: the platform's promise, tried on processes that are killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use coinbase::market::{self, MarketConfig, Until};
use coinbase::simulator::Speed;
use kafka_common::Delivery;
use serde::Serialize;

use crate::{cli, output};

mod broker;
mod ledgers;
mod plan;
mod play;
mod servers;
mod stack;

use ledgers::Comparison;
use play::{Outcome, Run};
use servers::Servers;

/// The replay is slowed down so that it takes this much longer than the troubles are expected to:
/// they shall not outlast it.
const LONGER: f64 = 1.15;

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade chaos --kills 10 --trades 5000\n  \
    algotrade chaos --seed 7 --json\n  \
    algotrade chaos --embedded --kills 50 --trades 20000\n\n\
    Starts a Kafka, a Postgres and a Redis of its own (as the tests do: see `make test`), and the\n\
    four services as processes. A recording of a random market is replayed twice: undisturbed, and\n\
    while services, broker, database and cache are killed (SIGKILL), stalled (SIGSTOP, up to longer\n\
    than the group waits for a member) and restarted. At the end `trade-executions` and\n\
    `forward-test-events` (read committed) of both runs must be the same, byte for byte but for the\n\
    clock's time at which a session began, each signal must be in `strategy-signals` once, and every\n\
    session must pass `algotrade verify`.\n\n\
    What goes wrong, and when, is the seed's; what it meets is the machine's.\n\n\
    With --embedded the broker is the one of `algotrade up`, in this process: it is restarted where\n\
    a Kafka would be killed or stalled. It has no transactions, so an output may be there again;\n\
    that is counted, and must say the same.\n\n\
    Exit code: 0; 1 if anything was lost, doubled or is different, or a run got stuck.")]
pub(crate) struct Arguments {
    /// How often something goes wrong.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    kills: u64,
    /// The same seed makes the same plan, and the same market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Trades of the replay, of three products together.
    #[arg(long, default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(100..=250_000))]
    trades: u64,
    /// On the embedded broker, with `at_least_once`.
    #[arg(long)]
    embedded: bool,
    /// Where the services' programs are; else beside this one.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    /// Keep what services and broker said here.
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// End with one JSON object.
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    trades: u64,
    /// By target and way.
    troubles: BTreeMap<String, u64>,
    /// Those that came while the recording was played.
    during_replay: usize,
    sessions: usize,
    signals: usize,
    executions: u64,
    events: u64,
    /// Trades in `market-data-updates` after the disturbed run.
    published: u64,
    #[serde(flatten)]
    comparison: Comparison,
    /// Sessions of the disturbed run that pass `algotrade verify`.
    verified: usize,
    /// What verify found, in either run.
    verify_differences: Vec<String>,
    /// Services that ended though nobody killed them; they were started again.
    ended_by_themselves: Vec<String>,
    calm_seconds: f64,
    storm_seconds: f64,
    /// From the last trouble until everything was applied.
    catch_up_seconds: f64,
    ok: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = cli::runtime()?;
    let report = runtime.block_on(chaos(arguments));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let report = report?;
    match arguments.json {
        true => output::json(&report)?,
        false => print(&report),
    }
    Ok(match report.ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn chaos(arguments: &Arguments) -> anyhow::Result<Report> {
    coinbase::client::install_crypto_provider();
    let binaries = match &arguments.binaries {
        Some(folder) => folder.clone(),
        None => {
            let own = std::env::current_exe()?;
            own.parent().map(PathBuf::from).unwrap_or_default()
        }
    };
    let folder = tempfile::tempdir()?;
    let logs = arguments.logs.clone();
    let logs = logs.unwrap_or_else(|| folder.path().to_owned());
    std::fs::create_dir_all(&logs)?;
    let recording = folder.path().join("market.ndjson.zst");
    let (config, written) = (market(arguments.seed), recording.clone());
    let until = Until::Trades(arguments.trades);
    let market = tokio::task::spawn_blocking(move || market::record(&config, until, &written));
    let market = market.await??;
    let length = market.last.zip(market.first);
    let length = length.and_then(|(last, first)| (last - first).to_std().ok());
    let plan = plan::plan(arguments.seed, usize::try_from(arguments.kills)?);
    let plan = match arguments.embedded {
        true => plan::with_embedded_broker(plan),
        false => plan,
    };

    output::note("starting broker, Postgres and Redis");
    let mut servers = Servers::start(arguments.embedded).await?;
    let mut run = async |name: &str, speed, plan: &[plan::Trouble]| {
        let part = servers.part(name).await?;
        let run = Run {
            part: &part,
            recording: &recording,
            speed,
            binaries: &binaries,
            logs: &logs,
        };
        let progress = output::progress(plan.len() as u64, "troubles")?;
        let outcome = run.play(&mut servers, plan, &progress).await;
        progress.finish_and_clear();
        outcome
    };
    output::note("replaying undisturbed");
    let calm = run("calm", Speed::AsFastAsClientReads, &[]).await?;
    let wanted = plan::duration(&plan).mul_f64(LONGER).as_secs_f64();
    let speed = length.map_or(1.0, |length| length.as_secs_f64() / wanted.max(1.0));
    output::note(&format!(
        "replaying with {} troubles, about {}",
        plan.len(),
        output::duration(Duration::from_secs_f64(wanted))
    ));
    let storm = run("storm", Speed::Times(speed.max(0.001)), &plan).await;
    servers.broker.keep_log(&logs)?;
    let storm = storm?;
    Ok(report(arguments, &plan, calm, storm))
}

/// Three products whose symbols are in partitions of their own, so that each one's offsets, from
/// which the ids of signals derive, don't depend on how they mix.
fn market(seed: u64) -> MarketConfig {
    MarketConfig {
        seed,
        // 2026-01-05T00:00:00Z
        start: chrono::DateTime::from_timestamp(1_767_571_200, 0),
        ..MarketConfig::default()
    }
}

fn report(arguments: &Arguments, plan: &[plan::Trouble], calm: Outcome, storm: Outcome) -> Report {
    let mut troubles = BTreeMap::new();
    for trouble in plan {
        let name = format!("{} {}", trouble.act.name(), trouble.target);
        *troubles.entry(name).or_insert(0) += 1;
    }
    let delivery = match arguments.embedded {
        true => Delivery::AtLeastOnce,
        false => Delivery::ExactlyOnce,
    };
    let comparison = storm.ledgers.compare(&calm.ledgers, delivery);
    let verified = storm.verified.iter().filter(|v| v.agrees() && v.replayed);
    let verified = verified.count();
    let mut verify_differences = Vec::new();
    for (name, outcome) in [("calm", &calm), ("storm", &storm)] {
        for report in &outcome.verified {
            let id = report.session_id;
            if !report.replayed {
                verify_differences.push(format!("{name} {id}: its log could not be run again"));
            }
            let differences = report.differences.iter();
            verify_differences.extend(differences.map(|d| format!("{name} {id}: {d:?}")));
        }
    }
    let ok = comparison.agrees()
        && verify_differences.is_empty()
        && verified == calm.verified.len()
        && storm.ledgers.trades == arguments.trades;
    Report {
        seed: arguments.seed,
        trades: arguments.trades,
        troubles,
        during_replay: storm.during,
        sessions: calm.verified.len(),
        signals: storm.ledgers.signals(),
        executions: storm.ledgers.executions,
        events: storm.ledgers.events,
        published: storm.ledgers.trades,
        comparison,
        verified,
        verify_differences,
        ended_by_themselves: storm.ended,
        calm_seconds: calm.elapsed.as_secs_f64(),
        storm_seconds: storm.elapsed.as_secs_f64(),
        catch_up_seconds: storm.catching_up.as_secs_f64(),
        ok,
    }
}

fn print(report: &Report) {
    let mut table = output::table(&["what went wrong", "times"]);
    for (name, times) in &report.troubles {
        table.add_row([name.clone(), times.to_string()]);
    }
    output::align_right(&mut table, &[1]);
    output::line(&table.to_string());
    let comparison = &report.comparison;
    for text in comparison.examples.iter().chain(&report.verify_differences) {
        output::line(&output::harmless(text));
    }
    for text in &report.ended_by_themselves {
        output::line(&format!("ended by itself, started again: {text}"));
    }
    output::line(&format!(
        "{} trades, {} sessions, {} signals, {} executions, {} events: {} lost, {} doubled, {} different, \
         {} repeats; {} of {} sessions verified; {} of {} troubles during the replay, which took {}, and {} \
         to catch up",
        report.published,
        report.sessions,
        report.signals,
        report.executions,
        report.events,
        comparison.lost,
        comparison.duplicated,
        comparison.different,
        comparison.repeats,
        report.verified,
        report.sessions,
        report.during_replay,
        report.troubles.values().sum::<u64>(),
        output::duration(Duration::from_secs_f64(report.storm_seconds)),
        output::duration(Duration::from_secs_f64(report.catch_up_seconds)),
    ));
}
