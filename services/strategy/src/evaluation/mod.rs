//! The state machine: ticks of one partition of `market-data-updates` in, signals out.
//!
//! Besides signals it writes to `strategy-signals`, as HOLD records, where each session starts and
//! stops and how far the partition is evaluated: forward-test applies ticks only up to there, so
//! that ticks and signals have one order.

mod book;
mod changes;
mod groups;
mod market;
mod past;
mod records;
mod restoring;
mod showing;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Weak};

use chrono::{DateTime, Utc};
use kafka_common::messages::{RecordKind, SignalMarketData, StrategySignal, TickView};
use kafka_common::past::Past;
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{StrategyService, Topic, envelope};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy_engine::{Plan, PlanHash};
use uuid::Uuid;

use self::groups::{Groups, SharedSessions};
use self::records::{hold, send};
pub(crate) use self::showing::{Showing, ShownSession};
use crate::commands::{self, UserCommand};
use crate::deployments::{Deployment, Deployments};

/// Names of the ids of signals: UUIDv5 of session and tick.
const SIGNAL_NAMESPACE: Uuid = Uuid::from_u128(0x0d9c_3c0b_7a54_4e1c_9d0e_5f4b_8b7a_6c21);
/// The format of the snapshots.
const SNAPSHOT_VERSION: u32 = 1;

type Sessions = BTreeMap<Uuid, Session>;
type Out = Outputs<StrategyService, ()>;

/// What the evaluation is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// A session shall start.
    Start(Box<Deployment>),
    /// A session shall stop.
    Stop {
        /// The partition that it trades on.
        unit: i32,
        /// The session.
        session_id: Uuid,
    },
    /// A user asks something of a session.
    User(Box<UserCommand>),
    /// Somebody looks at a session.
    Show(Box<Showing>),
}

/// Makes the units.
#[derive(Debug)]
pub(crate) struct Evaluation {
    deployments: Deployments,
    past: Arc<dyn Past>,
}

impl Evaluation {
    pub(crate) fn new(deployments: Deployments, past: Arc<dyn Past>) -> Self {
        Self { deployments, past }
    }
}

impl Processor for Evaluation {
    type Unit = PartitionEvaluation;

    fn primary_topic(&self) -> &'static str {
        MarketDataUpdates::SPEC.name
    }

    fn inputs(&self, unit: i32) -> Vec<InputPartition> {
        vec![InputPartition {
            topic: self.primary_topic(),
            partition: unit,
        }]
    }

    fn restore(&self, restored: Restored) -> Result<Self::Unit, StoreError> {
        let (deployments, past) = (self.deployments.clone(), Arc::clone(&self.past));
        PartitionEvaluation::restore(deployments, past, restored)
    }

    fn unit_of(&self, command: &Command) -> i32 {
        match command {
            Command::Start(deployment) => deployment.unit,
            Command::Stop { unit, .. } => *unit,
            Command::User(command) => command.unit,
            Command::Show(showing) => showing.unit,
        }
    }
}

/// A session that is evaluated, or will be from its start on.
struct Session {
    deployment: Deployment,
    start: i64,
    stop: Option<i64>,
    started: bool,
    /// It panicked, which is a bug: it is evaluated no more, and stops.
    failed: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedState {
    version: u32,
    last: Option<LastTick>,
    /// Sessions that have started, each with its evaluator's state.
    sessions: Vec<(Uuid, Vec<u8>)>,
}

/// The accounts of started sessions whose strategies read their position. They follow the state
/// where there are any: a release that knows of none reads the state and leaves the rest.
type SavedBooks = Vec<(Uuid, Vec<u8>)>;

/// The latest tick, for the records that aren't caused by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LastTick {
    symbol: String,
    // As text: the snapshot's format doesn't describe itself.
    #[serde(with = "rust_decimal::serde::str")]
    price: Decimal,
    time: DateTime<Utc>,
    trade_id: Option<u64>,
}

/// The evaluation of one partition.
pub(crate) struct PartitionEvaluation {
    unit: i32,
    deployments: Deployments,
    /// For sessions that begin in the past.
    past: Arc<dyn Past>,
    /// Next offset to evaluate.
    position: [i64; 1],
    /// Up to where progress was told.
    told: i64,
    last: Option<LastTick>,
    sessions: Sessions,
    /// What evaluates them.
    by_symbol: HashMap<String, Groups>,
    shared: SharedSessions,
    /// Commands that haven't taken effect, by position.
    commands: VecDeque<UserCommand>,
    /// Plans that run, by their hash.
    plans: HashMap<PlanHash, Weak<Plan>>,
    /// The nearest offset at which a session starts or stops: one comparison a tick.
    next_change: i64,
}

impl Unit for PartitionEvaluation {
    type Service = StrategyService;
    type Row = ();
    type Command = Command;

    fn accept(&mut self, record: InputRecord<'_>, out: &mut Out) -> Result<(), String> {
        self.position[0] = record.offset;
        self.change_sessions(out);
        self.position[0] = record.offset + 1;
        let tick = envelope::decode::<TickView<'_>>(record.value)
            .map_err(|error| error.to_string())?
            .data;
        out.applying(0, record.offset);
        // The mark of missing trades is no tick: strategies have a policy for it.
        if tick.gap.is_some() {
            self.meet_gap(record.offset, &tick, out);
            return Ok(());
        }
        self.evaluate(record.offset, &tick, out);
        match &mut self.last {
            // The symbol's text is kept where it is the same: this runs for every tick.
            Some(last) if last.symbol == tick.symbol => {
                last.price = tick.price;
                last.time = tick.timestamp;
                last.trade_id = tick.trade_id;
            }
            last => {
                *last = Some(LastTick {
                    symbol: tick.symbol.into_owned(),
                    price: tick.price,
                    time: tick.timestamp,
                    trade_id: tick.trade_id,
                });
            }
        }
        Ok(())
    }

    fn command(&mut self, command: Command, out: &mut Out) -> Result<(), StoreError> {
        match command {
            Command::Start(mut deployment) => {
                let session_id = deployment.session_id;
                if self.sessions.contains_key(&session_id) {
                    return Ok(());
                }
                let past = match deployment.starts_at {
                    Some(time) => Some(self.locate(time)?),
                    None => None,
                };
                let (start, past) =
                    self.deployments
                        .fix_start(session_id, self.position[0], past)?;
                deployment.start_offset = Some(start);
                deployment.past_offset = past;
                self.add(*deployment, None, None)?;
            }
            Command::Stop { session_id, .. } => {
                let stop = self.deployments.fix_stop(session_id, self.position[0])?;
                if let Some(session) = self.sessions.get_mut(&session_id) {
                    session.stop = Some(stop);
                }
            }
            Command::User(mut command) => {
                if self.commands.iter().any(|other| other.id == command.id) {
                    return Ok(());
                }
                let position =
                    commands::fix(self.deployments.pool(), command.id, self.position[0])?;
                // One that has taken effect already was told then.
                if command.position.is_none() && position < self.position[0] {
                    return Ok(());
                }
                command.position = Some(position);
                self.commands.push_back(*command);
            }
            Command::Show(showing) => {
                self.show(*showing);
                return Ok(());
            }
        }
        self.find_next_change();
        self.change_sessions(out);
        Ok(())
    }

    fn before_commit(&mut self, out: &mut Out) {
        // A session that starts or stops at the end of the log doesn't wait for the next tick.
        self.change_sessions(out);
        let position = self.position[0];
        let Some(last) = self.last.as_ref().filter(|_| position > self.told) else {
            return;
        };
        self.told = position;
        let symbol = last.symbol.clone();
        let price = last.price;
        out.applying(0, position - 1);
        let name = format!("progress/{}/{position}", self.unit);
        let id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
        let message = StrategySignal {
            session_id: Uuid::nil(),
            strategy_id: Uuid::nil(),
            signal: hold("evaluated up to here"),
            market_data: SignalMarketData { symbol, price },
            signal_id: Some(id),
            user_id: None,
            order_type: None,
            order: None,
            cause: Some(self.cause_before(position, last.time)),
            place: None,
            start: None,
        };
        send(out, id, RecordKind::Progress, &message);
    }

    fn positions(&self) -> &[i64] {
        &self.position
    }

    fn wants(&self, _input: usize) -> bool {
        true
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, StoreError> {
        let shared: usize = self.by_symbol.values_mut().map(Groups::share).sum();
        self.shared.tell(shared);
        let started = |id: &Uuid| self.sessions.get(id).is_some_and(|session| session.started);
        let groups = || self.by_symbol.values();
        let mut sessions: Vec<_> = groups()
            .flat_map(Groups::snapshots)
            .filter(|(id, _)| started(id))
            .collect();
        sessions.sort_unstable_by_key(|(id, _)| *id);
        let saved = SavedState {
            version: SNAPSHOT_VERSION,
            last: self.last.clone(),
            sessions,
        };
        let failed =
            |error: &dyn std::fmt::Display| StoreError(format!("writing a snapshot: {error}"));
        let mut bytes = postcard::to_stdvec(&saved).map_err(|error| failed(&error))?;
        let mut books = SavedBooks::new();
        for (id, book) in groups().flat_map(Groups::books) {
            if started(&id) {
                books.push((id, book.snapshot().map_err(|error| failed(&error))?));
            }
        }
        books.sort_unstable_by_key(|(id, _)| *id);
        if !books.is_empty() {
            bytes.extend(postcard::to_stdvec(&books).map_err(|error| failed(&error))?);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn saved() -> SavedState {
        SavedState {
            version: SNAPSHOT_VERSION,
            last: Some(LastTick {
                symbol: "BTCUSD".to_owned(),
                price: Decimal::new(8_778_604, 2),
                time: Utc::now(),
                trade_id: Some(7),
            }),
            sessions: vec![(Uuid::from_u128(1), vec![0, 255, 3])],
        }
    }

    #[test]
    fn accounts_lie_where_an_older_release_does_not_look() {
        let (state, books) = (saved(), vec![(Uuid::from_u128(1), vec![7_u8, 8])]);
        let mut bytes = postcard::to_stdvec(&state).unwrap();
        bytes.extend(postcard::to_stdvec(&books).unwrap());
        // As an older release reads it, and as this one does.
        let read: SavedState = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read.sessions, state.sessions);
        let (read, rest): (SavedState, _) = postcard::take_from_bytes(&bytes).unwrap();
        assert_eq!(read.sessions, state.sessions);
        assert_eq!(postcard::from_bytes::<SavedBooks>(rest).unwrap(), books);
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let saved = saved();
        let bytes = postcard::to_stdvec(&saved).unwrap();
        let read: SavedState = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read.last.unwrap().price.to_string(), "87786.04");
        assert_eq!(read.sessions, saved.sessions);
    }
}
