//! A Postgres of our own, from the distribution's package.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::Connection;
use tempfile::TempDir;

use crate::process::{INSTALL_HINT, RunAs, Server, Signal, bound_to_us, run_to_end};
use crate::{ports, run_dir};

const INITDB_BOUND: Duration = Duration::from_secs(60);
const START_BOUND: Duration = Duration::from_secs(30);
const STOP_BOUND: Duration = Duration::from_secs(10);
/// The users that may own the server when we are root, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A private Postgres server whose superuser `postgres` needs no password. Dropping it kills it.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    // Before `_dir`: the process ends first, then its folder goes.
    server: Server,
    _dir: TempDir,
}

impl PostgresServer {
    /// Creates a cluster in a temporary folder, starts it on a free loopback port and waits until
    /// it accepts connections.
    ///
    /// # Errors
    /// When Postgres isn't installed or doesn't start, with the end of its log.
    pub async fn start() -> Result<Self> {
        ports::start_on_free_ports(Self::start_once).await
    }

    async fn start_once() -> Result<Self> {
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
        let command = server_command(&programs, &data, &run_as, port);
        let server = Server::start("postgres", command, &dir.path().join("postgres.log"))?;
        let mut postgres = Self {
            port,
            server,
            _dir: dir,
        };
        let url = postgres.url();
        postgres.server.ready(START_BOUND, || accepts(&url)).await?;
        Ok(postgres)
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
