//! A server process of our own: started so that it cannot outlive us, stopped by its id.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How often a starting or stopping server is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Lines of a server's log that a failure shows.
const TAIL_LINES: usize = 25;

/// What to run when a server's program isn't there.
pub(crate) const INSTALL_HINT: &str = "run scripts/install-test-tools.sh (`make test` does)";

/// The signals that servers get.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Terminate,
    Interrupt,
    Stop,
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// Who a server runs as: ourselves, or (of Postgres, which refuses root) another user.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunAs {
    pub(crate) user: Option<String>,
}

/// A command for `program` that ends when this process does, however it ends.
///
/// `setpriv` asks the kernel to send `on_our_death` then; where there is no `setpriv` (not Linux)
/// only our own clean-up stops the server.
pub(crate) fn bound_to_us(program: &Path, as_user: &RunAs, on_our_death: Signal) -> Command {
    let Some(setpriv) = *SETPRIV else {
        return match &as_user.user {
            Some(user) => {
                let mut command = Command::new("sudo");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
    };
    let mut command = Command::new(setpriv);
    if let Some(user) = &as_user.user {
        command.arg(format!("--reuid={user}"));
        command.args([format!("--regid={user}"), "--init-groups".to_owned()]);
    }
    command.args(["--pdeathsig", on_our_death.name(), "--"]);
    command.arg(program);
    command
}

static SETPRIV: LazyLock<Option<&'static str>> = LazyLock::new(|| {
    let found = Command::new("setpriv").arg("--version").output();
    found
        .is_ok_and(|output| output.status.success())
        .then_some("setpriv")
});

struct SpawnRequest {
    command: Command,
    reply: mpsc::SyncSender<io::Result<Child>>,
}

/// The kernel's "parent" of the death signal is the *thread* that started the child, and threads
/// of async runtimes come and go. This one stays as long as the process.
static SPAWNER: LazyLock<mpsc::Sender<SpawnRequest>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::channel::<SpawnRequest>();
    thread::spawn(move || {
        for SpawnRequest { mut command, reply } in inbox {
            // The asker waits; if it is gone, dropping the child leaves it to the death signal.
            let _ = reply.send(command.spawn());
        }
    });
    requests
});

fn spawn(command: Command) -> Result<Child> {
    let (reply, answer) = mpsc::sync_channel(1);
    SPAWNER
        .send(SpawnRequest { command, reply })
        .map_err(|_| anyhow!("the thread that starts servers is gone"))?;
    Ok(answer
        .recv()
        .context("the thread that starts servers is gone")??)
}

/// Runs a preparing program (`initdb`, Kafka's `StorageTool`) to its end.
///
/// # Errors
/// With what it printed, when it fails or takes longer than `bound`.
pub(crate) async fn run_to_end(what: &str, command: Command, bound: Duration) -> Result<()> {
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(bound, command.output())
        .await
        .with_context(|| format!("{what} did not end within {bound:?}"))?
        .with_context(|| format!("cannot run {what}: {INSTALL_HINT}"))?;
    if !output.status.success() {
        bail!(
            "{what} failed with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A running server and its log. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Option<Child>,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, its output appended to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C goes to the terminal's process group: the tests end first, the servers after.
            .process_group(0);
        let child =
            spawn(command).with_context(|| format!("cannot start {name}: {INSTALL_HINT}"))?;
        Ok(Self {
            name,
            child: Some(child),
            log: log.to_owned(),
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Waits until `probe` succeeds.
    ///
    /// # Errors
    /// With the end of the server's log, when it ends first or isn't ready within `bound`.
    pub(crate) async fn ready<P: Future<Output = bool>>(
        &mut self,
        bound: Duration,
        mut probe: impl FnMut() -> P,
    ) -> Result<()> {
        let deadline = Instant::now() + bound;
        loop {
            if probe().await {
                return Ok(());
            }
            if let Some(status) = self.exited()? {
                bail!(
                    "{} ended while starting ({status}):\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} was not ready within {bound:?}:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks the server to end with `signal`; kills it if it hasn't within `bound`.
    pub(crate) async fn stop(&mut self, signal: Signal, bound: Duration) -> Result<()> {
        if self.child.is_none() {
            return Ok(());
        }
        self.signal(signal)?;
        // A stopped process acts on the signal only once it continues.
        self.signal(Signal::Continue)?;
        let deadline = Instant::now() + bound;
        while self.exited()?.is_none() {
            if Instant::now() > deadline {
                self.kill();
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends the server as a crash would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Neither fails for a child that hasn't been waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self
            .pid()
            .with_context(|| format!("{} is not running", self.name))?;
        // The shell's own `kill`: sending a signal takes unsafe code or another dependency else.
        // The id can't be somebody else's: the child hasn't been waited for.
        let status = Command::new("sh")
            .args([
                "-c",
                "kill -s \"$1\" \"$2\"",
                "sh",
                signal.name(),
                &pid.to_string(),
            ])
            .status()
            .context("cannot run sh")?;
        if !status.success() {
            bail!(
                "cannot send {} to {} (process {pid})",
                signal.name(),
                self.name
            );
        }
        Ok(())
    }

    /// How it ended, if it has ended by itself.
    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            bail!("{} is not running", self.name);
        };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines[from..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
