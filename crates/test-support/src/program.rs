//! A program under test, beside the servers: it can be killed, stalled and started again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;

use crate::process::{RunAs, Server, Signal, bound_to_us};

/// A program and its process, which can't outlive ours. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    server: Server,
}

impl Program {
    /// Starts `path` with these variables; its output is appended to `log`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        name: &'static str,
        path: &Path,
        environment: BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Self> {
        let server = launch(name, path, &environment, log)?;
        Ok(Self {
            name,
            path: path.to_owned(),
            environment,
            log: log.to_owned(),
            server,
        })
    }

    /// The process, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// How it ended, if it has ended by itself.
    ///
    /// # Errors
    /// When it was killed or stopped before.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.server.exited()
    }

    /// Ends it as a crash would (SIGKILL).
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Ends it in order (SIGTERM; SIGKILL after `bound`).
    ///
    /// # Errors
    /// When the process can't be signalled.
    pub async fn stop(&mut self, bound: Duration) -> Result<()> {
        self.server.stop(Signal::Terminate, bound).await
    }

    /// Starts it again (after killing it, if it runs).
    ///
    /// # Errors
    /// When it can't be started.
    pub fn restart(&mut self) -> Result<()> {
        self.server.kill();
        self.server = launch(self.name, &self.path, &self.environment, &self.log)?;
        Ok(())
    }

    /// Stalls it (SIGSTOP): a virtual machine that is moved, a garbage collector that takes long.
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

    /// The end of what it wrote.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.server.log_tail()
    }
}

fn launch(
    name: &'static str,
    path: &Path,
    environment: &BTreeMap<String, String>,
    log: &Path,
) -> Result<Server> {
    let mut command = bound_to_us(path, &RunAs::default(), Signal::Terminate);
    command.envs(environment);
    Server::start(name, command, log)
}
