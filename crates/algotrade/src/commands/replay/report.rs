//! What came out of a replay.

use std::time::Duration;

use forward_test::verify::executed;
use kafka_common::messages::{ExecutionStatus, TradeExecution};
use market_data::FeedCounts;
use paper_exchange::LedgerHasher;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::api::Session;
use crate::output;

/// The figures of a run; those of the ledgers are over all sessions.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    frames: u64,
    published: u64,
    duplicates: u64,
    gaps: u64,
    missing: u64,
    signals: u64,
    fills: u64,
    #[serde(with = "kafka_common::decimal::number")]
    final_equity: Decimal,
    ledger_sha256: String,
    ticks_per_second: f64,
    seconds: f64,
    sessions: Vec<SessionReport>,
    #[serde(skip)]
    hasher: LedgerHasher,
}

#[derive(Debug, Serialize)]
struct SessionReport {
    strategy: String,
    symbol: String,
    signals: u64,
    fills: u64,
    #[serde(with = "kafka_common::decimal::number")]
    final_equity: Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    return_pct: Decimal,
    ledger_sha256: String,
}

impl Report {
    pub(super) fn new(feed: FeedCounts, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self {
            frames: feed.frames,
            published: feed.published,
            duplicates: feed.duplicates,
            gaps: feed.gaps,
            missing: feed.missing,
            signals: 0,
            fills: 0,
            final_equity: Decimal::ZERO,
            ledger_sha256: LedgerHasher::new().finish(),
            ticks_per_second: (feed.published as f64 / seconds.max(1e-9)).round(),
            seconds,
            sessions: Vec::new(),
            hasher: LedgerHasher::new(),
        }
    }

    pub(super) fn add(&mut self, session: Session, executions: Vec<TradeExecution>) {
        let mut ledger = LedgerHasher::new();
        let mut fills = 0;
        // Every signal has one execution: filled, or rejected with a reason.
        let signals = executions.len() as u64;
        for execution in &executions {
            fills += u64::from(execution.status == ExecutionStatus::Filled);
            let execution = executed(execution);
            ledger.push(&execution);
            self.hasher.push(&execution);
        }
        self.signals += signals;
        self.fills += fills;
        self.final_equity += session.equity;
        self.ledger_sha256 = self.hasher.clone().finish();
        self.sessions.push(SessionReport {
            strategy: session.strategy_name,
            symbol: session.symbol,
            signals,
            fills,
            final_equity: session.equity,
            return_pct: session.return_pct,
            ledger_sha256: ledger.finish(),
        });
    }

    /// The report for a person, or one JSON object on the last line.
    pub(super) fn print(&self, json: bool) {
        if json {
            match serde_json::to_string(self) {
                Ok(text) => output::line(&text),
                Err(error) => output::error(&error.to_string()),
            }
            return;
        }
        let mut feed = output::table(&["frames", "trades", "duplicates", "gaps", "ticks/s"]);
        feed.add_row([
            self.frames.to_string(),
            self.published.to_string(),
            self.duplicates.to_string(),
            format!("{} ({} trades)", self.gaps, self.missing),
            format!("{:.0}", self.ticks_per_second),
        ]);
        output::line(&feed.to_string());
        let header = [
            "strategy",
            "symbol",
            "signals",
            "fills",
            "final equity",
            "return",
            "ledger",
        ];
        let mut sessions = output::table(&header);
        for session in &self.sessions {
            sessions.add_row([
                session.strategy.clone(),
                session.symbol.clone(),
                session.signals.to_string(),
                session.fills.to_string(),
                format!("{:.2}", session.final_equity),
                format!("{:+.2} %", session.return_pct),
                session.ledger_sha256.chars().take(16).collect(),
            ]);
        }
        output::line(&sessions.to_string());
    }
}
