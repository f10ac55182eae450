//! The state machine: signals and ticks in their one order, applied to the sessions' accounts.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use kafka_common::messages::{
    ForwardTestEvent, ForwardTestEventKind, RecordKind, StrategySignal, TickView, TradeExecution,
};
use kafka_common::partitioner::market_data_partitions;
use kafka_common::processor::{
    InputPartition, InputRecord, Outputs, Processor, Restored, StoreError, Unit,
};
use kafka_common::topics::{MarketDataUpdates, StrategySignals};
use kafka_common::trace::{self, TraceContext};
use kafka_common::{ForwardTestService, Topic, Topics, envelope};
use paper_exchange::{
    Account, Disposition, LedgerError, MarketTrade, OrderRequest, Output, SessionTerms,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::convert;
use crate::one_order::{Applied, OneOrder, Place, Step};
use crate::projection::{Row, SessionUpdate, Status};

/// The format of the snapshots.
const SNAPSHOT_VERSION: u32 = 1;
/// Input 0 is the signals; the market-data partitions follow.
const SIGNALS: usize = 0;

type Out = Outputs<ForwardTestService, Row>;

/// Makes the units: a partition of the signals, and the market-data partitions that it follows.
#[derive(Debug)]
pub(crate) struct Exchange;

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
        PartitionExchange::restore(restored)
    }

    /// There are no commands: what users want comes through the log.
    fn unit_of(&self, command: &std::convert::Infallible) -> i32 {
        match *command {}
    }
}

/// A session that trades.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    user_id: String,
    strategy_id: Uuid,
    symbol: String,
    account: Account,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    version: u32,
    applied: Vec<Applied>,
    sessions: BTreeMap<Uuid, Session>,
}

/// A signals record that could be read.
#[derive(Debug)]
struct SignalRecord {
    kind: RecordKind,
    data: StrategySignal,
    time: DateTime<Utc>,
    trace: Option<TraceContext>,
}

/// A tick that concerns a session.
#[derive(Debug)]
struct MarketTick {
    symbol: String,
    trade: MarketTrade,
    trace: Option<TraceContext>,
}

/// Traces of signals whose orders wait. They are for looking, not for trading: beyond the bound
/// they are forgotten, and what follows begins traces of its own.
type Traces = HashMap<Uuid, TraceContext>;
const MAX_TRACES: usize = 10_000;

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
}

impl PartitionExchange {
    fn restore(restored: Restored) -> Result<Self, StoreError> {
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
        })
    }

    fn read_signal(&self, record: &InputRecord<'_>) -> Result<(Place, SignalRecord), String> {
        let kind = RecordKind::parse(record.record_kind)
            .ok_or_else(|| format!("unknown {}", RecordKind::HEADER))?;
        let envelope =
            envelope::decode::<StrategySignal>(record.value).map_err(|error| error.to_string())?;
        let data = envelope.data;
        let cause = data
            .cause
            .ok_or("the signal has no `cause`: it can't be ordered")?;
        let slot = self
            .market_data
            .iter()
            .position(|partition| *partition == cause.partition)
            .ok_or_else(|| {
                format!(
                    "`cause.partition` {} does not belong to this partition",
                    cause.partition
                )
            })?;
        let id = data
            .signal_id
            .ok_or("the signal has no `signal_id`: repeats can't be told")?;
        // A cause without a time: the record's own, which the log keeps.
        let time = cause.timestamp.unwrap_or(envelope.timestamp);
        let place = Place {
            slot,
            offset: cause.offset,
            id,
        };
        let trace = trace::current();
        Ok((
            place,
            SignalRecord {
                kind,
                data,
                time,
                trace,
            },
        ))
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
                } => {
                    out.applying(SIGNALS, offset);
                    trace::sync_scope(record.trace, || self.apply_record(record, out));
                }
                Step::Record { record: None, .. } => {}
            }
        }
    }

    fn apply_tick(&mut self, tick: &MarketTick, out: &mut Out) {
        let Some(ids) = self.by_symbol.get(&tick.symbol) else {
            return;
        };
        for id in ids {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            match session.account.on_trade(&tick.trade, &mut self.outputs) {
                Ok(()) => {}
                Err(LedgerError::InvalidTrade { price }) => {
                    metrics::counter!("forward_test_invalid_ticks_total").increment(1);
                    tracing::warn!(symbol = tick.symbol, %price, "tick can't be traded on, skipped");
                }
                Err(error) => {
                    metrics::counter!("forward_test_ledger_errors_total").increment(1);
                    tracing::error!(session = %id, %error, "ledger check failed, session ends");
                    session.account.fail(tick.trade.time, &mut self.outputs);
                    publish(
                        *id,
                        session,
                        &mut self.outputs,
                        &mut self.traces,
                        Some(&error.to_string()),
                        out,
                    );
                    continue;
                }
            }
            if !self.outputs.is_empty() {
                publish(*id, session, &mut self.outputs, &mut self.traces, None, out);
            }
        }
    }

    fn apply_record(&mut self, record: SignalRecord, out: &mut Out) {
        let SignalRecord {
            kind,
            data,
            time,
            trace,
        } = record;
        let id = data.session_id;
        match kind {
            RecordKind::Progress => {}
            RecordKind::Start => self.start_session(data, time, out),
            RecordKind::Stop => {
                let Some(mut session) = self.sessions.remove(&id) else {
                    return unknown_session(kind, id);
                };
                if let Some(ids) = self.by_symbol.get_mut(&session.symbol) {
                    ids.retain(|other| *other != id);
                }
                session.account.stop(time, &mut self.outputs);
                publish(id, &session, &mut self.outputs, &mut self.traces, None, out);
            }
            RecordKind::Signal => {
                let Some(session) = self.sessions.get_mut(&id) else {
                    return unknown_session(kind, id);
                };
                let Some(action) = convert::action(data.signal.action) else {
                    return;
                };
                let signal_id = data.signal_id.unwrap_or_default();
                if let Some(trace) = trace {
                    if self.traces.len() >= MAX_TRACES {
                        self.traces.clear();
                    }
                    self.traces.insert(signal_id, trace);
                }
                let order = OrderRequest {
                    signal_id,
                    action,
                    quantity: data.signal.quantity,
                    quantity_type: convert::quantity_type(data.signal.quantity_type),
                    reason: data.signal.reason,
                    time,
                };
                if session.account.on_signal(order, &mut self.outputs) == Disposition::NotRunning {
                    metrics::counter!("forward_test_signals_ignored_total").increment(1);
                    tracing::warn!(session = %id, "signal for a session that has ended");
                }
                publish(id, session, &mut self.outputs, &mut self.traces, None, out);
            }
        }
    }

    fn start_session(&mut self, data: StrategySignal, time: DateTime<Utc>, out: &mut Out) {
        let id = data.session_id;
        if self.sessions.contains_key(&id) {
            return;
        }
        let user_id = data.user_id.unwrap_or_default();
        let terms = data
            .start
            .map(|start| SessionTerms::new(start.initial_balance, start.fee_rate));
        let refusal = match terms {
            Some(Ok(terms)) => {
                let symbol = data.market_data.symbol;
                let mut account = Account::new(terms);
                account.start(time, &mut self.outputs);
                let strategy_id = data.strategy_id;
                let session = Session {
                    user_id,
                    strategy_id,
                    symbol: symbol.clone(),
                    account,
                };
                publish(id, &session, &mut self.outputs, &mut self.traces, None, out);
                self.by_symbol.entry(symbol).or_default().push(id);
                self.sessions.insert(id, session);
                return;
            }
            Some(Err(errors)) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                texts.join("; ")
            }
            None => "the start record has no terms".to_owned(),
        };
        tracing::error!(session = %id, refusal, "session can't start");
        let event = ForwardTestEvent {
            session_id: id,
            user_id,
            strategy_id: data.strategy_id,
            symbol: data.market_data.symbol,
            event: ForwardTestEventKind::SessionError,
            sequence: 1,
            timestamp: time,
            equity: None,
            reason: Some(refusal.clone()),
        };
        send_event(&event, out);
        out.row(Row::Ended {
            session_id: id,
            status: Status::Error,
            reason: refusal,
            time,
        });
    }
}

fn unknown_session(kind: RecordKind, id: Uuid) {
    metrics::counter!("forward_test_signals_ignored_total").increment(1);
    tracing::debug!(session = %id, kind = kind.as_str(), "record for a session that isn't here");
}

/// Sends outputs to their topics, and to the database as rows.
fn publish(
    id: Uuid,
    session: &Session,
    outputs: &mut Vec<Output>,
    traces: &mut Traces,
    error: Option<&str>,
    out: &mut Out,
) {
    if outputs.is_empty() {
        return;
    }
    let mut status = None;
    let mut time = None;
    for output in outputs.drain(..) {
        let event = |kind, sequence, timestamp, equity| ForwardTestEvent {
            session_id: id,
            user_id: session.user_id.clone(),
            strategy_id: session.strategy_id,
            symbol: session.symbol.clone(),
            event: kind,
            sequence,
            timestamp,
            equity,
            reason: None,
        };
        match output {
            Output::Started(marker) => {
                let kind = ForwardTestEventKind::SessionStarted;
                send_event(&event(kind, marker.sequence, marker.time, None), out);
                status = Some((Status::Running, None));
                time = Some(marker.time);
            }
            Output::Execution(execution) => {
                let message = TradeExecution {
                    session_id: id,
                    symbol: session.symbol.clone(),
                    user_id: Some(session.user_id.clone()),
                    strategy_id: Some(session.strategy_id),
                    ..convert::execution(execution)
                };
                count(&message, out);
                let key = id.to_string();
                // The signal's trace, not that of the tick which filled it.
                let of_signal = message.signal_id.and_then(|id| traces.remove(&id));
                trace::sync_scope(of_signal.or_else(trace::current), || {
                    let topic = Topics::TRADE_EXECUTIONS;
                    out.send(topic, None, &key, message.trade_id, &[], &message);
                });
                out.row(Row::Execution(Box::new(message)));
            }
            Output::Equity(point) => {
                let equity = convert::equity(&point);
                let kind = ForwardTestEventKind::Equity;
                send_event(&event(kind, point.sequence, point.time, Some(equity)), out);
                out.row(Row::Equity {
                    session_id: id,
                    point,
                });
            }
            Output::Stopped(point) => {
                let equity = convert::equity(&point);
                let kind = ForwardTestEventKind::SessionStopped;
                send_event(&event(kind, point.sequence, point.time, Some(equity)), out);
                status = Some((Status::Stopped, None));
                time = Some(point.time);
                out.row(Row::Equity {
                    session_id: id,
                    point,
                });
            }
            Output::Failed(marker) => {
                let mut failed = event(
                    ForwardTestEventKind::SessionError,
                    marker.sequence,
                    marker.time,
                    None,
                );
                failed.reason = error.map(str::to_owned);
                send_event(&failed, out);
                status = Some((Status::Error, error.map(str::to_owned)));
                time = Some(marker.time);
            }
        }
    }
    let account = &session.account;
    out.row(Row::Session(Box::new(SessionUpdate {
        session_id: id,
        sequence: account.sequence(),
        status,
        time,
        cash: account.cash(),
        position: account.position(),
        equity: account.equity(),
        last_price: account.last_price(),
        realized_pnl: account.realized_pnl(),
        fees: account.fees(),
        trades: account.counts().fills,
        return_pct: account.return_pct(),
    })));
}

fn count(message: &TradeExecution, out: &Out) {
    if !out.is_suppressed() {
        metrics::counter!(
            "forward_test_executions_total",
            "status" => message.status.as_str()
        )
        .increment(1);
    }
}

fn send_event(event: &ForwardTestEvent, out: &mut Out) {
    let name = format!("event/{}", event.sequence);
    let id = Uuid::new_v5(&event.session_id, name.as_bytes());
    let key = event.session_id.to_string();
    out.send(Topics::FORWARD_TEST_EVENTS, None, &key, id, &[], event);
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
                let tick = read_tick(&record);
                let tick = tick.map_err(|error| outcome = Err(error)).ok().flatten();
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

    fn snapshot(&self) -> Result<Vec<u8>, StoreError> {
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

/// `None` for the mark of missing trades: there is nothing to trade on.
fn read_tick(record: &InputRecord<'_>) -> Result<Option<MarketTick>, String> {
    let tick = envelope::decode::<TickView<'_>>(record.value)
        .map_err(|error| error.to_string())?
        .data;
    if tick.gap.is_some() {
        return Ok(None);
    }
    Ok(Some(MarketTick {
        symbol: tick.symbol.into_owned(),
        trade: MarketTrade {
            price: tick.price,
            volume: tick.volume,
            time: tick.timestamp,
        },
        trace: trace::current(),
    }))
}
