//! What a backtest over HTTP may cost. Each limit is an error with a code, and documented.

use std::time::Duration;

/// Combinations of parameters of one backtest.
pub(super) const MAX_COMBINATIONS: usize = 100;
/// Trades times combinations of one backtest.
pub(super) const MAX_STEPS: u64 = 200_000_000;
/// Time that one may run.
pub(super) const MAX_RUN: Duration = Duration::from_secs(120);
/// Backtests of a user that wait or run.
pub(super) const MAX_OPEN: i64 = 2;
/// Backtests of a user that are kept; the oldest go first.
pub(super) const MAX_KEPT: i64 = 50;
/// Executions that are kept of all combinations of one backtest together.
pub(super) const MAX_EXECUTIONS: usize = 10_000;
/// Backtests that a replica runs at once: another core is left for the evaluation of sessions.
pub(super) const AT_ONCE: usize = 2;
/// Times that one is begun: one that takes its replica with it is not begun for ever.
pub(super) const MAX_ATTEMPTS: i32 = 3;
/// Without a sign of life for so long, a replica is taken for dead.
pub(super) const LEASE_SECONDS: f64 = 20.0;
