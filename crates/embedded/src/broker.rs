//! The embedded broker: nisshi with its SQLite store.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nisshi_broker::broker::Broker;
use nisshi_broker::coordinator::group::administrator::{Controller, GroupCoordinatorConfig};
use nisshi_storage::ArcDynStorage;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use url::Url;
use uuid::Uuid;

use crate::lock::DataLock;
use crate::{Starting, Stopping};

const NODE_ID: i32 = 1;
const CLUSTER_ID: &str = "algotrade";
const START_BOUND: Duration = Duration::from_secs(20);
/// What requests in flight get to end at a shutdown: as long as a fetch waits for records. A client that
/// stays connected is cut off then.
const DRAIN_BOUND: Duration = Duration::from_millis(500);
const DRAIN_STEP: Duration = Duration::from_millis(10);
/// What a call of the store gets to end. It is transactional: cutting one off loses nothing that was
/// acknowledged.
const STORE_BOUND: Duration = Duration::from_secs(2);
/// Tries with another port of our choice when somebody took it meanwhile.
const PORT_ATTEMPTS: u32 = 5;
/// Threads of the broker's own runtime: SQLite blocks the one it is called on.
const WORKERS: usize = 2;
/// How often records that outlived their topic's retention are deleted.
const MAINTENANCE_INTERVAL: &str = "10m";

/// A Kafka-protocol broker inside this process, on a loopback port, its data in
/// `DATA_DIR/kafka`.
///
/// It runs in threads of its own, so that neither its store blocks the services' runtime nor the
/// other way round. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    stopped: oneshot::Receiver<()>,
    _store: StorePath,
    _lock: DataLock,
}

impl EmbeddedBroker {
    /// Starts the broker and waits until it accepts connections; earlier data is there again.
    ///
    /// Without a `port` it takes a free one.
    ///
    /// # Errors
    /// When the port is taken, the folder can't be written, another process uses it, or the store
    /// can't be opened.
    pub fn start<'a>(data_dir: &'a Path, port: Option<u16>) -> Starting<'a, Self> {
        Box::pin(Self::start_here(data_dir, port))
    }

    async fn start_here(data_dir: &Path, port: Option<u16>) -> Result<Self> {
        let lock = DataLock::acquire(data_dir, "kafka")?;
        let store = StorePath::new(data_dir)?;
        let mut attempt = 1;
        loop {
            let address = match port {
                Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                None => free_address()?,
            };
            match Running::start(&store, address).await {
                Ok(running) => {
                    return Ok(Self {
                        address,
                        stop: Some(running.stop),
                        stopped: running.stopped,
                        _store: store,
                        _lock: lock,
                    });
                }
                Err(StartError::PortTaken) if port.is_none() && attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                }
                Err(StartError::PortTaken) => {
                    bail!("{address} is in use: stop what listens there, or choose another port")
                }
                Err(StartError::Other(error)) => {
                    return Err(error.context("cannot start the embedded broker"));
                }
            }
        }
    }

    /// `127.0.0.1:PORT`, which is also what the broker advertises.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.address.to_string()
    }

    /// Stops the broker; returns after 3 s at the latest.
    pub fn shutdown(self) -> Stopping {
        Box::pin(self.shut_down())
    }

    async fn shut_down(mut self) {
        drop(self.stop.take());
        let bound = DRAIN_BOUND + STORE_BOUND + Duration::from_millis(500);
        if tokio::time::timeout(bound, &mut self.stopped)
            .await
            .is_err()
        {
            tracing::warn!("the embedded broker did not stop in time");
        }
    }
}

enum StartError {
    PortTaken,
    Other(anyhow::Error),
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// The broker's thread.
struct Running {
    /// Dropping it asks the broker to stop.
    stop: oneshot::Sender<()>,
    /// Resolves when the thread is done.
    stopped: oneshot::Receiver<()>,
}

impl Running {
    async fn start(store: &StorePath, address: SocketAddr) -> Result<Self, StartError> {
        // Looked at first: whoever listens there would also answer our probe below.
        if TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
            return Err(StartError::PortTaken);
        }
        let builder = Broker::<Controller<ArcDynStorage>, ArcDynStorage>::builder()
            .node_id(NODE_ID)
            .cluster_id(CLUSTER_ID)
            .incarnation_id(Uuid::new_v4())
            .advertised_listener(url(&format!("tcp://{address}"))?)
            .storage(store.url()?)
            .listener(url(&format!("tcp://{address}"))?)
            // Its progress bars and "ready" line are not ours.
            .silent(true)
            .group_coordinator(GroupCoordinatorConfig {
                // Every group has one member here: nobody to wait for.
                initial_rebalance_delay: Duration::ZERO,
                ..GroupCoordinatorConfig::default()
            });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("embedded-broker")
            .enable_all()
            .build()
            .context("cannot start the broker's threads")?;
        let (stop, mut stop_asked) = oneshot::channel::<()>();
        let (stopped_sender, stopped) = oneshot::channel();
        let (failed, mut failure) = oneshot::channel();
        thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let serve = async {
                        let mut broker = builder.build().await?;
                        // Not `Broker::main`, which takes the process's signals for itself.
                        broker.serve(tokio::time::Instant::now()).await
                    };
                    tokio::select! {
                        result = serve => {
                            if let Err(error) = &result {
                                tracing::error!(%error, "the embedded broker ended");
                            }
                            // Nobody listens any more once the start has succeeded.
                            let _ = failed.send(result);
                        }
                        _ = &mut stop_asked => {}
                    }
                });
                let deadline = Instant::now() + DRAIN_BOUND;
                while runtime.metrics().num_alive_tasks() > 0 && Instant::now() < deadline {
                    thread::sleep(DRAIN_STEP);
                }
                runtime.shutdown_timeout(STORE_BOUND);
                drop(stopped_sender);
            })
            .context("cannot start the broker's thread")?;

        let deadline = Instant::now() + START_BOUND;
        loop {
            match failure.try_recv() {
                Ok(Err(nisshi_broker::Error::ListenerInUse { .. })) => {
                    return Err(StartError::PortTaken);
                }
                Ok(Err(error)) => return Err(StartError::Other(anyhow!("{error}"))),
                Ok(Ok(())) | Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(StartError::Other(anyhow!("it ended at once")));
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { stop, stopped });
            }
            if Instant::now() > deadline {
                return Err(StartError::Other(anyhow!(
                    "it did not listen within {START_BOUND:?}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text).with_context(|| format!("not a URL: {text}"))
}

fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free loopback port")?;
    Ok(probe.local_addr()?)
}

/// The store's folder in a form that survives a URL.
///
/// nisshi takes the file from a URL without decoding it: a space would become `%20`. Such a folder
/// is reached through a symbolic link with a plain name.
#[derive(Debug)]
struct StorePath {
    folder: PathBuf,
    _link: Option<TempDir>,
}

impl StorePath {
    fn new(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("kafka");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot resolve {}", folder.display()))?;
        if is_plain(&folder) {
            return Ok(Self {
                folder,
                _link: None,
            });
        }
        let link_dir = tempfile::Builder::new().prefix("algotrade-").tempdir()?;
        let link = link_dir.path().join("kafka");
        std::os::unix::fs::symlink(&folder, &link)
            .with_context(|| format!("cannot link {}", link.display()))?;
        Ok(Self {
            folder: link,
            _link: Some(link_dir),
        })
    }

    fn url(&self) -> Result<Url> {
        let file = self.folder.join("broker.db");
        url(&format!(
            "sqlite:///{}?maintenance_interval={MAINTENANCE_INTERVAL}",
            file.display()
        ))
    }
}

fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|path| {
        path.chars()
            .all(|char| char.is_ascii_alphanumeric() || "/._-+=@".contains(char))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_whose_name_a_url_would_change_is_reached_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("my data ü");
        let store = StorePath::new(&data).unwrap();
        assert!(is_plain(&store.folder), "{:?}", store.folder);
        assert_eq!(store.folder.canonicalize().unwrap(), data.join("kafka"));
    }
}
