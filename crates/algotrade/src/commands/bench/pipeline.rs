//! `algotrade bench pipeline`: ticks a second through all four services, the memory that a longer
//! replay takes, and how soon a newcomer sees a trade. Everything runs in processes of its own, as
//! users run it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use coinbase::market::{self, MarketConfig, Until};
use serde::Deserialize;
use tokio::process::{Child, Command};

use super::figure::{self, Figure, Goal};
use crate::{cli, output};

/// Trades a second that the pipeline is built for.
const GOAL_REAL: f64 = 30_000.0;
const GOAL_EMBEDDED: f64 = 5_000.0;
/// Four times the trades may take this much of the memory, relatively.
const GOAL_MEMORY: f64 = 1.25;
const LONGER: u64 = 4;
/// Seconds from the command to the first trade.
const GOAL_FIRST_TRADE: f64 = 10.0;
/// After this a first trade isn't waited for any longer.
const FIRST_TRADE_WITHIN: Duration = Duration::from_secs(120);

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    algotrade bench pipeline\n  \
    algotrade bench pipeline --json --kafka localhost:9092 \\\n      \
    --database postgres://postgres@localhost/postgres --redis redis://localhost/")]
pub(crate) struct Arguments {
    /// Trades of the replay; a second one has four times as many. Fewer don't fill the buffers, so
    /// that the longer replay would seem to take more memory for its length.
    #[arg(long, default_value_t = 400_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    trades: u64,
    /// Real servers; else the embedded ones.
    #[arg(long, value_name = "HOST:PORT", requires = "database")]
    kafka: Option<String>,
    /// A Postgres whose user may create databases.
    #[arg(long, value_name = "URL", requires = "kafka")]
    database: Option<String>,
    /// A Redis; the process's memory where it is missing.
    #[arg(long, value_name = "URL", requires = "kafka")]
    redis: Option<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Replayed {
    ticks_per_second: f64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let figures = cli::runtime()?.block_on(measure(arguments))?;
    figure::print(&figures, arguments.json)
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let (servers, goal) = match arguments.kafka {
        Some(_) => ("real", GOAL_REAL),
        None => ("embedded", GOAL_EMBEDDED),
    };
    let mut figures = Vec::new();
    output::note(&format!("replaying {} trades", arguments.trades));
    let (short, short_memory) = replay(arguments, folder.path(), arguments.trades).await?;
    let longer = arguments.trades * LONGER;
    output::note(&format!("replaying {longer} trades"));
    let (long, long_memory) = replay(arguments, folder.path(), longer).await?;
    figures.push(Figure {
        name: format!("pipeline, {servers} servers"),
        value: short.ticks_per_second.max(long.ticks_per_second),
        unit: "ticks/s",
        baseline: None,
        goal: Some(Goal::AtLeast(goal)),
    });
    match (short_memory, long_memory) {
        (Some(short), Some(long)) => figures.push(Figure {
            name: format!("peak memory at {LONGER} times the trades, {servers} servers"),
            value: long,
            unit: "MB",
            baseline: Some(short),
            goal: Some(Goal::RatioAtMost(GOAL_MEMORY)),
        }),
        _ => output::note("left out: peak memory (this system doesn't tell it)"),
    }
    match cfg!(feature = "embedded") && arguments.kafka.is_none() {
        true => {
            output::note("starting the platform, waiting for the first trade");
            let seconds = first_trade(folder.path()).await?.as_secs_f64();
            figures.push(Figure {
                name: "`algotrade up` to the first trade".to_owned(),
                value: seconds,
                unit: "s",
                baseline: None,
                goal: Some(Goal::AtMost(GOAL_FIRST_TRADE)),
            });
        }
        false => output::note("left out: `algotrade up` (it takes the embedded servers)"),
    }
    Ok(figures)
}

fn algotrade() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// A replay's report, and its peak memory in MB.
async fn replay(
    arguments: &Arguments,
    folder: &Path,
    trades: u64,
) -> anyhow::Result<(Replayed, Option<f64>)> {
    let recording = folder.join(format!("{trades}.ndjson.zst"));
    let written = recording.clone();
    tokio::task::spawn_blocking(move || {
        market::record(&MarketConfig::default(), Until::Trades(trades), &written)
    })
    .await??;
    let mut command = algotrade()?;
    command.arg("replay").arg(&recording).arg("--json");
    for (flag, value) in [
        ("--kafka", &arguments.kafka),
        ("--database", &arguments.database),
        ("--redis", &arguments.redis),
    ] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let peak = watch_memory(&mut child).await?;
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("the replay failed: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().context("the replay printed nothing")?;
    Ok((serde_json::from_str(last)?, peak))
}

/// Follows a process to its end and tells its highest resident memory, in MB, where the system
/// tells it.
async fn watch_memory(child: &mut Child) -> anyhow::Result<Option<f64>> {
    let Some(pid) = child.id() else {
        return Ok(None);
    };
    let mut peak = None;
    while child.try_wait()?.is_none() {
        // Gone between the two looks: the last value holds.
        if let Ok(status) = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await {
            peak = peak_memory(&status).or(peak);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(peak)
}

/// `VmHWM` of Linux's `/proc/PID/status`, in MB.
fn peak_memory(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1_024.0)
}

/// From the command to the first trade of the demo session.
async fn first_trade(folder: &Path) -> anyhow::Result<Duration> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let mut command = algotrade()?;
    command
        .args(["up", "--feed", "simulator", "--port", &port.to_string()])
        .arg("--data")
        .arg(folder.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    coinbase::client::install_crypto_provider();
    let http = reqwest::Client::new();
    let started = Instant::now();
    let mut child = command.spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("`algotrade up` ended: {status}");
        }
        if trades(&http, &url).await.is_ok_and(|trades| trades > 0) {
            break;
        }
        if started.elapsed() > FIRST_TRADE_WITHIN {
            bail!("no trade within {FIRST_TRADE_WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = started.elapsed();
    child.kill().await?;
    Ok(took)
}

async fn trades(http: &reqwest::Client, url: &str) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    #[derive(Deserialize)]
    struct Sessions {
        items: Vec<Session>,
    }
    #[derive(Deserialize)]
    struct Session {
        trades: u64,
    }
    let guest = http.post(format!("{url}/v1/auth/guest")).send().await?;
    let token: Token = guest.error_for_status()?.json().await?;
    let sessions = http.get(format!("{url}/v1/sessions"));
    let sessions = sessions.bearer_auth(token.token).send().await?;
    let sessions: Sessions = sessions.error_for_status()?.json().await?;
    Ok(sessions.items.iter().map(|session| session.trades).sum())
}

#[cfg(test)]
mod tests {
    use super::peak_memory;

    #[test]
    fn the_peak_is_read_from_the_status() {
        let status = "Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_memory(status), Some(2.0));
        assert_eq!(peak_memory("Name:\tx\n"), None);
    }
}
