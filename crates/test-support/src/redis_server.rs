//! A Redis of our own.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::process::{RunAs, Server, Signal, bound_to_us};
use crate::{ports, run_dir};

const START_BOUND: Duration = Duration::from_secs(20);
const STOP_BOUND: Duration = Duration::from_secs(5);

/// A private `redis-server`. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    keeps: bool,
    // Before `dir`: the process ends first, then its folder goes.
    server: Server,
    dir: TempDir,
}

impl RedisServer {
    /// Starts one without persistence on a free loopback port and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` isn't installed or doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        ports::start_on_free_ports(|| Self::start_once(false)).await
    }

    /// As [`start`](Self::start), but what it answered to is still there after a crash.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_durable() -> Result<Self> {
        ports::start_on_free_ports(|| Self::start_once(true)).await
    }

    async fn start_once(keeps: bool) -> Result<Self> {
        let dir = run_dir::create()?;
        let port = ports::free_port()?;
        let server = serve(dir.path(), port, keeps)?;
        let mut redis = Self {
            port,
            keeps,
            server,
            dir,
        };
        redis.wait_until_ready().await?;
        Ok(redis)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let url = self.url();
        self.server.ready(START_BOUND, || answers(&url)).await
    }

    /// Ends it as a crash would (SIGKILL): everything in it is gone, unless it is a durable one.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same port (after stopping it, if it runs).
    ///
    /// # Errors
    /// When it doesn't start, with the end of its log.
    pub async fn restart(&mut self) -> Result<()> {
        self.server.stop(Signal::Terminate, STOP_BOUND).await?;
        self.server = serve(self.dir.path(), self.port, self.keeps)?;
        self.wait_until_ready().await
    }

    /// Stalls it: connections stay open and nothing is answered (SIGSTOP).
    ///
    /// # Errors
    /// When it isn't running.
    pub fn pause(&self) -> Result<()> {
        self.server.signal(Signal::Stop)
    }

    /// Ends a stall (SIGCONT).
    ///
    /// # Errors
    /// When it isn't running.
    pub fn resume(&self) -> Result<()> {
        self.server.signal(Signal::Continue)
    }

    /// `redis://127.0.0.1:PORT/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends it (SIGTERM, then SIGKILL after 5 s).
    ///
    /// # Errors
    /// When the process can't be signalled.
    pub async fn stop(mut self) -> Result<()> {
        self.server.stop(Signal::Terminate, STOP_BOUND).await
    }
}

fn serve(dir: &Path, port: u16, keeps: bool) -> Result<Server> {
    let program = Path::new("redis-server");
    let mut command = bound_to_us(program, &RunAs::default(), Signal::Terminate);
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--daemonize", "no"])
        .args(["--appendonly", if keeps { "yes" } else { "no" }])
        .args(["--appendfsync", "always"])
        .arg("--dir")
        .arg(dir);
    Server::start("redis-server", command, &dir.join("redis.log"))
}

async fn answers(url: &str) -> bool {
    let Ok(client) = redis::Client::open(url) else {
        return false;
    };
    let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
        return false;
    };
    redis::cmd("PING")
        .query_async::<String>(&mut connection)
        .await
        .is_ok()
}
