//! Takes backtests from the queue, a few at once, off the threads that serve requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use backtest::Candles;
use kafka_common::KafkaSettings;
use serde_json::value::to_raw_value;
use service_kit::{Context, Problem};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::data::{self, Stopped};
use super::job::{Data, Job};
use super::limits::AT_ONCE;
use super::queue::{self, Claimed};
use super::result::BacktestResult;
use super::run::{self, Watch};
use crate::market_data::MarketData;

/// How often a backtest of another replica, or one that is lost, is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often a runner tells that it lives, and hears whether it shall go on.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// What runs backtests. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Workers {
    pool: PgPool,
    kafka: KafkaSettings,
    market_data: MarketData,
    added: Arc<Notify>,
    shutdown: CancellationToken,
}

impl Workers {
    pub(super) fn new(context: &Context, market_data: MarketData, added: Arc<Notify>) -> Self {
        Self {
            pool: context.database.clone(),
            kafka: context.settings.kafka.clone(),
            market_data,
            added,
            shutdown: context.shutdown.clone(),
        }
    }

    /// Works until the service ends; the tasks end with it.
    pub(super) fn start(&self) -> Vec<tokio::task::JoinHandle<()>> {
        (0..AT_ONCE)
            .map(|_| tokio::spawn(self.clone().work()))
            .collect()
    }

    async fn work(self) {
        while !self.shutdown.is_cancelled() {
            match queue::claim(&self.pool).await {
                Ok(Some(claimed)) => {
                    self.complete(claimed).await;
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the queue of backtests can't be read"),
            }
            tokio::select! {
                () = self.added.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    async fn complete(&self, claimed: Claimed) {
        metrics::gauge!("strategy_backtests_running").increment(1.0);
        let started = Instant::now();
        let outcome = self.run(&claimed).await;
        metrics::gauge!("strategy_backtests_running").decrement(1.0);
        let status = match &outcome {
            Ok(_) => "done",
            Err(Stopped::Problem(_)) => "failed",
            Err(Stopped::Abandoned) => "abandoned",
        };
        metrics::counter!("strategy_backtests_total", "status" => status).increment(1);
        metrics::histogram!("strategy_backtest_duration_seconds")
            .record(started.elapsed().as_secs_f64());
        let kept = match outcome {
            Ok(result) => match to_raw_value(&result) {
                Ok(result) => queue::finish(&self.pool, &claimed, Ok(&result)).await,
                Err(error) => {
                    self.fail(&claimed, &Problem::unavailable("the result", error))
                        .await
                }
            },
            Err(Stopped::Problem(problem)) => self.fail(&claimed, &problem).await,
            Err(Stopped::Abandoned) => queue::give_back(&self.pool, &claimed).await,
        };
        if let Err(error) = kept {
            // Its lease ends, and it is run again.
            tracing::warn!(backtest = %claimed.id, %error, "the outcome can't be kept");
        }
    }

    async fn fail(&self, claimed: &Claimed, problem: &Problem) -> Result<(), sqlx::Error> {
        let Ok(problem) = to_raw_value(problem) else {
            return Ok(());
        };
        queue::finish(&self.pool, claimed, Err(&problem)).await
    }

    async fn run(&self, claimed: &Claimed) -> Result<BacktestResult, Stopped> {
        if claimed.is_hopeless() {
            let detail = "the service ended while it ran, several times";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(Problem::new(status, "interrupted", detail).into());
        }
        let job = &claimed.job.0;
        let candles = match job.data {
            Data::Trades => None,
            Data::Candles => Some(data::candles(&self.market_data, job).await?),
        };
        self.watched(claimed, job.clone(), candles).await
    }

    /// Runs it on a thread of its own, and tells the queue now and then that it lives.
    async fn watched(
        &self,
        claimed: &Claimed,
        job: Job,
        candles: Option<Candles>,
    ) -> Result<BacktestResult, Stopped> {
        let watch = Arc::new(Watch::default());
        let kafka = self.kafka.clone();
        let watched = Arc::clone(&watch);
        let mut running =
            tokio::task::spawn_blocking(move || run::run(&kafka, &job, candles.as_ref(), &watched));
        loop {
            tokio::select! {
                outcome = &mut running => {
                    return outcome.unwrap_or_else(|error| {
                        // A panic is a bug; it ends this backtest and nothing else.
                        tracing::error!(backtest = %claimed.id, %error, "a backtest ended badly");
                        let detail = "the backtest ended badly";
                        let status = StatusCode::INTERNAL_SERVER_ERROR;
                        Err(Problem::new(status, "backtest_failed", detail).into())
                    });
                }
                () = tokio::time::sleep(BEAT_EVERY) => {}
                () = self.shutdown.cancelled(), if !self.shutdown.is_cancelled() => {}
            }
            if self.shutdown.is_cancelled() {
                watch.stop();
            }
            match queue::beat(&self.pool, claimed, &watch.progress()).await {
                Ok(true) => {}
                Ok(false) => watch.stop(),
                Err(error) => tracing::warn!(%error, "a backtest's progress can't be told"),
            }
        }
    }
}
