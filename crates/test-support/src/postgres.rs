//! A Postgres of our own, from the distribution's package.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sqlx::Connection;
use tempfile::TempDir;

use crate::process::{INSTALL_HINT, RunAs, Server, Signal, bound_to_us, run_to_end};
use crate::{ports, run_dir};

const INITDB_BOUND: Duration = Duration::from_secs(60);
const START_BOUND: Duration = Duration::from_secs(30);
const STOP_BOUND: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(100);
/// The users that may own the server when we are root, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A private Postgres server whose superuser `postgres` needs no password. Dropping it kills it.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    programs: PathBuf,
    run_as: RunAs,
    settings: Vec<String>,
    // Before `dir`: the process ends first, then its folder goes.
    server: Server,
    dir: TempDir,
}

impl PostgresServer {
    /// Creates a cluster in a temporary folder, starts it on a free loopback port and waits until
    /// it accepts connections.
    ///
    /// # Errors
    /// When Postgres isn't installed or doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// As [`start`](Self::start), with settings (`name=value`) added or replaced. What shall survive
    /// [`kill`](Self::kill) as on a disk needs `synchronous_commit=on`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[&str]) -> Result<Self> {
        ports::start_on_free_ports(|| Self::start_once(settings)).await
    }

    async fn start_once(settings: &[&str]) -> Result<Self> {
        let programs = program_dir()?;
        let owner = owner()?;
        let dir = run_dir::create()?;
        let data = dir.path().join("postgres");
        fs::create_dir(&data).with_context(|| format!("cannot create {}", data.display()))?;
        let run_as = match owner {
            Some(owner) => {
                chown(&data, Some(owner.uid), Some(owner.gid))
                    .with_context(|| format!("cannot give {} away", data.display()))?;
                RunAs {
                    user: Some(owner.name),
                }
            }
            None => RunAs::default(),
        };
        let initdb = initdb_command(&programs, &data, &run_as);
        run_to_end("initdb", initdb, INITDB_BOUND).await?;
        let port = ports::free_port()?;
        let settings: Vec<String> = settings.iter().map(|text| (*text).to_owned()).collect();
        let server = serve(&programs, dir.path(), &run_as, port, &settings)?;
        let mut postgres = Self {
            port,
            programs,
            run_as,
            settings,
            server,
            dir,
        };
        postgres.wait_until_ready().await?;
        Ok(postgres)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let url = self.url();
        self.server.ready(START_BOUND, || accepts(&url)).await
    }

    /// Ends it as a crash would (SIGKILL). Its data stays for a restart.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same port and data (after a fast shutdown, if it runs).
    ///
    /// # Errors
    /// When it doesn't start, with the end of its log.
    pub async fn restart(&mut self) -> Result<()> {
        self.server.stop(Signal::Interrupt, STOP_BOUND).await?;
        let deadline = Instant::now() + START_BOUND;
        loop {
            self.server = serve(
                &self.programs,
                self.dir.path(),
                &self.run_as,
                self.port,
                &self.settings,
            )?;
            match self.wait_until_ready().await {
                // The processes of a killed server hold its memory until they have noticed.
                Err(error) if still_held(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The superuser's URL of the database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it (a *fast* shutdown, which doesn't wait for clients; SIGKILL after 10 s).
    ///
    /// # Errors
    /// When the process can't be signalled.
    pub async fn stop(mut self) -> Result<()> {
        self.server.stop(Signal::Interrupt, STOP_BOUND).await
    }
}

fn initdb_command(programs: &Path, data: &Path, run_as: &RunAs) -> Command {
    let mut command = bound_to_us(&programs.join("initdb"), run_as, Signal::Interrupt);
    command.arg("--pgdata").arg(data).args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        // The order of text is that of its bytes, whatever the machine's locale.
        "--no-locale",
        "--no-sync",
    ]);
    // A user that can't enter our working directory must not be started in it.
    command.current_dir(data);
    command
}

fn serve(
    programs: &Path,
    dir: &Path,
    run_as: &RunAs,
    port: u16,
    settings: &[String],
) -> Result<Server> {
    let mut command = server_command(programs, &dir.join("postgres"), run_as, port);
    // Of a setting that comes twice, the last counts.
    for setting in settings {
        command.args(["-c", setting]);
    }
    Server::start("postgres", command, &dir.join("postgres.log"))
}

fn server_command(programs: &Path, data: &Path, run_as: &RunAs, port: u16) -> Command {
    let mut command = bound_to_us(&programs.join("postgres"), run_as, Signal::Interrupt);
    command.arg("-D").arg(data).current_dir(data);
    for setting in [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        // Every test has pools of its own.
        "max_connections=400".to_owned(),
        "shared_buffers=64MB".to_owned(),
        // The data doesn't outlive the run: nothing has to reach a disk.
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "max_wal_size=256MB".to_owned(),
        "autovacuum_naptime=1h".to_owned(),
    ] {
        command.args(["-c", &setting]);
    }
    command
}

fn still_held(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    text.contains("pre-existing shared memory block") || text.contains("lock file")
}

async fn accepts(url: &str) -> bool {
    match sqlx::PgConnection::connect(url).await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

struct Owner {
    name: String,
    uid: u32,
    gid: u32,
}

/// Whom to run the server as: `None` for ourselves; root has to choose somebody else.
fn owner() -> Result<Option<Owner>> {
    if id(&["-u"])? != Some(0) {
        return Ok(None);
    }
    for name in UNPRIVILEGED {
        if let (Some(uid), Some(gid)) = (id(&["-u", name])?, id(&["-g", name])?) {
            return Ok(Some(Owner {
                name: name.to_owned(),
                uid,
                gid,
            }));
        }
    }
    bail!("Postgres refuses to run as root, and no user of {UNPRIVILEGED:?} exists")
}

fn id(arguments: &[&str]) -> Result<Option<u32>> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .context("cannot run id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}

/// The folder of `initdb` and `postgres`: Debian keeps it out of `PATH`, a folder per version.
fn program_dir() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    versions.sort();
    if let Some((_, newest)) = versions.pop() {
        return Ok(newest);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|dir| dir.join("initdb").exists())
        .with_context(|| format!("Postgres is not installed: {INSTALL_HINT}"))
}
