//! Brings sessions to the strategy service and takes them back, as often as it takes: the calls
//! are idempotent, and what a session waits for is in its row.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::commands;
use crate::peers::{CallError, Peers};
use crate::repository::{self, SessionRow};
use crate::subscribing::Subscribing;

/// Wait between two rounds, when nothing new asks for one.
const ROUND: Duration = Duration::from_secs(2);
/// How often the symbols of running sessions are subscribed to again: market-data may have
/// restarted without them. Those of none are given up.
const SUBSCRIBE_EVERY: u32 = 10;

/// The background task and what wakes it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Deployer {
    database: PgPool,
    peers: Peers,
    wake: Arc<Notify>,
}

impl Deployer {
    pub(crate) fn new(database: PgPool, peers: Peers) -> Self {
        Self {
            database,
            peers,
            wake: Arc::default(),
        }
    }

    /// Starts a round now.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Brings one session to the strategy service.
    pub(crate) async fn deploy(&self, session: &SessionRow) -> Result<(), CallError> {
        let deployed = self.peers.deploy(session).await?;
        let name = &deployed.strategy_name;
        repository::mark_deployed(&self.database, session.id, name, deployed.strategy_version)
            .await
            .map_err(|error| CallError::Unreachable(error.to_string()))
    }

    /// Works until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let (mut round, mut subscribing) = (0, Subscribing::default());
        while !shutdown.is_cancelled() {
            let subscribing = (round % SUBSCRIBE_EVERY == 0).then_some(&mut subscribing);
            if let Err(error) = self.round(subscribing).await {
                tracing::warn!(%error, "sessions that wait can't be read");
            }
            round += 1;
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(ROUND) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn round(&self, subscribing: Option<&mut Subscribing>) -> Result<(), sqlx::Error> {
        if let Some(subscribing) = subscribing {
            subscribing.round(&self.database, &self.peers).await?;
        }
        for session in repository::waiting(&self.database).await? {
            let id = session.id;
            let outcome = match session.status.as_str() {
                // It stopped by itself: the strategy needs not be evaluated any more.
                "STOPPED" | "ERROR" => match self.peers.withdraw(id).await {
                    Ok(_) => {
                        repository::mark_withdrawn(&self.database, id).await?;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                "STOPPING" => match self.peers.withdraw(id).await {
                    Ok(true) => Ok(()),
                    Ok(false) => {
                        let reason = "stopped before it started";
                        repository::mark_ended(&self.database, id, "STOPPED", reason).await?;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                _ => self.deploy(&session).await,
            };
            match outcome {
                Ok(()) => {}
                Err(CallError::Refused(problem)) => {
                    tracing::warn!(%id, detail = problem.detail, "session refused");
                    repository::mark_ended(&self.database, id, "ERROR", &problem.detail).await?;
                }
                Err(CallError::Unreachable(error)) => {
                    tracing::warn!(%id, error, "strategy service does not answer, will retry");
                }
            }
        }
        commands::deliver(&self.database, &self.peers).await
    }
}
