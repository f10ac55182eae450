//! A replica of market-data as a process of its own, seen from outside: its metrics and its memory.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use coinbase::simulator::SimulatorHandle;
use secrecy::ExposeSecret as _;
use service_kit::Settings;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// How long it may take to be ready.
const READY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// The program, which is built beside this one.
pub(super) fn program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("market-data"))
}

/// A running replica; it is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Replica {
    child: Child,
    url: String,
    http: reqwest::Client,
}

impl Replica {
    /// Starts it on a simulator's products, and waits until it is ready.
    pub(super) async fn start(
        settings: &Settings,
        simulator: &SimulatorHandle,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let products: Vec<&str> = simulator
            .products()
            .iter()
            .map(|product| product.id.as_str())
            .collect();
        let kafka = &settings.kafka;
        let variables = [
            ("KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers.clone()),
            ("KAFKA__TOPIC_PREFIX", kafka.topic_prefix.clone()),
            ("KAFKA__GROUP_PREFIX", kafka.group_prefix.clone()),
            ("KAFKA__MAX_BATCH_SIZE", kafka.max_batch_size.to_string()),
            (
                "DATABASE__URL",
                settings.database.url.expose_secret().to_owned(),
            ),
            ("REDIS__URL", settings.redis.url.expose_secret().to_owned()),
            ("REDIS__KEY_PREFIX", settings.redis.key_prefix.clone()),
            (
                "AUTH__SECRET",
                settings.auth.secret.expose_secret().to_owned(),
            ),
            ("FEED__SOURCE", "simulator".to_owned()),
            ("FEED__WEBSOCKET_URL", simulator.ws_url()),
            ("FEED__REST_URL", simulator.rest_url()),
            ("FEED__PRODUCTS", products.join(",")),
            ("HTTP__LISTEN", format!("127.0.0.1:{port}")),
            ("LOG__FILTER", "error".to_owned()),
        ];
        let program = program()?;
        let mut command = Command::new(&program);
        for (name, value) in variables {
            command.env(format!("ALGOTRADE__{name}"), value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.kill_on_drop(true).spawn();
        let mut replica = Self {
            child: child.with_context(|| program.display().to_string())?,
            url: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::new(),
        };
        replica.ready().await?;
        Ok(replica)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("market-data ended: {status}");
            }
            let answer = self.http.get(format!("{}/healthz/ready", self.url));
            if let Ok(answer) = answer.send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("market-data isn't ready within {READY:?}");
            }
            sleep(LOOK).await;
        }
    }

    /// Trades that Kafka has acknowledged so far.
    pub(super) async fn published(&self) -> anyhow::Result<u64> {
        let answer = self.http.get(format!("{}/metrics", self.url));
        let text = answer.send().await?.error_for_status()?.text().await?;
        Ok(published_in(&text))
    }

    /// Waits until so many are; tells when that was, and how many were there.
    pub(super) async fn until_published(&self, trades: u64) -> anyhow::Result<(Instant, u64)> {
        loop {
            let published = self.published().await?;
            if published >= trades {
                return Ok((Instant::now(), published));
            }
            sleep(LOOK).await;
        }
    }

    /// Its resident memory in MB, where the system tells it.
    pub(super) fn memory(&self) -> Option<f64> {
        let id = self.child.id()?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes / 1_024.0)
    }

    /// The processor's time that it has taken, where the system tells it.
    pub(super) fn processor(&self) -> Option<Duration> {
        let id = self.child.id()?;
        processor_in(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    /// Ends it.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// The sum of a counter over its labels.
fn published_in(metrics: &str) -> u64 {
    metrics
        .lines()
        .filter(|line| line.starts_with("market_data_published_trades_total"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

/// User's and system's time of Linux's `/proc/PID/stat`, which are in hundredths of a second. The
/// program's name, in brackets, may have spaces.
fn processor_in(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut hundredths = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (hundredths()? + hundredths()?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{processor_in, published_in};

    #[test]
    fn the_processors_time_is_read_past_the_name() {
        let stat = "7 (market data) S 1 7 7 0 -1 4194304 900 0 0 0 250 50 0 0 20 0 9 0 100 1 1";
        assert_eq!(processor_in(stat), Some(Duration::from_secs(3)));
        assert_eq!(processor_in("7 (x) S 1"), None);
    }

    #[test]
    fn all_symbols_are_counted() {
        let metrics = concat!(
            "# HELP market_data_published_trades_total Trades\n",
            "market_data_published_trades_total{symbol=\"A\"} 5\n",
            "market_data_published_trades_total{symbol=\"B\"} 37\n",
            "market_data_gaps_total{symbol=\"B\"} 9\n",
        );
        assert_eq!(published_in(metrics), 42);
    }
}
