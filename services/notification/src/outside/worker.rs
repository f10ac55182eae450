//! Delivers what waits, until the process ends.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::outcome::Attempt;
use super::targets::Target;
use super::{Client, Queue};
use crate::telemetry;

/// How fast a worker goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Targets that are called at once.
    pub(crate) targets: usize,
    /// How often it is looked for what became due, or what another replica wrote.
    pub(crate) look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            targets: 16,
            look: Duration::from_secs(1),
        }
    }
}

/// How long a target is served before others get their turn: well below its lease.
const TURN: Duration = Duration::from_secs(20);
const SWEEP: Duration = Duration::from_secs(60);
/// How long it halts when the database is away.
const HALT: Duration = Duration::from_secs(5);

/// Delivers what waits.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    queue: Queue,
    client: Client,
    limits: Limits,
}

impl Worker {
    pub(crate) fn new(queue: Queue, client: Client, limits: Limits) -> Self {
        Self {
            queue,
            client,
            limits,
        }
    }

    /// Until `shutdown`; calls that are under way are finished.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut turns = JoinSet::new();
        let mut swept: Option<Instant> = None;
        while !shutdown.is_cancelled() {
            while turns.try_join_next().is_some() {}
            if swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                self.sweep().await;
            }
            let free = self.limits.targets - turns.len();
            let claimed = match free {
                0 => Ok(Vec::new()),
                free => self.queue.claim(free).await,
            };
            let pause = match claimed {
                Ok(targets) => {
                    for target in targets {
                        let (worker, shutdown) = (self.clone(), shutdown.clone());
                        turns.spawn(async move { worker.turn(target, &shutdown).await });
                    }
                    self.limits.look
                }
                Err(error) => {
                    telemetry::deliveries_halted(&error);
                    HALT
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.queue.woken.notified() => {}
                // A turn that ended may have left something for the next one.
                Some(_) = turns.join_next(), if !turns.is_empty() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        while turns.join_next().await.is_some() {}
    }

    /// Serves a target until it has nothing more, fails, or its turn is over.
    async fn turn(&self, target: Target, shutdown: &CancellationToken) {
        if let Err(error) = self.serve(target, shutdown).await {
            // The lease ends by itself, and the delivery is tried again.
            telemetry::deliveries_halted(&error);
        }
    }

    async fn serve(&self, mut target: Target, shutdown: &CancellationToken) -> sqlx::Result<()> {
        let until = Instant::now() + TURN;
        while Instant::now() < until && !shutdown.is_cancelled() {
            let Some(delivery) = self.queue.next(target.id).await? else {
                break;
            };
            let started = Instant::now();
            let attempt = self.client.tell(&target, &delivery.told()).await;
            telemetry::delivery_tried(target.form.as_str(), &attempt, started.elapsed());
            match attempt {
                Attempt::Delivered => {
                    self.queue.delivered(&delivery).await?;
                    target.failures = 0;
                }
                Attempt::Failed(failure) => {
                    let noted = self.queue.failed(&target, &delivery, &failure, spread());
                    if noted.await? {
                        telemetry::delivery_given_up("failed");
                    }
                    return Ok(());
                }
            }
        }
        self.queue.release(target.id).await
    }

    async fn sweep(&self) {
        match self.queue.sweep().await {
            Ok(swept) => {
                telemetry::deliveries_swept(swept.expired, swept.waiting);
                telemetry::targets(&swept.targets);
            }
            Err(error) => telemetry::deliveries_halted(&error),
        }
    }
}

/// A number from 0 to 1, another one each time; not for secrets.
fn spread() -> f64 {
    let bytes = Uuid::new_v4().into_bytes();
    f64::from(u16::from_be_bytes([bytes[0], bytes[1]])) / f64::from(u16::MAX)
}
