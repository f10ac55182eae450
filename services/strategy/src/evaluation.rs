//! The state machine: ticks of one partition of `market-data-updates` in, signals out.
//!
//! Besides signals it writes to `strategy-signals`, as HOLD records, where each session starts and
//! stops and how far the partition is evaluated: forward-test applies ticks only up to there, so
//! that ticks and signals have one order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kafka_common::messages::{
    Cause, QuantityType, RecordKind, SessionStart, Signal, SignalAction, SignalMarketData,
    StrategySignal, TickView,
};
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::MarketDataUpdates;
use kafka_common::{StrategyService, Topic, Topics, envelope};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategy_engine::{Evaluator, Side, Tick, Timeframe};
use uuid::Uuid;

use crate::commands::{self, UserCommand};
use crate::deployments::{Deployment, Deployments};
use crate::orders;
use crate::source::Kind;

/// Names of the ids of signals: UUIDv5 of session and tick.
const SIGNAL_NAMESPACE: Uuid = Uuid::from_u128(0x0d9c_3c0b_7a54_4e1c_9d0e_5f4b_8b7a_6c21);
/// The format of the snapshots.
const SNAPSHOT_VERSION: u32 = 1;

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
}

/// Makes the units.
#[derive(Debug)]
pub(crate) struct Evaluation {
    deployments: Deployments,
}

impl Evaluation {
    pub(crate) fn new(deployments: Deployments) -> Self {
        Self { deployments }
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
        PartitionEvaluation::restore(self.deployments.clone(), restored)
    }

    fn unit_of(&self, command: &Command) -> i32 {
        match command {
            Command::Start(deployment) => deployment.unit,
            Command::Stop { unit, .. } => *unit,
            Command::User(command) => command.unit,
        }
    }
}

/// A session that is evaluated, or will be from its start on.
struct Session {
    deployment: Deployment,
    evaluator: Evaluator,
    start: i64,
    stop: Option<i64>,
    started: bool,
}

#[derive(Serialize, Deserialize)]
struct SavedState {
    version: u32,
    last: Option<LastTick>,
    /// Sessions that have started, each with its evaluator's state.
    sessions: Vec<(Uuid, Vec<u8>)>,
}

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
    /// Next offset to evaluate.
    position: [i64; 1],
    /// Up to where progress was told.
    told: i64,
    last: Option<LastTick>,
    sessions: BTreeMap<Uuid, Session>,
    by_symbol: HashMap<String, Vec<Uuid>>,
    /// Commands that haven't taken effect, by position.
    commands: VecDeque<UserCommand>,
    /// The nearest offset at which a session starts or stops: one comparison a tick.
    next_change: i64,
}

impl PartitionEvaluation {
    fn restore(deployments: Deployments, restored: Restored) -> Result<Self, StoreError> {
        let position = restored.positions.first().copied().unwrap_or_default();
        let saved = match restored.state {
            None => SavedState {
                version: SNAPSHOT_VERSION,
                last: None,
                sessions: Vec::new(),
            },
            Some(bytes) => {
                let saved: SavedState = postcard::from_bytes(&bytes)
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
        let mut states: HashMap<Uuid, Vec<u8>> = saved.sessions.into_iter().collect();
        let mut unit = Self {
            unit: restored.unit,
            position: [position],
            told: position,
            last: saved.last,
            sessions: BTreeMap::new(),
            by_symbol: HashMap::new(),
            commands: commands::from(deployments.pool(), restored.unit, position)?.into(),
            next_change: i64::MAX,
            deployments: deployments.clone(),
        };
        for deployment in deployments.active_from(restored.unit, position)? {
            let state = states.remove(&deployment.session_id);
            unit.add(deployment, state)?;
        }
        unit.find_next_change();
        Ok(unit)
    }

    fn add(&mut self, deployment: Deployment, state: Option<Vec<u8>>) -> Result<(), StoreError> {
        let session_id = deployment.session_id;
        let failed = |error: &dyn std::fmt::Display| {
            StoreError(format!(
                "the strategy of session {session_id} can't be run: {error}"
            ))
        };
        let kind: Kind = deployment
            .kind
            .parse()
            .map_err(|_| failed(&"its kind is unknown"))?;
        // What its orders ask for was checked when it was saved.
        let plan = match kind {
            Kind::Graph => strategy_engine::compile(&deployment.source.0).plan,
            Kind::Script => {
                let text = deployment.source.0.as_str().unwrap_or_default();
                strategy_engine::compile_script(text).compilation.plan
            }
        };
        let plan = plan.ok_or_else(|| failed(&"it does not compile any more"))?;
        let plan = Arc::new(plan);
        let started = state.is_some();
        let evaluator = match state {
            Some(state) => Evaluator::restore(&plan, &state).map_err(|error| failed(&error))?,
            None => {
                let timeframe =
                    Timeframe::from_str(&deployment.timeframe).map_err(|error| failed(&error))?;
                plan.start(timeframe)
            }
        };
        let Some(start) = deployment.start_offset else {
            return Ok(());
        };
        let stop = deployment.stop_offset;
        self.by_symbol
            .entry(deployment.symbol.clone())
            .or_default()
            .push(session_id);
        let session = Session {
            deployment,
            evaluator,
            start,
            stop,
            started,
        };
        self.sessions.insert(session_id, session);
        Ok(())
    }

    fn find_next_change(&mut self) {
        let starts = self
            .sessions
            .values()
            .filter(|s| !s.started)
            .map(|s| s.start);
        let stops = self.sessions.values().filter_map(|s| s.stop);
        let commands = self.commands.front().and_then(|command| command.position);
        self.next_change = starts
            .chain(stops)
            .chain(commands)
            .min()
            .unwrap_or(i64::MAX);
    }

    /// Starts and stops the sessions whose time has come, before the tick at `position`.
    fn change_sessions(&mut self, out: &mut Out) {
        let position = self.position[0];
        if self.next_change > position {
            return;
        }
        let mut stopped = Vec::new();
        let mut starting = Vec::new();
        for (id, session) in &mut self.sessions {
            if !session.started && session.start <= position {
                session.started = true;
                starting.push(*id);
            }
            if session.stop.is_some_and(|stop| stop <= position) {
                stopped.push(*id);
            }
        }
        for id in starting {
            self.tell(id, RecordKind::Start, out);
        }
        while let Some(command) = self
            .commands
            .pop_front_if(|command| command.position.is_some_and(|at| at <= position))
        {
            self.tell_command(command, out);
        }
        for id in stopped {
            self.tell(id, RecordKind::Stop, out);
            if let Some(session) = self.sessions.remove(&id)
                && let Some(ids) = self.by_symbol.get_mut(&session.deployment.symbol)
            {
                ids.retain(|other| *other != id);
            }
        }
        self.find_next_change();
    }

    fn tell(&self, id: Uuid, kind: RecordKind, out: &mut Out) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let deployment = &session.deployment;
        let position = match kind {
            RecordKind::Stop => session.stop.unwrap_or(self.position[0]),
            _ => session.start,
        };
        let cause = self.cause_before(position);
        let name = format!("{}/{position}", kind.as_str());
        let record_id = Uuid::new_v5(&id, name.as_bytes());
        out.applying(0, position);
        let message = StrategySignal {
            session_id: id,
            strategy_id: deployment.strategy_id,
            signal: hold(match kind {
                RecordKind::Stop => "session stops",
                _ => "session starts",
            }),
            market_data: SignalMarketData {
                symbol: deployment.symbol.clone(),
                price: self.last.as_ref().map_or(Decimal::ZERO, |last| last.price),
            },
            signal_id: Some(record_id),
            user_id: Some(deployment.user_id.clone()),
            order_type: None,
            order: None,
            cause: Some(cause),
            start: (kind == RecordKind::Start).then(|| SessionStart {
                initial_balance: deployment.initial_balance,
                fee_rate: deployment.fee_rate,
                terms: deployment.terms.as_ref().map(|terms| terms.0.clone()),
            }),
        };
        send(out, record_id, kind, &message);
    }

    /// Writes a user's command, if its session runs.
    fn tell_command(&self, command: UserCommand, out: &mut Out) {
        let Some(session) = self.sessions.get(&command.session_id).filter(|s| s.started) else {
            tracing::info!(command = %command.id, "command for a session that doesn't run");
            return;
        };
        let position = command.position.unwrap_or(self.position[0]);
        out.applying(0, position);
        let deployment = &session.deployment;
        let message = StrategySignal {
            session_id: command.session_id,
            strategy_id: deployment.strategy_id,
            signal: command.body.signal,
            market_data: SignalMarketData {
                symbol: deployment.symbol.clone(),
                price: self.last.as_ref().map_or(Decimal::ZERO, |last| last.price),
            },
            signal_id: Some(command.id),
            user_id: Some(deployment.user_id.clone()),
            order_type: command.body.order_type,
            order: command.body.order,
            cause: Some(self.cause_before(position)),
            start: None,
        };
        send(out, command.id, command.kind, &message);
    }

    /// The place before `position`; the time is that of the latest tick, and before any tick the
    /// time of writing, which the log then keeps.
    fn cause_before(&self, position: i64) -> Cause {
        let last = self.last.as_ref();
        Cause {
            partition: self.unit,
            offset: position - 1,
            trade_id: last.and_then(|last| last.trade_id),
            timestamp: Some(last.map_or_else(Utc::now, |last| last.time)),
        }
    }

    fn evaluate(&mut self, offset: i64, tick: &TickView<'_>, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(tick.symbol.as_ref()) else {
            return;
        };
        let market = Tick {
            time: tick.timestamp,
            price: tick.price,
            volume: tick.volume,
            bid: tick.bid,
            ask: tick.ask,
        };
        for id in ids {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            if !session.started {
                continue;
            }
            for (ordinal, signal) in session.evaluator.on_tick(&market).into_iter().enumerate() {
                let name = format!("{id}/{}/{offset}/{ordinal}", self.unit);
                let signal_id = Uuid::new_v5(&SIGNAL_NAMESPACE, name.as_bytes());
                let order = orders::order(
                    signal.quantity,
                    signal.quantity_type,
                    signal.terms.as_deref(),
                );
                let message = StrategySignal {
                    session_id: *id,
                    strategy_id: session.deployment.strategy_id,
                    signal: Signal {
                        action: match signal.action {
                            Side::Buy => SignalAction::Buy,
                            Side::Sell => SignalAction::Sell,
                        },
                        quantity: order.quantity,
                        reason: signal.reason,
                        quantity_type: order.quantity_type,
                    },
                    market_data: SignalMarketData {
                        symbol: tick.symbol.clone().into_owned(),
                        price: tick.price,
                    },
                    signal_id: Some(signal_id),
                    user_id: Some(session.deployment.user_id.clone()),
                    order_type: Some(order.order_type.to_owned()),
                    order: order.details,
                    cause: Some(Cause {
                        partition: self.unit,
                        offset,
                        trade_id: tick.trade_id,
                        timestamp: Some(tick.timestamp),
                    }),
                    start: None,
                };
                if !out.is_suppressed() {
                    metrics::counter!("strategy_signals_total").increment(1);
                }
                send(out, signal_id, RecordKind::Signal, &message);
            }
        }
    }
}

fn hold(reason: &str) -> Signal {
    Signal {
        action: SignalAction::Hold,
        quantity: Decimal::ZERO,
        reason: reason.to_owned(),
        quantity_type: QuantityType::Units,
    }
}

/// The symbol's partition of `strategy-signals` follows its partition of the market data, because
/// both are the same hash of the same key.
fn send(out: &mut Out, id: Uuid, kind: RecordKind, message: &StrategySignal) {
    let headers = [(RecordKind::HEADER, kind.as_str())];
    let symbol = &message.market_data.symbol;
    out.send(
        Topics::STRATEGY_SIGNALS,
        None,
        symbol,
        id,
        &headers,
        message,
    );
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
        // The mark of missing trades is no tick: no strategy sees it.
        if tick.gap.is_some() {
            return Ok(());
        }
        out.applying(0, record.offset);
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
                let start = self.deployments.fix_start(session_id, self.position[0])?;
                deployment.start_offset = Some(start);
                self.add(*deployment, None)?;
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
            cause: Some(self.cause_before(position)),
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

    fn snapshot(&self) -> Result<Vec<u8>, StoreError> {
        let started = self.sessions.iter().filter(|(_, session)| session.started);
        let saved = SavedState {
            version: SNAPSHOT_VERSION,
            last: self.last.clone(),
            sessions: started
                .map(|(id, session)| (*id, session.evaluator.snapshot()))
                .collect(),
        };
        postcard::to_stdvec(&saved).map_err(|error| StoreError::new("writing a snapshot", error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let saved = SavedState {
            version: SNAPSHOT_VERSION,
            last: Some(LastTick {
                symbol: "BTCUSD".to_owned(),
                price: Decimal::new(8_778_604, 2),
                time: Utc::now(),
                trade_id: Some(7),
            }),
            sessions: vec![(Uuid::from_u128(1), vec![0, 255, 3])],
        };
        let bytes = postcard::to_stdvec(&saved).unwrap();
        let read: SavedState = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read.last.unwrap().price.to_string(), "87786.04");
        assert_eq!(read.sessions, saved.sessions);
    }
}
