//! The state machine: signals and ticks in their one order, applied to the sessions' accounts.

mod applying;
mod past;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kafka_common::messages::RecordKind;
use kafka_common::partitioner::market_data_partitions;
use kafka_common::past::Past;
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::trace::{self, TraceContext};
use kafka_common::{ForwardTestService, Topic};
use paper_exchange::{Account, Output};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::one_order::{Applied, OneOrder, Step};
use crate::projection::Row;
use reading::{MarketTick, SignalRecord};

/// The format of the snapshots.
const SNAPSHOT_VERSION: u32 = 1;
/// Input 0 is the signals; the market-data partitions follow.
const SIGNALS: usize = 0;

pub(crate) type Out = Outputs<ForwardTestService, Row>;

/// Makes the units: a partition of the signals, and the market-data partitions that it follows.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Of the market data.
    pub(crate) past: Arc<dyn Past>,
}

impl Processor for Exchange {
    type Unit = PartitionExchange;

    fn primary_topic(&self) -> &'static str {
        StrategySignals::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        let signals = InputPartition {
            topic: StrategySignals::SPEC.name,
            partition: unit,
        };
        let market_data = market_data_partitions(unit).map(|partition| InputPartition {
            topic: MarketDataUpdates::SPEC.name,
            partition,
        });
        std::iter::once(signals).chain(market_data).collect()
    }

    fn restore(&self, restored: Restored) -> Result<Self::Unit, StoreError> {
        PartitionExchange::restore(restored, Arc::clone(&self.past))
    }

    /// There are no commands: what users want comes through the log.
    fn unit_of(&self, command: &std::convert::Infallible) -> i32 {
        match *command {}
    }
}

/// A session that trades.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) strategy_id: Uuid,
    pub(crate) symbol: String,
    pub(crate) account: Account,
    /// UTC day (since 1970) of the latest point of the equity curve.
    #[serde(default)]
    pub(crate) day: Option<i64>,
    /// It ends before the first trade of this event time or a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// While it catches up with the log: the first offset that it hasn't met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) past: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    version: u32,
    applied: Vec<Applied>,
    sessions: BTreeMap<Uuid, Session>,
}

/// Traces of signals whose orders wait. They are for looking, not for trading: beyond the bound
/// they are forgotten, and what follows begins traces of its own.
pub(crate) type Traces = HashMap<Uuid, TraceContext>;
const MAX_TRACES: usize = 10_000;

/// Why a record of the signals has no effect, and no answer either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ignored {
    /// No session of this id trades here: it never started, or was stopped.
    UnknownSession,
    /// The session has ended by itself.
    EndedSession,
    /// It names another user than the session's.
    ForeignUser,
    /// It was applied before, or its cause lies before one that was.
    Repeat,
}

impl Ignored {
    fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSession => "unknown_session",
            Self::EndedSession => "ended_session",
            Self::ForeignUser => "foreign_user",
            Self::Repeat => "repeat",
        }
    }
}

fn ignored(why: Ignored) {
    metrics::counter!("forward_test_signals_ignored_total", "reason" => why.as_str()).increment(1);
}

/// The paper exchange of one partition.
#[derive(Debug)]
pub(crate) struct PartitionExchange {
    /// Partitions of the market data, in the order of the inputs.
    market_data: Vec<i32>,
    order: OneOrder<MarketTick, SignalRecord>,
    sessions: BTreeMap<Uuid, Session>,
    by_symbol: HashMap<String, Vec<Uuid>>,
    /// Filled and emptied for each application; kept so that a tick allocates nothing.
    outputs: Vec<Output>,
    traces: Traces,
    past: Arc<dyn Past>,
    reading: Option<past::Reading>,
}

impl PartitionExchange {
    pub(crate) fn restore(restored: Restored, past: Arc<dyn Past>) -> Result<Self, StoreError> {
        let saved = match restored.state {
            None => SavedState {
                version: SNAPSHOT_VERSION,
                applied: Vec::new(),
                sessions: BTreeMap::new(),
            },
            Some(bytes) => {
                let saved: SavedState = serde_json::from_slice(&bytes)
                    .map_err(|error| StoreError::new("reading a snapshot", error))?;
                if saved.version != SNAPSHOT_VERSION {
                    return Err(StoreError(format!(
                        "the snapshot of unit {} has version {}, not {SNAPSHOT_VERSION}",
                        restored.unit, saved.version
                    )));
                }
                saved
            }
        };
        let mut by_symbol: HashMap<String, Vec<Uuid>> = HashMap::new();
        for (id, session) in &saved.sessions {
            session
                .account
                .audit()
                .map_err(|error| StoreError::new("auditing a restored account", error))?;
            by_symbol
                .entry(session.symbol.clone())
                .or_default()
                .push(*id);
        }
        Ok(Self {
            market_data: market_data_partitions(restored.unit).collect(),
            order: OneOrder::new(restored.positions, saved.applied),
            sessions: saved.sessions,
            by_symbol,
            outputs: Vec::new(),
            traces: Traces::new(),
            past,
            reading: None,
        })
    }

    /// As [`Unit::accept`] for a record of the signals, for a run of one session: what concerns
    /// others, or another market-data partition than `slot`, only takes its place in the order.
    pub(crate) fn accept_of(
        &mut self,
        session: Uuid,
        slot: usize,
        record: &InputRecord<'_>,
        out: &mut Out,
    ) {
        let read = self.read_signal(record).ok();
        let read = read.filter(|(place, _)| place.slot == slot);
        let read = read.map(|(place, mut signal)| {
            if signal.data.session_id != session {
                signal.kind = RecordKind::Progress;
            }
            (place, signal)
        });
        self.order.push_record(record.offset, read);
        self.advance(out);
    }

    /// As [`Unit::accept`] for a tick that concerns no session.
    pub(crate) fn step_over(&mut self, slot: usize, offset: i64, out: &mut Out) {
        self.order.push_tick(slot, offset, None);
        self.advance(out);
    }

    /// The input without which nothing can be applied, when there is none to apply.
    pub(crate) fn lacks(&self) -> usize {
        self.order.lacks()
    }

    /// Applies everything whose turn has come.
    fn advance(&mut self, out: &mut Out) {
        while let Some(step) = self.order.next() {
            match step {
                Step::Tick { slot, offset, tick } => {
                    if let Some(tick) = tick {
                        out.applying(slot + 1, offset);
                        trace::sync_scope(tick.trace, || self.apply_tick(&tick, out));
                    }
                }
                Step::Record {
                    offset,
                    record: Some(record),
                    ..
                } => {
                    out.applying(SIGNALS, offset);
                    trace::sync_scope(record.trace, || self.apply_record(record, out));
                }
                Step::Record {
                    record: None,
                    repeat,
                    ..
                } => {
                    if repeat {
                        ignored(Ignored::Repeat);
                    }
                }
            }
        }
    }
}

impl Unit for PartitionExchange {
    type Service = ForwardTestService;
    type Row = Row;
    type Command = std::convert::Infallible;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        let mut outcome = Ok(());
        match record.input.checked_sub(1) {
            None => {
                let read = self.read_signal(&record);
                let read = read.map_err(|error| outcome = Err(error)).ok();
                self.order.push_record(record.offset, read);
            }
            Some(slot) => {
                let tick = reading::tick(&record);
                let tick = tick.map_err(|error| outcome = Err(error)).ok();
                self.order.push_tick(slot, record.offset, tick);
            }
        }
        self.advance(out);
        outcome
    }

    fn command(
        &mut self,
        command: std::convert::Infallible,
        _out: &mut Out,
    ) -> Result<(), StoreError> {
        match command {}
    }

    fn before_commit(&mut self, _out: &mut Out) {
        self.order.update_flow();
    }

    fn positions(&self) -> &[i64] {
        self.order.positions()
    }

    fn wants(&self, input: usize) -> bool {
        self.order.wants(input)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError> {
        #[derive(Serialize)]
        struct State<'a> {
            version: u32,
            applied: &'a [Applied],
            sessions: &'a BTreeMap<Uuid, Session>,
        }
        let state = State {
            version: SNAPSHOT_VERSION,
            applied: self.order.applied(),
            sessions: &self.sessions,
        };
        serde_json::to_vec(&state).map_err(|error| StoreError::new("writing a snapshot", error))
    }
}
