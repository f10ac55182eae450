//! Runs one backtest: pure computation and blocking reads, on a thread of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use backtest::{Backtest, BacktestError, CandleBacktest, Candles, Result as Outcome};
use kafka_common::KafkaSettings;
use serde::Serialize;
use service_kit::Problem;
use strategy_engine::Plan;

use super::data::{Event, Log, Stopped};
use super::job::Job;
use super::limits::{MAX_EXECUTIONS, MAX_RUN, MAX_STEPS};
use super::result::{BacktestResult, Read};

/// How often the clock and the wish to stop are looked at, in records.
const LOOK_EVERY: u64 = 1_024;

/// What the runner tells, and is told, while it runs.
#[derive(Debug, Default)]
pub(super) struct Watch {
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub(crate) struct Progress {
    /// Records or candles that are done.
    done: u64,
    /// How many there are.
    total: u64,
}

impl Watch {
    pub(super) fn progress(&self) -> Progress {
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Runs it to its end.
pub(super) fn run(
    kafka: &KafkaSettings,
    job: &Job,
    candles: Option<&Candles>,
    watch: &Watch,
) -> Result<BacktestResult, Stopped> {
    let plans = plans(job)?;
    let keep = (MAX_EXECUTIONS / plans.len().max(1)).max(1);
    let bounds = Bounds::new(watch, plans.len());
    match candles {
        Some(candles) => on_candles(job, plans, keep, candles, bounds),
        None => on_trades(kafka, job, plans, keep, bounds),
    }
}

type Planned = (BTreeMap<String, String>, Arc<Plan>);

fn plans(job: &Job) -> Result<Vec<Planned>, Stopped> {
    let strategy = job.strategy();
    let compiled = job.combinations().into_iter().map(|params| {
        let plan = strategy.compile_with(&params).compilation.plan;
        let plan = plan.ok_or_else(|| {
            // It did when it was asked for: another build runs it.
            let detail = "the strategy does not compile any more";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "strategy_invalid", detail)
                .hint("POST it to /v1/strategies/compile to see why")
        })?;
        Ok((params, Arc::new(plan)))
    });
    compiled.collect()
}

/// Ends what takes too long or isn't wanted any more.
struct Bounds<'a> {
    watch: &'a Watch,
    started: Instant,
    combinations: u64,
    seen: u64,
    steps: u64,
}

impl<'a> Bounds<'a> {
    fn new(watch: &'a Watch, combinations: usize) -> Self {
        Self {
            watch,
            started: Instant::now(),
            combinations: combinations as u64,
            seen: 0,
            steps: 0,
        }
    }

    /// Counts one that every combination has to take.
    fn step(&mut self) -> Result<(), Stopped> {
        self.steps += self.combinations;
        if self.steps > MAX_STEPS {
            let detail = format!("it comes to over {MAX_STEPS} trades times combinations");
            return Err(too_large("too_many_steps", detail));
        }
        Ok(())
    }

    /// Looks now and then whether it may go on.
    fn look(&mut self, done: Option<u64>) -> Result<(), Stopped> {
        self.seen += 1;
        if done.is_some() && !self.seen.is_multiple_of(LOOK_EVERY) {
            return Ok(());
        }
        if let Some(done) = done {
            self.watch.done.store(done, Ordering::Relaxed);
        }
        if self.watch.stop.load(Ordering::Relaxed) {
            return Err(Stopped::Abandoned);
        }
        if self.started.elapsed() > MAX_RUN {
            let detail = format!("it took over {} s", MAX_RUN.as_secs());
            return Err(too_large("too_long", detail));
        }
        Ok(())
    }
}

fn too_large(code: &str, detail: String) -> Stopped {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        .hint(
            "take a shorter time, fewer combinations, or `algotrade backtest`, which has no limit",
        )
        .into()
}

fn on_trades(
    kafka: &KafkaSettings,
    job: &Job,
    plans: Vec<Planned>,
    keep: usize,
    mut bounds: Bounds<'_>,
) -> Result<BacktestResult, Stopped> {
    let terms = job.terms();
    let mut runs = Vec::new();
    for (params, plan) in plans {
        let backtest = Backtest::new(&plan, &terms).map_err(problem)?;
        runs.push((params, backtest.keeping(keep)));
    }
    let log = Log::open(kafka, &job.symbol)?;
    let first = log.part.first_offset;
    let records = |offset: i64| u64::try_from(offset - first).unwrap_or(0);
    let total = records(log.part.end_offset);
    bounds.watch.total.store(total, Ordering::Relaxed);
    let mut read = Read {
        log: Some(log.part),
        ..Read::default()
    };
    log.read(job, |offset, event| {
        bounds.look(offset.map(records))?;
        match event {
            None => {}
            Some(Event::Gap(time)) => {
                read.gaps += 1;
                runs.iter_mut().for_each(|(_, run)| run.on_gap(time));
            }
            Some(Event::Trade(tick)) => {
                bounds.step()?;
                read.from.get_or_insert(tick.time);
                read.to = Some(tick.time);
                for (_, run) in &mut runs {
                    run.on_tick(&tick).map_err(problem)?;
                }
            }
        }
        Ok(())
    })?;
    let runs = runs.into_iter();
    finished(job, read, runs.map(|(params, run)| (params, run.finish())))
}

fn on_candles(
    job: &Job,
    plans: Vec<Planned>,
    keep: usize,
    candles: &Candles,
    mut bounds: Bounds<'_>,
) -> Result<BacktestResult, Stopped> {
    let terms = job.terms();
    let mut runs = Vec::new();
    for (params, plan) in plans {
        let run = CandleBacktest::new(&plan, &terms, candles.interval()).map_err(problem)?;
        runs.push((params, run.keeping(keep)));
    }
    let total = candles.list().len() as u64;
    bounds.watch.total.store(total, Ordering::Relaxed);
    for (index, candle) in candles.list().iter().enumerate() {
        bounds.look(Some(index as u64))?;
        bounds.step()?;
        for (_, run) in &mut runs {
            run.on_candle(candle).map_err(problem)?;
        }
    }
    let read = Read {
        from: candles.list().first().map(|candle| candle.time),
        to: candles.list().last().map(|candle| candle.time),
        ..Read::default()
    };
    let runs = runs.into_iter();
    finished(job, read, runs.map(|(params, run)| (params, run.finish())))
}

fn finished(
    job: &Job,
    read: Read,
    runs: impl Iterator<Item = (BTreeMap<String, String>, Outcome)>,
) -> Result<BacktestResult, Stopped> {
    if read.from.is_none() {
        let detail = format!("there are no trades of {} in that time", job.symbol);
        return Err(
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_trades", detail)
                .field("symbol")
                .hint("subscribe to the symbol and wait, or choose another time or `candles`")
                .into(),
        );
    }
    Ok(BacktestResult::new(read, runs.collect()))
}

fn problem(error: BacktestError) -> Stopped {
    let (status, code) = match &error {
        BacktestError::Ledger(_) => (StatusCode::INTERNAL_SERVER_ERROR, "ledger_check_failed"),
        BacktestError::Terms(_) | BacktestError::Timeframe { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid_terms")
        }
    };
    Problem::new(status, code, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn code(outcome: Result<(), Stopped>) -> String {
        match outcome {
            Err(Stopped::Problem(problem)) => problem.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn too_much_work_is_ended_with_a_code() {
        let watch = Watch::default();
        let mut bounds = Bounds::new(&watch, 100);
        bounds.steps = MAX_STEPS - 100;
        assert!(bounds.step().is_ok());
        assert_eq!(code(bounds.step()), "too_many_steps");
        bounds.started = Instant::now().checked_sub(MAX_RUN + MAX_RUN).unwrap();
        assert_eq!(code(bounds.look(None)), "too_long");
    }

    #[test]
    fn the_wish_to_stop_is_heard_while_nothing_comes_and_between_records() {
        let watch = Watch::default();
        let mut bounds = Bounds::new(&watch, 1);
        assert!(bounds.look(None).is_ok());
        watch.stop();
        assert!(matches!(bounds.look(None), Err(Stopped::Abandoned)));
        let mut heard = (0..LOOK_EVERY).map(|record| bounds.look(Some(record)).is_err());
        assert!(heard.any(|stopped| stopped));
    }
}
